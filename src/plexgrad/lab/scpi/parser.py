"""SCPI messages out of a stream of bytes, in one pass and in bounded memory.

What is outside of blocks is at most LINE_BYTES a message, and only within them is a
token looked at again that was not whole; bytes of a block are counted, not searched.
"""

import re

from plexgrad.lab.scpi.syntax import Item, ScpiError

MOST_BYTES = 1 << 28
"""A message longer than this is an error, and not waited for."""

LINE_BYTES = 1 << 14
"""Bytes of a message outside of its blocks."""

UNITS = 64
"""Units of a message."""

_TOKEN = re.compile(
    rb"[ \t\r,]*(?:(?P<end>\n)|(?P<unit>;)|(?P<block>#)"
    rb'|"(?P<text>(?:[^"\n]|"")*)"|(?P<word>[^\s;,"#]+))'
)

_NOTHING = re.compile(rb"[ \t\r\n,;]*")
"""What may stand in front of a message and says nothing."""

Units = list[list[Item]]


class Parser:
    """Collects bytes and gives messages: units of items, without empty units."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skips = False
        self._begin()

    @property
    def held(self) -> int:
        """Bytes that are kept of a message that is not whole."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what was heard."""
        self._buffer += data

    def next(self) -> Units | None:
        """The next message; None if it is not whole.

        Raises ScpiError, -102, -161 or -223, for what can be no message; it is left
        out, up to a line feed, since nobody knows where the next one begins.
        """
        if self._skips and not self._found_line_feed():
            return None
        try:
            return self._message()
        except ScpiError:
            self._begin(self._at)
            self._skips = True
            raise

    def drop(self) -> None:
        """Forget the message that is not whole, up to its line feed."""
        self._skips = self._skips or self.held > 0
        self._begin(self.held)

    def _begin(self, after: int = 0) -> None:
        del self._buffer[:after]
        self._units: Units = [[]]
        self._at = self._plain = 0
        self._span: tuple[int, int] | None = None

    def _found_line_feed(self) -> bool:
        at = self._buffer.find(b"\n")
        self._skips = at < 0
        self._begin(self.held if self._skips else at + 1)
        return not self._skips

    def _message(self) -> Units | None:
        if not self._at and (nothing := _NOTHING.match(self._buffer)):
            del self._buffer[: nothing.end()]
        while self._span is not None or self._at < self.held:
            if self._span is not None:
                if self.held < self._span[1]:
                    return None
                self._take_block(*self._span)
                continue
            found = _TOKEN.match(self._buffer, self._at)
            end = self.held if found is None else found.end()
            if self._plain + end - self._at > LINE_BYTES:
                raise ScpiError(-223, f"Too much data;{LINE_BYTES} bytes at most")
            kind = found and found.lastgroup
            if found is None or (kind in ("word", "text") and end == self.held):
                self._refuse_open_text(found is None)
                return None
            if kind == "block":
                self._span = _span(self._buffer, end)
                if self._span is None:
                    return None
                end = self._span[0]
            self._plain += end - self._at
            self._at = end
            if self._enter(kind, found):
                return self._ended()
        return None

    def _enter(self, kind: str | None, found: "re.Match[bytes]") -> bool:
        """Take in a token; whether it ends the message."""
        if kind == "unit" and self._units[-1]:
            if len(self._units) == UNITS:
                raise ScpiError(-223, f"Too much data;{UNITS} units at most")
            self._units.append([])
        elif kind == "text":
            text = found["text"].decode("latin-1")
            self._units[-1].append(text.replace('""', '"'))
        elif kind == "word":
            self._units[-1].append(found["word"].decode("latin-1"))
        return kind == "end"

    def _take_block(self, first: int, last: int) -> None:
        with memoryview(self._buffer) as view, view[first:last] as part:
            self._units[-1].append(part.tobytes())
        self._at, self._span = last, None

    def _ended(self) -> Units:
        units = [unit for unit in self._units if unit]
        self._begin(self._at)
        return units

    def _refuse_open_text(self, is_open: bool) -> None:
        """A quoted text that no quote ends, but a line feed does, is none."""
        if is_open and self._buffer.find(b"\n", self._at) >= 0:
            wrong = bytes(self._buffer[self._at : self._at + 20])
            raise ScpiError(-102, f"Syntax error;{wrong!r}")


def message(data: bytes) -> tuple[Units, int] | None:
    """The units of the first message in `data`, and where it ends; None if unfinished.

    Raises ScpiError as `Parser.next` does.
    """
    parser = Parser()
    parser.feed(data)
    units = parser.next()
    return None if units is None else (units, len(data) - parser.held)


def _span(data: bytearray, at: int) -> tuple[int, int] | None:
    """Where the bytes of a block lie, whose "#" ends at `at`; None if not yet known."""
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
    return first, last
