"""Questions to an instrument, and the answers that belong to them.

An answer may come late, twice, or not at all. An instrument with an echo (SYST:CAP?
names it: SYST:ECHO? or *ESE, which every instrument of IEEE 488.2 has) gives a number
back at the beginning and the end of every answer, and only what stands between the
right ones is taken; anything else is left out, until the time is over. Without an echo,
what lies in the line before a question is thrown away. A time-out ends the connection.
"""

import os
import time
from collections.abc import Callable

from plexgrad.lab.device import LinkCounts, LinkLost
from plexgrad.lab.scpi.parser import LINE_BYTES, Parser, Units
from plexgrad.lab.scpi.syntax import ScpiError
from plexgrad.lab.transports.transport import Line

ECHOES = {"SYST:ECHO?": 2**32, "*ESE": 2**8}
"""The ways of getting a number back, and how many numbers there are."""

Fits = Callable[[Units], bool]


class Dialogue:
    """A line to an instrument, with one question at a time.

    `stale` counts answers that belonged to no question. Its methods raise LinkLost, and
    hang up, if there is no answer in time.
    """

    def __init__(self, line: Line, link: LinkCounts, timeout_s: float | int) -> None:
        self.line, self.link, self.timeout_s = line, link, timeout_s
        self.echo = ""
        self.up = False
        self.stale = 0
        self._number = int.from_bytes(os.urandom(4), "little")

    def open(self) -> None:
        """Connect."""
        self.line.open()
        self.up = True

    def close(self) -> None:
        """Hang up."""
        self.line.close()
        self.up = False

    def ask(
        self, units: list[bytes], longer: float = 0.0, fits: Fits = lambda found: True
    ) -> Units:
        """The answers to the units of a message; `fits` says what can be one."""
        front, back, told = self._tags()
        ends = len(front) > 0

        def mine(found: Units) -> bool:
            if not ends:
                return fits(found)
            tagged = len(found) > 1 and found[0] == found[-1] == [told]
            return tagged and fits(found[1:-1])

        found = self._heard(joined([*front, *units, *back]), mine, longer)
        return found[1:-1] if ends else found

    def name(self, known: str = "") -> str:
        """The answer to *IDN?, as it is; another one than `known` is waited for."""
        until, heard, other = time.monotonic() + self.timeout_s, b"", ""
        with Hanging(self):
            self._drain()
            self._send(b"*IDN?")
            left = float(self.timeout_s)
            while data := self._receive(left):
                *lines, heard = (heard + data).split(b"\n")
                for line in lines:
                    said = line.decode("latin-1").strip()
                    if said == known or (not known and said):
                        return said
                    # Not what is left of some other answer.
                    other = said if _is_name(said) else other
                heard = heard[-LINE_BYTES:]
                if (left := until - time.monotonic()) <= 0:
                    break
            if not other:
                raise self._nobody(self.timeout_s)
        return other

    def _heard(self, asked: bytes, mine: Fits, longer: float) -> Units:
        patience, parser, wrong = self.timeout_s + longer, Parser(), None
        with Hanging(self):
            self._drain()
            self._send(asked)
            until, left = time.monotonic() + patience, patience
            # Once at least: an answer that is there counts, however long this slept.
            while data := self._receive(left):
                parser.feed(data)
                try:
                    while (found := parser.next()) is not None:
                        if mine(found):
                            return found
                        self.stale += 1
                        wrong = f"got {found!r:.60}"
                except ScpiError as error:
                    wrong = f"the answer must be a message: {error}"
                if (left := until - time.monotonic()) <= 0:
                    break
            raise self._nobody(patience, wrong)

    def _nobody(self, patience: float | int, wrong: str | None = None) -> LinkLost:
        said = f"{self.line.url} must answer within {patience:g} s"
        return LinkLost(f"{said}, {wrong}" if wrong else said)

    def _tags(self) -> tuple[list[bytes], list[bytes], str]:
        """What is asked before and after the units, and what must be answered."""
        if not self.echo:
            return [], [], ""
        self._number = (self._number + 1) % ECHOES[self.echo]
        number = b"%d" % self._number
        if self.echo == "*ESE":
            return [b"*ESE " + number, b"*ESE?"], [b"*ESE?"], number.decode()
        asked = self.echo.encode() + b" " + number
        return [asked], [asked], number.decode()

    def _send(self, asked: bytes) -> None:
        self.line.send(asked + b"\n")
        self.link.bytes_out += len(asked) + 1

    def _receive(self, timeout_s: float) -> bytes:
        data = self.line.receive(max(timeout_s, 1e-3))
        self.link.bytes_in += len(data)
        return data

    def _drain(self) -> None:
        """Throw away what lies in the line, where no echo tells it from an answer."""
        if self.echo or not getattr(self.line, "drains", True):
            return
        until = time.monotonic() + self.timeout_s
        while data := self.line.receive(0.0):
            self.link.bytes_in += len(data)
            self.stale += 1
            if time.monotonic() > until:
                raise LinkLost(f"{self.line.url} talks without being asked")


class Hanging:
    """Hangs up if the link is lost inside of it."""

    def __init__(self, dialogue: Dialogue) -> None:
        self.dialogue = dialogue

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, *error: object) -> None:
        if kind is not None and issubclass(kind, LinkLost):
            self.dialogue.close()


def joined(units: list[bytes]) -> bytes:
    """Units as one message, each from the root."""
    rest = (unit if unit.startswith(b"*") else b":" + unit for unit in units[1:])
    return b";".join([*units[:1], *rest])


def _is_name(said: str) -> bool:
    return said.count(",") == 3 and said.isprintable() and "#" not in said
