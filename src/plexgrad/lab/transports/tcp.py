"""TCP: `tcp://HOST:PORT`, for chips on the network and emulators that open a socket.

Nagle's algorithm is off on both ends: with it, a small request waits 40 ms for the
acknowledgement of the one before.
"""

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from plexgrad.core.validate import positive_int
from plexgrad.lab.device import LinkLost
from plexgrad.lab.transports.listening import (
    CONNECTIONS,
    HELLO_S,
    PAUSE_S,
    ROOM_S,
    SEND_S,
    Connect,
    answers,
    hang_up,
    notice,
    stranger_s,
)
from plexgrad.lab.transports.transport import AbstractTransport, parts

CHUNK = 1 << 18
TICK_S = 0.5
"""Seconds between two looks whether a line shall end."""


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
    """Answers on a TCP port from threads, until it is closed; port 0 takes any.

    `connect` makes what answers a new connection: see `listening`. `most` connections
    are kept at once; one more is told `full` and hung up. `notice` says who can come.
    """

    def __init__(
        self,
        connect: Connect,
        host: str = "127.0.0.1",
        port: int = 0,
        most: int = CONNECTIONS,
        full: bytes = b"",
    ) -> None:
        self.connect, self.full = connect, full
        self.most = positive_int("most", most)
        self.failed = 0
        self._socket = socket.create_server((host, port))
        self._socket.settimeout(TICK_S)
        self._lines: dict[socket.socket, tuple[Any, threading.Thread]] = {}
        self._closing = threading.Event()
        self.url = f"tcp://{host}:{self._socket.getsockname()[1]}"
        self.notice = notice(host, is_public(host))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> "TCPListener":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, and hang up on everyone."""
        self._closing.set()
        for line in (self._socket, *list(self._lines)):
            _cut(line)
        self._thread.join(2)
        self._socket.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                line, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:  # no descriptor or memory left, or the caller has gone
                self._make_room()
                self._closing.wait(PAUSE_S)
                continue
            if len(self._lines) < self.most or self._make_room():
                self._let_in(line)
            else:
                self._turn_away(line)

    def _let_in(self, line: socket.socket) -> None:
        hear = self.connect()
        thread = threading.Thread(target=self._answer, args=(line, hear), daemon=True)
        self._lines[line] = hear, thread
        try:
            thread.start()
        except RuntimeError:  # the machine has no thread left
            self._end(line, hear)

    def _turn_away(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            line.settimeout(PAUSE_S)
            line.sendall(self.full)

    def _make_room(self) -> bool:
        """Hang up on who has been a stranger for longest; whether a place is free."""
        waits = [(stranger_s(h), id(t), t, k) for k, (h, t) in [*self._lines.items()]]
        longest, _, thread, line = max(waits, default=(0.0, 0, None, None))
        if thread is None or line is None or longest < ROOM_S:
            return False
        _cut(line)
        thread.join(PAUSE_S)
        return not thread.is_alive()

    def _answer(self, line: socket.socket, hear: Any) -> None:
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            line.settimeout(TICK_S)
            while not self._closing.is_set() and stranger_s(hear) < HELLO_S:
                try:
                    data = line.recv(CHUNK)
                except TimeoutError:
                    continue
                if not data:
                    return
                for said in answers(hear, data):
                    self._say(line, said)
        except OSError:
            pass
        except Exception:  # what answers is at fault: its line ends, and no other
            self.failed += 1
        finally:
            self._end(line, hear)

    def _say(self, line: socket.socket, said: bytes) -> None:
        left, since = memoryview(said), time.monotonic()
        while left:
            try:
                sent = line.send(left)
            except TimeoutError as error:
                if self._closing.is_set() or time.monotonic() - since > SEND_S:
                    raise ConnectionAbortedError("nobody reads the answer") from error
                continue
            left, since = left[sent:], time.monotonic()

    def _end(self, line: socket.socket, hear: Any) -> None:
        line.close()
        self._lines.pop(line, None)
        hang_up(hear)


def _cut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
