"""SCPI messages as text and blocks, and back: units, items, headers.

A message ends with a line feed outside of a block; its units are separated by
semicolons. A block is "#", the number of digits, the length in these digits, and so
many bytes: a definite-length arbitrary block of IEEE 488.2. Source: SCPI-99, volume 1,
chapters 5 to 7.
"""

import re
from itertools import product

import numpy as np

Item = str | bytes
"""A word, a number or a quoted text; or the bytes of a block."""


class ScpiError(Exception):
    """An error with its number in SCPI-99, volume 2, chapter 21."""

    def __init__(self, number: int, words: str) -> None:
        super().__init__(words)
        self.number, self.words = number, words

    def __str__(self) -> str:
        quoted = self.words.replace('"', "'").replace("\n", " ")
        return f'{self.number},"{quoted}"'


def block(values: np.ndarray | bytes) -> bytes:
    """An array's bytes (as they are: see `array`) as a definite-length block."""
    data = values if isinstance(values, bytes) else np.ascontiguousarray(values).data
    size = str(len(data) if isinstance(data, bytes) else data.nbytes).encode()
    return b"#%d%s%s" % (len(size), size, bytes(data))


def spellings(pattern: str) -> list[str]:
    """All headers that a pattern stands for, in capitals.

    Capitals are the short form, and a node in brackets may be left out:
    "SYSTem:ERRor[:NEXT]?" is also SYST:ERR? and SYSTEM:ERR:NEXT?.
    """
    query = "?" if pattern.endswith("?") else ""
    forms = []
    for node in re.findall(r"\[:?\w+\]|\*?\w+", pattern):
        name = node.strip("[:]")
        short = re.sub(r"[a-z]", "", name)
        either = {short, name.upper()} | ({""} if node.startswith("[") else set())
        forms.append(sorted(either))
    chosen = (":".join(filter(None, nodes)) for nodes in product(*forms))
    return [header + query for header in chosen]


def resolved(header: str, path: str) -> tuple[str, str]:
    """A header from the root, in capitals, and the path for the unit after it.

    A unit without a leading colon goes on in the subsystem of the one before; common
    commands, with an asterisk, are nowhere and leave the path as it is.
    """
    header = header.upper()
    if header.startswith("*"):
        return header, path
    whole = header[1:] if header.startswith(":") else path + header
    return whole, whole[: whole.rfind(":") + 1]
