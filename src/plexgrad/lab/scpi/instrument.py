"""Any device as an SCPI instrument: what `plexgrad chip serve --at scpi://...` runs.

A connection is a function from bytes heard to bytes to say. What a header means stands
in `commands`. An unknown one puts -113 in the queue of errors and is answered with
nothing, as SCPI-99 has it; the units behind it are done.
"""

from plexgrad.lab.device import Device, Restarted
from plexgrad.lab.scpi.commands import COMMANDS
from plexgrad.lab.scpi.session import POWER_ON, Session, Status
from plexgrad.lab.scpi.syntax import Item, ScpiError, message, resolved


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
        self._heard = b""

    def __call__(self, data: bytes) -> bytes:
        self._heard += data
        said = b""
        while self._heard:
            try:
                found = message(self._heard)
            except ScpiError as error:
                self.session.fail(error)
                # Nobody knows where the next message begins, but after a line feed.
                self._heard = self._heard.partition(b"\n")[2]
                continue
            if found is None:
                break
            units, end = found
            self._heard = self._heard[end:]
            with self.session.status.lock:
                said += self._answered(units)
        return said

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
            except ScpiError as error:
                self.session.fail(error)
        return b";".join(answers) + b"\n" if answers else b""

    def _do(self, name: str, items: list[Item]) -> bytes | None:
        if name not in COMMANDS:
            raise ScpiError(-113, f"Undefined header;{name}")
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
            raise ScpiError(-315, f"Configuration memory lost;{error}") from error
        except (ValueError, TypeError, NotImplementedError) as error:
            raise ScpiError(-200, f"Execution error;{error}") from error
        except Exception as error:  # a driver's; the instrument goes on
            said = f"Device-specific error;{type(error).__name__}: {error}"
            raise ScpiError(-300, said) from error
