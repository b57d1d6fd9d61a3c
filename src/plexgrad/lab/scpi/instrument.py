"""Any device as an SCPI instrument: what `plexgrad chip serve --at scpi://...` runs.

A connection is a function from bytes heard to bytes to say. What a header means stands
in `commands`. An unknown one puts -113 in the queue of errors and is answered with
nothing, as SCPI-99 has it; the units behind it are done.
"""

import time
from collections.abc import Iterator

from plexgrad.lab.device import Device, Restarted, Shown
from plexgrad.lab.scpi.commands import COMMANDS
from plexgrad.lab.scpi.parser import Parser
from plexgrad.lab.scpi.session import POWER_ON, SMALL_BYTES, Session, Status
from plexgrad.lab.scpi.syntax import Item, ScpiError, resolved
from plexgrad.lab.serving_limits import Keeps

IDLE_S = 600.0
"""Seconds for which a line may be silent between two messages."""

ANSWER_BYTES = 1 << 26
"""Bytes of the answer to a message."""


class Instrument:
    """A device that speaks SCPI; one message at a time has it."""

    def __init__(self, device: Device) -> None:
        self.device, self.status = device, Status()

    def connection(self) -> "Connection":
        """A new line to the instrument."""
        return Connection(Session(self.device, self.status))


class Connection:
    """One line: a function from bytes heard to bytes to say."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._parser = Parser()
        self._known = False
        self._heard_at = time.monotonic()

    def __call__(self, data: bytes) -> bytes:
        return b"".join(self.answers(data))

    def answers(self, data: bytes) -> Iterator[bytes]:
        """The answers to what was heard, each made when it is asked for."""
        if self._known:
            self._heard_at = time.monotonic()
        self._parser.feed(data)
        while True:
            try:
                units = self._parser.next()
            except ScpiError as error:
                self.session.fail(error)
                continue
            if units is None:
                break
            with self.session.status.lock:
                said = self._answered(units)
            if said:
                yield said
        self._keep_in_bounds()

    @property
    def stranger_s(self) -> float:
        """Seconds for which nobody was here who is known by a command that there is.

        Somebody who is known may be silent for IDLE_S, but not within a message.
        """
        silent = time.monotonic() - self._heard_at
        if self._known and not self._parser.held:
            return max(0.0, silent - IDLE_S)
        return silent

    def close(self) -> None:
        """The line is gone."""
        self._parser.drop()
        self.session.shown = Shown()
        self.session.status.room.leave(self)

    def _keep_in_bounds(self) -> None:
        """Drop what this line keeps, if all lines together keep too much.

        A line that has said no command that there is keeps little.
        """
        room, session = self.session.status.room, self.session
        size = self._parser.held + session.size
        may = self._known or size <= SMALL_BYTES
        if may and room.take(self, size):
            return
        self._parser.drop()
        session.shown = Shown()
        room.take(self, 0)
        session.fail(
            ScpiError(-225, "Out of memory;too much is kept that is not whole")
        )

    def _answered(self, units: list[list[Item]]) -> bytes:
        """The answers to the units of a message, joined; b"" if there are none."""
        answers, path = [], ""
        for header, *items in units:
            try:
                if not isinstance(header, str):
                    raise ScpiError(-102, "Syntax error;a header must come first")
                name, path = resolved(header, path)
                if (told := self._do(name, items)) is not None:
                    answers.append(told)
                if sum(map(len, answers)) > ANSWER_BYTES:
                    answers.clear()
                    said = f"Query DEADLOCKED;{ANSWER_BYTES} bytes at most"
                    raise ScpiError(-430, said)
            except ScpiError as error:
                self.session.fail(error)
        return b";".join(answers) + b"\n" if answers else b""

    def _do(self, name: str, items: list[Item]) -> bytes | None:
        if name not in COMMANDS:
            raise ScpiError(-113, f"Undefined header;{name}")
        self._known = True
        command, count = COMMANDS[name]
        if len(items) != count:
            missing = len(items) < count
            words = "Missing parameter" if missing else "Parameter not allowed"
            said = f"{words};{name} takes {count}, got {len(items)}"
            raise ScpiError(-109 if missing else -108, said)
        try:
            return command(self.session, *items)
        except ScpiError:
            raise
        except Restarted as error:
            self.session.status.events |= POWER_ON
            self.session.status.keeps = Keeps()
            raise ScpiError(-315, f"Configuration memory lost;{error}") from error
        except (ValueError, TypeError, NotImplementedError) as error:
            raise ScpiError(-200, f"Execution error;{error}") from error
        except Exception as error:  # a driver's; the instrument goes on
            said = f"Device-specific error;{type(error).__name__}: {error}"
            raise ScpiError(-300, said) from error
