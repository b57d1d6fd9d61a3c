"""A device behind a link: bytes in, bytes out, whoever carries them.

Every change has a number. One that was made already is answered and not made again, if
it is the same order to the last bit; one that comes from an earlier session (a late
copy, a host that has gone) or over another line than the host's is refused. So an
update happens once whatever the link does, and is answered as made only if it was.
`Served` keeps this for any device, `Tenure` says whose it is; firmware does the same,
but for the lease.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

from plexgrad.lab import messages
from plexgrad.lab.checksums import crc32c
from plexgrad.lab.desk import Desk
from plexgrad.lab.device import Device, Restarted
from plexgrad.lab.frames import MAX_FRAME, Deframer, Frame
from plexgrad.lab.hello import Hello
from plexgrad.lab.messages import SESSION, Command, Reader, Status
from plexgrad.lab.tenure import LEASE_S, Busy, Tenure

STRANGER_BYTES = 1 << 12
"""Bytes of an unfinished frame that are kept of a line which is not the host's."""

ORDER_BYTES = 1 << 16
"""Bytes of an order that is kept itself, to tell it from another; else its digest."""

FULL = Frame(0, 0, Status.BUSY).encode()
"""What a line is told for which there is no place."""


class Connection:
    """One line to a served device: a function from bytes heard to bytes to say.

    A line whose end nobody tells, as of a terminal, is not `lasting`.
    """

    def __init__(self, served: "Served", lasting: bool = True) -> None:
        self.served, self.lasting = served, lasting
        self.version = 1
        self._deframer = Deframer()
        self._since = time.monotonic()

    def __call__(self, data: bytes) -> bytes:
        return b"".join(self.answers(data))

    def answers(self, data: bytes) -> Iterator[bytes]:
        """The answers to what was heard, each made when it is asked for."""
        before = self._deframer.damaged
        for frame in self._deframer.feed(data):
            yield self.served.reply(frame, self)
        too_much = self._deframer.held > STRANGER_BYTES and self.stranger_s > 0
        if too_much:
            self._deframer.clear()
        if too_much or self._deframer.damaged > before:
            yield self.damaged()

    def damaged(self) -> bytes:
        """What is said of a frame that did not come whole."""
        return Frame(0, 0, Status.DAMAGED, version=self.version).encode()

    @property
    def stranger_s(self) -> float:
        """Seconds for which the line was not that of the device's host; 0 if it is."""
        now = time.monotonic()
        if self.served.has_host_at(self):
            self._since = now
        return now - self._since

    def close(self) -> None:
        """The line is gone."""
        self.served.release(self)


class Served:
    """A device, and what it remembers of its host: the last change, and its order."""

    def __init__(self, device: Device, lease_s: float | int = LEASE_S) -> None:
        self.device, self.tenure = device, Tenure(lease_s)
        self.desk = Desk(device)
        self.lock = threading.Lock()
        self.changes = 0
        self._told: dict[str, Any] = {}
        self._restart()

    def connection(self) -> "Connection":
        """A new line to the device, which is closed when its end is told."""
        return Connection(self)

    def shared_line(self) -> "Connection":
        """A new line to the device that stays when hosts go."""
        return Connection(self, lasting=False)

    def has_host_at(self, line: "Connection") -> bool:
        """Whether the host that has the device is at the end of this line."""
        return line is self.tenure.line and self.tenure.token is not None

    def release(self, line: "Connection") -> None:
        """The line is gone; its host may come back over another one."""
        with self.lock:
            self.tenure.hung_up(line)

    def reply(self, frame: Frame, line: "Connection") -> bytes:
        """The answer to a frame, as bytes."""
        with self.lock:
            if frame.code != Command.HELLO or frame.version != 1:
                if frame.version < line.version:
                    # Damage of version 2 can look like a whole frame of version 1.
                    return line.damaged()
                return self._reply(frame, lambda: self._do(frame, line))
            try:
                hello = Hello.decode(frame.payload)
            except ValueError:
                return line.damaged()
            told = replace(frame, version=hello.version)
            return self._reply(told, lambda: self._hello(hello, line))

    def restart(self) -> None:
        """Forget the host, as after a power cut; the device forgets on its own."""
        with self.lock:
            self._restart()

    def _restart(self) -> None:
        self.boot = int.from_bytes(os.urandom(4), "little")
        self.tenure.forget()
        self.desk.forget()
        self._begin()

    def _begin(self) -> None:
        """Numbers of another host: from anywhere, so that none is expected by two."""
        self.last = int.from_bytes(os.urandom(4), "little") >> 1
        self._made: bytes | int = b""
        self._trace = b""
        self.desk.uploads.forget()

    def _reply(self, frame: Frame, do: Callable[[], tuple[Status, bytes]]) -> bytes:
        try:
            status, payload = do()
        except (ValueError, TypeError, NotImplementedError) as error:
            status, payload = Status.REFUSED, str(error).encode()
        except Restarted:
            self._restart()
            status, payload = Status.SESSION, b""
        except Exception as error:  # a driver's; the server goes on
            said = f"{type(error).__name__}: {error}"
            status, payload = Status.FAILED, said.encode()
        to = frame.sequence, frame.session
        try:
            return Frame(*to, status, payload, frame.version).encode()
        except ValueError as error:  # longer than a host takes
            said = f"the answer: {error}; ask for less at once".encode()
            return Frame(*to, Status.REFUSED, said, frame.version).encode()

    def _do(self, frame: Frame, line: Connection) -> tuple[Status, bytes]:
        reader = Reader(frame.payload)
        session = reader.bytes(SESSION) if frame.version == 2 else frame.session
        if not self.tenure.holds(session, line):
            return Status.SESSION, b""
        self.tenure.touch()
        try:
            return self._obey(frame.code, reader)
        finally:
            self.tenure.touch()  # it may have taken long

    def _obey(self, code: int, reader: Reader) -> tuple[Status, bytes]:
        if code == Command.BYE:
            self.tenure.goodbye()
            self.desk.uploads.forget()
            return Status.OK, b""
        number = reader.number()
        if code in (Command.READ, Command.MEASURE, Command.PART):
            if number != self.last:
                return Status.SESSION, b""
            if code == Command.PART:
                return Status.OK, self.desk.part(reader)
        elif number != self.last + 1 and not self._is_made(number, code, reader):
            # A late copy, or another order by the number of one that was made.
            return Status.SESSION, b""
        order = reader.data[reader.at :]
        change, asked = self.desk.order(code, reader)
        if change is not None and number == self.last + 1:
            self._trace = change()
            self.last, self._made = number, _kept(code, order)
            self.changes += 1
        if code == Command.READ:
            return Status.OK, messages.array(self.device.read_parameters())
        if asked is not None:
            return Status.OK, messages.answer(self.device.measure(*asked))
        return Status.OK, self._trace if code == Command.RUN else b""

    def _is_made(self, number: int, code: int, reader: Reader) -> bool:
        order = reader.data[reader.at :]
        return number == self.last and _kept(code, order) == self._made

    def _hello(self, hello: Hello, line: Connection) -> tuple[Status, bytes]:
        try:
            if self.tenure.claim(hello, line):
                self._begin()
        except Busy as busy:
            return Status.BUSY, busy.said(hello.version)
        line.version = hello.version
        made = self._made if isinstance(self._made, int) else crc32c(self._made)
        known = {"boot": self.boot, "last": self.last, **self._about()}
        if hello.version == 1:
            return Status.OK, messages.plain({"session": self.tenure.short, **known})
        more = {"frame": 2, "to": f"{hello.token:016x}", "made": made}
        more |= {"session": self.tenure.session.hex(), "room": MAX_FRAME, "parts": True}
        return Status.OK, messages.plain(more | known)

    def _about(self) -> dict[str, Any]:
        """Who the device is and what it can do, made once."""
        if not self._told:
            self._told = {
                "identity": asdict(self.device.identify()),
                "capabilities": self.device.capabilities.to_json(),
            }
        return self._told


def _kept(code: int, order: bytes) -> bytes | int:
    """What is kept of an order, to tell it from another: itself, or its digest."""
    short = len(order) < ORDER_BYTES
    return bytes([code]) + order if short else messages.digest(code, order)
