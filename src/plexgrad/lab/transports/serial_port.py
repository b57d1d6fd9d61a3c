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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from plexgrad.core.extras import lacking, needed
from plexgrad.lab.device import LinkLost
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
    """Answers on a pseudo-terminal from a thread, until it is closed."""

    def __init__(self, connect: Callable[[], Callable[[bytes], bytes]]) -> None:
        import tty

        self._main, self._other = os.openpty()
        tty.setraw(self._other)
        self.url = f"serial:{os.ttyname(self._other)}"
        self._hear = connect()
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
        while not self._closing:
            if not select.select([self._main], [], [], 0.2)[0]:
                continue
            said = self._hear(os.read(self._main, 1 << 16))
            while said:
                said = said[os.write(self._main, said) :]
