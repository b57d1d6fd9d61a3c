"""Serial ports and what looks like one: `serial:/dev/ttyUSB0?baud=115200`.

What follows `serial:` is a pyserial URL: a port, `loop://`, `socket://host:port`,
`rfc2217://...`. FTDI adapters hold short answers back for up to 16 ms unless their
latency timer is set to 1 ms; low-latency mode is asked for where the driver has it.
Needs pyserial, the extra `lab`.
"""

import contextlib
import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from plexgrad.core.extras import lacking, needed
from plexgrad.lab.device import LinkLost
from plexgrad.lab.transports.listening import (
    PAUSE_S,
    SEND_S,
    Connect,
    answers,
    hang_up,
)
from plexgrad.lab.transports.transport import AbstractTransport, parts


class Serial(AbstractTransport):
    """A serial line through pyserial."""

    scheme: ClassVar[str] = "serial"

    def __init__(self, port: str, baud: int = 115200) -> None:
        self.port, self.baud = port, baud
        self.url = f"serial:{port}?baud={baud}"
        self._serial: Any = None
        self._error: type[Exception] = OSError

    @classmethod
    def of(cls, url: str) -> "Serial":
        rest = url.partition(":")[2]
        place, options = parts("serial:" + rest, {"baud": int})
        head, mark, _ = rest.partition("?")
        return cls(head if mark or "://" in rest else place, **options)

    @classmethod
    def missing(cls) -> str:
        """What to install first; "" if it is here."""
        return lacking("serial", "lab")

    @classmethod
    @contextmanager
    def demo(cls) -> Iterator["Serial"]:
        with PtyListener(lambda: lambda data: data) as listener:
            yield cls.of(listener.url)

    def open(self) -> None:
        self.close()
        serial = needed("serial", "lab")
        self._error = serial.SerialException
        try:
            self._serial = serial.serial_for_url(
                self.port, baudrate=self.baud, timeout=0, write_timeout=5
            )
            self._serial.reset_input_buffer()
        except (OSError, ValueError, self._error) as error:
            raise LinkLost(f"{self.url} cannot be opened: {error}") from error
        with contextlib.suppress(Exception):  # not every port has such a mode
            self._serial.set_low_latency_mode(True)

    def close(self) -> None:
        if self._serial is not None:
            with contextlib.suppress(OSError, self._error):
                self._serial.close()
            self._serial = None

    def send(self, data: bytes) -> None:
        self._line()
        try:
            self._serial.write(data)
        except (OSError, self._error) as error:
            raise LinkLost(f"{self.url} is gone: {error}") from error

    def receive(self, timeout_s: float | int) -> bytes:
        self._line()
        try:
            self._serial.timeout = timeout_s
            data = self._serial.read(1)
            if data and (more := self._serial.in_waiting):
                data += self._serial.read(more)
        except (OSError, TypeError, self._error) as error:
            raise LinkLost(f"{self.url} is gone: {error}") from error
        return data

    def _line(self) -> None:
        if self._serial is None:
            raise LinkLost(f"{self.url} is not open")


class PtyListener:
    """Answers on a pseudo-terminal from a thread, until it is closed.

    Only this user may open it; `notice` says so.
    """

    def __init__(self, connect: Connect) -> None:
        import tty

        self._main, self._other = os.openpty()
        tty.setraw(self._other)
        os.set_blocking(self._main, False)
        name = os.ttyname(self._other)
        os.chmod(name, 0o600)
        self.url = f"serial:{name}"
        self.notice = "no keys: every program of this user can drive this chip"
        self.connect, self.failed = connect, 0
        self._closing = False
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def __enter__(self) -> "PtyListener":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering, and take the terminal away."""
        self._closing = True
        self._thread.join(2)
        for end in (self._main, self._other):
            os.close(end)

    def _answer(self) -> None:
        hear = self.connect()
        while not self._closing:
            try:
                if self._ready(select.POLLIN, 0.2):
                    for said in answers(hear, os.read(self._main, 1 << 16)):
                        self._say(said)
            except Exception:  # a broken line, or what answers: begin again
                self.failed += 1
                hang_up(hear)
                hear = self.connect()
                time.sleep(PAUSE_S)
        hang_up(hear)

    def _say(self, said: bytes) -> None:
        """Write, as fast as it is read; what nobody reads is dropped."""
        since = time.monotonic()
        while said and not self._closing:
            if self._ready(select.POLLOUT, 0.2):
                said = said[os.write(self._main, said) :]
                since = time.monotonic()
            elif time.monotonic() - since > SEND_S:
                return

    def _ready(self, event: int, timeout_s: float) -> bool:
        poller = select.poll()
        poller.register(self._main, event)
        return bool(poller.poll(int(1e3 * timeout_s)))
