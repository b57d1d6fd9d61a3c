"""Files read without trust: regular ones of a bounded size, and plain data in them.

Whatever this package reads was written by somebody: it may be damaged, or made to harm.
Nothing here runs what a file names, reads more than was asked for, or fails with
anything but a ValueError that names the file.
"""

import json
import os
import re
import reprlib
import stat
import tomllib
from io import BufferedReader
from pathlib import Path
from typing import Any, NoReturn

MOST = 2**28
"""Bytes of the largest file of plain data: 256 MiB."""

MOST_TOML = 2**20
"""Bytes of the largest TOML file, which people write by hand."""

DEEPEST = 100
"""Lists and mappings inside one another."""

# What TOML says outside of keys, and what a key's parts are made of. Nothing is tried
# twice, so that the time is that of the text's length.
_TOML_TEXT = re.compile(
    r'''"""(?:[^"\\]|\\.|"{1,2}(?!"))*+(?:"{3,5})?+'''
    r"""|'''(?:[^']|'{1,2}(?!'))*+(?:'{3,5})?+"""
    r"""|"(?:[^"\\\n]|\\[^\n])*+"?+|'[^'\n]*+'?+|\#[^\n]*+""",
    re.DOTALL,
)
_TOML_WORD = re.compile(r"[A-Za-z0-9_\- \t]+")

_SHOW = reprlib.Repr()
_SHOW.maxlevel, _SHOW.maxstring, _SHOW.maxother = 2, 60, 60


def shown(value: object, most: int = 80) -> str:
    """What a value looks like, in at most so many characters and bounded time."""
    return _SHOW.repr(value)[:most]


def file_bytes(path: Path, most: int = MOST) -> bytes:
    """What a regular file holds.

    Raises FileNotFoundError if there is none, ValueError if it is something else (a
    folder, a pipe, a device) or larger than `most` bytes, of which no more are read.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"{path} must have at most {most} bytes, got {size}")
        return file.read(size)


def open_regular(path: Path) -> BufferedReader:
    """A regular file, open for reading; raises as `file_bytes` does."""
    # A pipe without a writer must not be waited for.
    how = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    number = os.open(path, how)
    if stat.S_ISREG(os.fstat(number).st_mode):
        return os.fdopen(number, "rb")
    os.close(number)
    raise ValueError(f"{path} must be a regular file, got another kind")


def plain_json(name: str, data: bytes | str, nan: bool = False) -> Any:
    """The plain data in some JSON, as UTF-8 if it is bytes.

    Lists and mappings are at most 100 deep, integers fit 64 bits, text can be written
    as UTF-8, and numbers are finite unless `nan`. Raises ValueError, with the name.
    """
    try:
        text = data.decode() if isinstance(data, bytes) else data
        found = json.loads(text, parse_constant=None if nan else _not_finite)
    except RecursionError as error:
        raise ValueError(f"{name} must be at most {DEEPEST} levels deep") from error
    except ValueError as error:
        raise ValueError(f"{name} must be JSON: {shown_error(error)}") from error
    return _plain(name, found, nan)


def plain_toml(name: str, data: bytes | str) -> dict[str, Any]:
    """The plain data in a TOML text, bounded as for JSON; numbers may be infinite.

    Raises ValueError, with the name, for anything else, and for dates and times.
    """
    if len(data) > MOST_TOML:
        raise ValueError(f"{name} must be at most {MOST_TOML} bytes, got {len(data)}")
    try:
        text = data.decode() if isinstance(data, bytes) else data
        # The parser keeps all beginnings of a dotted key.
        if "." * DEEPEST in _TOML_WORD.sub("", _TOML_TEXT.sub("", text)):
            raise RecursionError
        found = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError(f"{name} must be at most {DEEPEST} levels deep") from error
    except ValueError as error:
        raise ValueError(f"{name} must be TOML: {shown_error(error)}") from error
    return _plain(name, found, nan=True)


def read_json(path: Path, most: int = MOST, name: str = "") -> Any:
    """The plain data in a JSON file; see `file_bytes` and `plain_json`.

    `name` is said in the place of the path, where a caller says that.
    """
    return plain_json(name or str(path), file_bytes(path, most))


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file; see `file_bytes` and `plain_toml`."""
    return plain_toml(str(path), file_bytes(path, MOST_TOML))


def shown_error(error: BaseException, most: int = 200) -> str:
    """What an error says, in one line of at most so many characters."""
    return " ".join(str(error)[: 2 * most].split())[:most] or type(error).__name__


def _not_finite(word: str) -> NoReturn:
    raise ValueError(f"numbers must be finite, got {word}")


def _plain(name: str, whole: Any, nan: bool) -> Any:
    waiting = [(whole, 0)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, dict | list):
            if depth == DEEPEST:
                raise ValueError(f"{name} must be at most {DEEPEST} levels deep")
            inside = item
            if isinstance(item, dict):
                waiting += [(key, depth) for key in item]
                inside = item.values()
            waiting += [(each, depth + 1) for each in inside]
        elif fault := _fault(item, nan):
            raise ValueError(f"{name} must {fault}, got {shown(item)}")
    return whole


def _fault(item: Any, nan: bool) -> str:
    """What rule a single value breaks, if any."""
    if isinstance(item, str):
        try:
            return "" if item.isascii() or item.encode() else ""
        except UnicodeEncodeError:
            return "hold text that UTF-8 can write"
    if isinstance(item, float):
        # JSON itself can say 1e999.
        return "" if nan or abs(item) < float("inf") else "hold finite numbers"
    if isinstance(item, int):
        return "" if abs(item) < 2**64 else "hold integers of 64 bits"
    return "" if item is None else "hold text, numbers, lists and mappings"
