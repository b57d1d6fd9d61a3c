"""VISA resources as lines, by PyVISA: `visa:RESOURCE`, and `scpi://HOST:PORT`.

PyVISA with the backend PyVISA-py (extra `scpi`) is Python alone;
another backend ("@ivi") is a vendor's VISA library, with USB and GPIB.
"""

import contextlib
import socket
from functools import cache
from typing import Any

from plexgrad.core.extras import install
from plexgrad.lab.device import LinkLost

OPEN_S = 5.0
"""Seconds in which a resource must open."""


class VisaLine:
    """A line to a VISA resource such as TCPIP0::127.0.0.1::5025::SOCKET.

    Follows `Line`. `open` raises FileNotFoundError, saying what to install, without
    PyVISA.
    """

    def __init__(self, resource: str, backend: str = "@py") -> None:
        self.resource, self.backend = resource, backend
        self.url = f"visa:{resource}"
        self._open: Any = None
        self._timeout_ms = 0.0

    def open(self) -> None:
        self.close()
        manager = _manager(self.backend)
        try:
            self._open = manager.open_resource(
                self.resource, open_timeout=round(1e3 * OPEN_S)
            )
            self._open.read_termination = "\n"
        except Exception as error:  # PyVISA-py raises a bare one
            raise LinkLost(f"nobody answers at {self.url}: {error}") from error
        self._timeout_ms = 0.0
        send_at_once(self._open)

    def close(self) -> None:
        if self._open is not None:
            with contextlib.suppress(Exception):
                self._open.close()
            self._open = None

    def send(self, data: bytes) -> None:
        try:
            self._line().write_raw(data)
        except (OSError, _errors()) as error:
            raise LinkLost(f"{self.url} is gone: {error}") from error

    def receive(self, timeout_s: float | int) -> bytes:
        """What has come, up to a line feed; b"" if nothing does in time."""
        line = self._line()
        # Setting it costs as much as reading: only if it matters.
        wanted = max(1e3 * timeout_s, 1.0)
        if not 0.9 * self._timeout_ms <= wanted <= self._timeout_ms:
            line.timeout = self._timeout_ms = wanted
        try:
            return line.read_raw()
        except _errors() as error:
            from pyvisa.constants import StatusCode

            if error.error_code == StatusCode.error_timeout:
                return b""
            raise LinkLost(f"{self.url} is gone: {error}") from error
        except OSError as error:
            raise LinkLost(f"{self.url} is gone: {error}") from error

    def _line(self) -> Any:
        if self._open is None:
            raise LinkLost(f"{self.url} is not open")
        return self._open


def send_at_once(resource: Any) -> bool:
    """Switch Nagle's algorithm off where there is a socket; whether there was one.

    With it, a query right behind a command waits 40 ms for an acknowledgement.
    PyVISA-py refuses VISA's attribute for this, so its socket is reached for.
    """
    try:
        line = resource.visalib.sessions[resource.session].interface
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (AttributeError, KeyError, TypeError, OSError):
        return False
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
