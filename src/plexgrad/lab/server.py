"""A device behind a link: bytes in, bytes out, whoever carries them.

Every change has a number. One that was made already is answered and not made again,
one that comes from an earlier session (a late copy, a host that has gone) is refused,
so an update happens once whatever the link does. `Served` keeps this for any device;
firmware does the same with one counter and one session word.
"""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from plexgrad.lab import messages
from plexgrad.lab.desk import Desk
from plexgrad.lab.device import Device, Restarted
from plexgrad.lab.frames import Deframer, Frame
from plexgrad.lab.messages import Command, Reader, Status

LEASE_S = 10.0
"""A host that was silent for so long may be replaced by another one."""

STRANGER_BYTES = 1 << 12
"""Bytes of an unfinished frame that are kept of a line which is not the host's."""

FULL = Frame(0, 0, Status.BUSY).encode()
"""What a line is told for which there is no place."""


class Connection:
    """One line to a served device: a function from bytes heard to bytes to say."""

    def __init__(self, served: "Served") -> None:
        self.served, self._deframer = served, Deframer()
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
            yield Frame(0, 0, Status.DAMAGED).encode()

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
    """A device, and what it remembers of its host: session and last change."""

    def __init__(self, device: Device, lease_s: float | int = LEASE_S) -> None:
        self.device, self.lease_s = device, lease_s
        self.desk = Desk(device)
        self.lock = threading.Lock()
        self.boot = int.from_bytes(os.urandom(4), "little")
        self.session = int.from_bytes(os.urandom(2), "little")
        self.owner: int | None = None
        self.heard = 0.0
        self.last = 0
        self.changes = 0
        self.line: Connection | None = None
        self._told: dict[str, Any] = {}
        self._trace = b""

    def connection(self) -> "Connection":
        """A new line to the device."""
        return Connection(self)

    def has_host_at(self, line: "Connection") -> bool:
        """Whether the host that has the device is at the end of this line."""
        return line is self.line and self.owner is not None

    def release(self, line: "Connection") -> None:
        """The line is gone; if its host spoke last, another one may come at once."""
        with self.lock:
            if line is self.line:
                self.owner = None

    def reply(self, frame: Frame, line: "Connection") -> bytes:
        """The answer to a frame, as bytes."""
        with self.lock:
            if frame.code == Command.HELLO:
                self.line = line
            return self._reply(frame)

    def restart(self) -> None:
        """Forget the host, as after a power cut; the device forgets on its own."""
        with self.lock:
            self._restart()

    def _restart(self) -> None:
        self.boot = int.from_bytes(os.urandom(4), "little")
        self.session, self.owner, self.last = self.session + 1 & 0xFFFF, None, 0
        self.desk.forget()

    def _reply(self, frame: Frame) -> bytes:
        try:
            status, payload = self._do(frame)
        except (ValueError, TypeError, NotImplementedError) as error:
            status, payload = Status.REFUSED, str(error).encode()
        except Restarted:
            self._restart()
            status, payload = Status.SESSION, b""
        except Exception as error:  # a driver's; the server goes on
            said = f"{type(error).__name__}: {error}"
            status, payload = Status.FAILED, said.encode()
        return Frame(frame.sequence, frame.session, status, payload).encode()

    def _do(self, frame: Frame) -> tuple[Status, bytes]:
        reader = Reader(frame.payload)
        if frame.code == Command.HELLO:
            return self._hello(reader.number())
        if frame.session != self.session or self.owner is None:
            return Status.SESSION, b""
        self.heard = time.monotonic()
        if frame.code == Command.BYE:
            self.owner = None
            return Status.OK, b""
        number, code = reader.number(), frame.code
        if code in (Command.READ, Command.MEASURE):
            if number != self.last:
                return Status.SESSION, b""
        elif number > self.last + 1:
            return Status.SESSION, b""
        elif code == Command.STEP and number < self.last:
            return Status.SESSION, b""  # a late copy: its host waits no more
        change, asked = self.desk.order(code, reader)
        if change is not None and number == self.last + 1:
            self._trace = change()
            self.last = number
            self.changes += 1
        if code == Command.READ:
            return Status.OK, messages.array(self.device.read_parameters())
        if asked is not None:
            return Status.OK, messages.answer(self.device.measure(*asked))
        return Status.OK, self._trace if code == Command.RUN else b""

    def _hello(self, token: int) -> tuple[Status, bytes]:
        now = time.monotonic()
        silent = now - self.heard
        if self.owner not in (None, token) and silent < self.lease_s:
            return Status.BUSY, f"{self.lease_s - silent:.1f}".encode()
        self.owner, self.heard = token, now
        # Copies of what was sent before this hello are from another session.
        self.session = self.session + 1 & 0xFFFF
        return Status.OK, messages.plain(
            {
                "session": self.session,
                "boot": self.boot,
                "last": self.last,
                **self._about(),
            }
        )

    def _about(self) -> dict[str, Any]:
        """Who the device is and what it can do, made once."""
        if not self._told:
            self._told = {
                "identity": asdict(self.device.identify()),
                "capabilities": self.device.capabilities.to_json(),
            }
        return self._told
