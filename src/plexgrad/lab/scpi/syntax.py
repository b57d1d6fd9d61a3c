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

MOST_BYTES = 1 << 28
"""A message longer than this is an error, and not waited for."""

_TOKEN = re.compile(
    rb"[ \t\r,]*(?:(?P<end>\n)|(?P<unit>;)|(?P<block>#)"
    rb'|"(?P<text>(?:[^"\n]|"")*)"|(?P<word>[^\s;,"#]+))'
)


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


def message(data: bytes) -> tuple[list[list[Item]], int] | None:
    """The units of the first message in `data`, and where it ends; None if unfinished.

    Raises ScpiError, -102 or -161, for what can be no message.
    """
    units: list[list[Item]] = [[]]
    at = 0
    while at < len(data):
        found = _TOKEN.match(data, at)
        if found is None:
            if data.find(b"\n", at) < 0 and len(data) < MOST_BYTES:
                return None
            raise ScpiError(-102, f"Syntax error;{data[at : at + 20]!r}")
        at = found.end()
        kind = found.lastgroup
        if kind == "end":
            return [unit for unit in units if unit], at
        if kind == "unit":
            units.append([])
        elif kind == "block":
            span = _span(data, at)
            if span is None:
                return None
            units[-1].append(data[slice(*span)])
            at = span[1]
        elif kind == "text":
            units[-1].append(found["text"].decode("latin-1").replace('""', '"'))
        elif at < len(data):
            units[-1].append(found["word"].decode("latin-1"))
    return None


def _span(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the bytes of a block lie, whose "#" ends at `at`; None if unfinished."""
    if at == len(data):
        return None
    digits = data[at] - ord("0")
    head = data[at + 1 : at + 1 + digits]
    if not 1 <= digits <= 9 or not (head.isdigit() or not head):
        raise ScpiError(-161, "Invalid block data;a block must be #<digits><length>")
    if len(head) < digits:
        return None
    first = at + 1 + digits
    last = first + int(head)
    if last > MOST_BYTES:
        raise ScpiError(-161, f"Invalid block data;{MOST_BYTES} bytes at most")
    return (first, last) if last <= len(data) else None


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
