"""TCP: `tcp://HOST:PORT`, for chips on the network and emulators that open a socket.

Nagle's algorithm is off on both ends: with it, a small request waits 40 ms for the
acknowledgement of the one before.
"""

import contextlib
import ipaddress
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from plexgrad.lab.device import LinkLost
from plexgrad.lab.transports.transport import AbstractTransport, parts

CHUNK = 1 << 18


class TCP(AbstractTransport):
    """A TCP connection; `connect_s` is how long it may take to come about."""

    scheme: ClassVar[str] = "tcp"

    def __init__(self, host: str, port: int, connect_s: float | int = 5.0) -> None:
        self.host, self.port, self.connect_s = host, port, connect_s
        self.url = f"tcp://{host}:{port}"
        self._socket: socket.socket | None = None

    @classmethod
    def of(cls, url: str) -> "TCP":
        place, options = parts(url, {"connect_s": float})
        return cls(*host_and_port(place), **options)

    @classmethod
    @contextmanager
    def demo(cls) -> Iterator["TCP"]:
        with TCPListener(lambda: lambda data: data) as listener:
            yield cls.of(listener.url)

    def open(self) -> None:
        self.close()
        try:
            self._socket = socket.create_connection(
                (self.host, self.port), timeout=self.connect_s
            )
        except OSError as error:
            raise LinkLost(f"nobody listens at {self.url}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def send(self, data: bytes) -> None:
        try:
            self._line().sendall(data)
        except OSError as error:
            raise LinkLost(f"{self.url} is gone: {error}") from error

    def receive(self, timeout_s: float | int) -> bytes:
        line = self._line()
        try:
            line.settimeout(max(timeout_s, 1e-4))
            data = line.recv(CHUNK)
        except TimeoutError:
            return b""
        except OSError as error:
            raise LinkLost(f"{self.url} is gone: {error}") from error
        finally:
            with contextlib.suppress(OSError):
                line.settimeout(self.connect_s)
        if not data:
            raise LinkLost(f"{self.url} has hung up")
        return data

    def _line(self) -> socket.socket:
        if self._socket is None:
            raise LinkLost(f"{self.url} is not open")
        return self._socket


def host_and_port(place: str) -> tuple[str, int]:
    """HOST:PORT as its parts. Raises ValueError for anything else."""
    host, _, port = place.rpartition(":")
    if not host or not port.isdigit() or not int(port) < 2**16:
        raise ValueError(f"an address must be HOST:PORT, got {place!r}")
    return host.strip("[]"), int(port)


def is_public(host: str) -> bool:
    """Whether others than this machine can reach what listens at this address."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


class TCPListener:
    """Answers on a TCP port from a thread, until it is closed; port 0 takes any.

    `connect` makes the function from bytes heard to bytes to say of a new connection,
    whose `close`, if it has one, is called at its end.
    """

    def __init__(
        self,
        connect: Callable[[], Callable[[bytes], bytes]],
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.connect = connect
        self._socket = socket.create_server((host, port))
        self._open: set[socket.socket] = set()
        self._closing = False
        self.url = f"tcp://{host}:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> "TCPListener":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, and hang up on everyone."""
        self._closing = True
        for line in (self._socket, *self._open):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._thread.join(2)
        self._socket.close()

    def _accept(self) -> None:
        while not self._closing:
            try:
                ready, _, _ = select.select([self._socket], [], [], 0.5)
                if not ready:
                    continue
                line, _ = self._socket.accept()
            except (OSError, ValueError):
                return
            self._open.add(line)
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        hear: Any = self.connect()
        with line:
            try:
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while data := line.recv(CHUNK):
                    if said := hear(data):
                        line.sendall(said)
            except OSError:
                pass
            finally:
                self._open.discard(line)
                if hasattr(hear, "close"):
                    hear.close()
