"""Words from devices, files and users, made safe to show."""

import re
import unicodedata
from typing import Any

_ODD = re.compile(r"[^\n\t -~]")

MOST = 2000
"""Characters of one text that are shown."""


def plain(text: Any, most: int = MOST) -> str:
    """A text without what a terminal would obey: escapes are shown, not sent.

    Line ends and tabs stay; what is longer than `most` is cut.
    """
    whole = str(text)
    shown = _ODD.sub(_shown, whole[:most])
    return shown if len(whole) <= most else f"{shown}..."


def line(text: Any, most: int = MOST) -> str:
    """`plain`, on one line."""
    return plain(" ".join(str(text).split()), most)


def _shown(found: re.Match[str]) -> str:
    letter = found[0]
    if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co"):
        return letter
    return letter.encode("unicode_escape", "backslashreplace").decode()
