"""VISA resources as lines, by PyVISA: `visa:RESOURCE`, and `scpi://HOST:PORT`.

PyVISA with the backend PyVISA-py (extra `scpi`) is Python alone;
another backend ("@ivi") is a vendor's VISA library, with USB and GPIB.
"""

import contextlib
import select
import socket
from functools import cache
from typing import Any

from plexgrad.core.extras import install
from plexgrad.lab.device import LinkLost

OPEN_S = 5.0
"""Seconds in which a resource must open."""

CHUNK = 1 << 16
"""Bytes that are read at once."""


class VisaLine:
    """A line to a VISA resource such as TCPIP0::127.0.0.1::5025::SOCKET.

    Follows `Line`. `open` raises FileNotFoundError, saying what to install, without
    PyVISA. Where there is no socket (GPIB, USB), `open` sends a device clear, which
    throws away what was not read, and reading while there is nothing is an error to
    the instrument: such lines are not drained.
    """

    def __init__(self, resource: str, backend: str = "@py") -> None:
        self.resource, self.backend = resource, backend
        self.url = f"visa:{resource}"
        self._open: Any = None
        self._socket: socket.socket | None = None
        self._timeout_ms = 0.0

    @property
    def drains(self) -> bool:
        """Whether it may be read while nothing was asked."""
        return self._socket is not None

    def open(self) -> None:
        self.close()
        manager = _manager(self.backend)
        try:
            self._open = manager.open_resource(
                self.resource, open_timeout=round(1e3 * OPEN_S)
            )
        except Exception as error:  # PyVISA-py raises a bare one
            raise LinkLost(f"nobody answers at {self.url}: {error}") from error
        self._timeout_ms = 0.0
        send_at_once(self._open)
        self._socket = socket_of(self._open)
        if self._socket is None:
            self._open.read_termination = "\n"
            with contextlib.suppress(Exception):
                self._open.clear()

    def close(self) -> None:
        if self._open is not None:
            with contextlib.suppress(Exception):
                self._open.close()
        self._open = self._socket = None

    def send(self, data: bytes) -> None:
        try:
            self._line().write_raw(data)
        except (OSError, _errors()) as error:
            raise LinkLost(f"{self.url} is gone: {error}") from error

    def receive(self, timeout_s: float | int) -> bytes:
        """What has come; b"" if nothing does in time."""
        self._line()
        try:
            if self._socket is None:
                self._wait_at_most(timeout_s)
                return self._read(CHUNK)
            # PyVISA-py waits on while anything comes: it is asked for what is there.
            if not select.select([self._socket], [], [], timeout_s)[0]:
                return b""
            there = len(self._socket.recv(CHUNK, socket.MSG_PEEK))
            if not there:
                raise LinkLost(f"{self.url} has hung up")
            return self._read(there)
        except _errors() as error:
            from pyvisa.constants import StatusCode

            if error.error_code == StatusCode.error_timeout:
                return b""
            raise LinkLost(f"{self.url} is gone: {error}") from error
        except (OSError, ValueError) as error:
            raise LinkLost(f"{self.url} is gone: {error}") from error

    def _wait_at_most(self, timeout_s: float | int) -> None:
        # Setting it costs as much as reading: only if it matters.
        wanted = max(1e3 * timeout_s, 1.0)
        if not 0.9 * self._timeout_ms <= wanted <= self._timeout_ms:
            self._line().timeout = self._timeout_ms = wanted

    def _read(self, size: int) -> bytes:
        """One read: up to a line feed, or so many bytes."""
        from pyvisa.constants import StatusCode

        line = self._line()
        fine = StatusCode.success_max_count_read, StatusCode.success_device_not_present
        with line.ignore_warning(*fine):
            return bytes(line.visalib.read(line.session, size)[0])

    def _line(self) -> Any:
        if self._open is None:
            raise LinkLost(f"{self.url} is not open")
        return self._open


def socket_of(resource: Any) -> socket.socket | None:
    """The socket behind a resource, where PyVISA-py has one."""
    try:
        found = resource.visalib.sessions[resource.session].interface
    except (AttributeError, KeyError, TypeError):
        return None
    return found if isinstance(found, socket.socket) else None


def send_at_once(resource: Any) -> bool:
    """Switch Nagle's algorithm off where there is a socket; whether there was one.

    With it, a query right behind a command waits 40 ms for an acknowledgement.
    PyVISA-py refuses VISA's attribute for this, so its socket is reached for.
    """
    line = socket_of(resource)
    if line is None:
        return False
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return True


@cache
def _manager(backend: str) -> Any:
    """The resource manager of a backend: one for all, closed by PyVISA at exit."""
    try:
        import pyvisa
    except ImportError as error:
        raise FileNotFoundError(
            f"VISA instruments need PyVISA: {install('scpi')}"
        ) from error
    return pyvisa.ResourceManager(backend)


def _errors() -> Any:
    from pyvisa.errors import VisaIOError

    return VisaIOError
