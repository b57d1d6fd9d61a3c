"""ZeroMQ: `zmq://HOST:PORT?keys=DIR`, for chips on other machines, encrypted.

CURVE keys, made by `plexgrad chip keys DIR`, authenticate both ends: the host knows the
server by its public key, and the server lets in those whose public keys lie in its
folder `clients`. Without keys only this machine is served. Needs pyzmq, the extra
`lab`.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from plexgrad.core.extras import lacking, needed
from plexgrad.core.validate import positive_int
from plexgrad.lab.device import LinkLost
from plexgrad.lab.frames import MAX_FRAME
from plexgrad.lab.transports.curve_keys import (
    CLIENT,
    SERVER,
    Clients,
    guard,
    load_keys,
)
from plexgrad.lab.transports.listening import (
    CONNECTIONS,
    HELLO_S,
    ROOM_S,
    Connect,
    answers,
    hang_up,
    notice,
    stranger_s,
)
from plexgrad.lab.transports.tcp import host_and_port, is_public
from plexgrad.lab.transports.transport import AbstractTransport, parts

IDLE_S = 30.0
"""A host that was silent for so long has gone, as far as the server knows."""

STRANGER_BYTES = 1 << 16
"""A longer message of somebody who has not the device is not looked at."""

_COUNT = itertools.count()

WAITING = 8
"""Messages of a host, and to it, that may wait."""


class ZMQ(AbstractTransport):
    """A line through ZeroMQ; `keys` is the folder with this host's keys, if any."""

    scheme: ClassVar[str] = "zmq"

    def __init__(
        self, host: str, port: int, keys: str = "", connect_s: float | int = 5.0
    ) -> None:
        self.host, self.port, self.keys, self.connect_s = host, port, keys, connect_s
        self.url = f"zmq://{host}:{port}" + (f"?keys={keys}" if keys else "")
        self._socket: Any = None
        self._monitor: Any = None

    @classmethod
    def of(cls, url: str) -> "ZMQ":
        place, options = parts(url, {"keys": str, "connect_s": float})
        return cls(*host_and_port(place), **options)

    @classmethod
    def missing(cls) -> str:
        """What to install first; "" if it is here."""
        return lacking("zmq", "lab")

    @classmethod
    @contextmanager
    def demo(cls) -> Iterator["ZMQ"]:
        with ZMQListener(lambda: lambda data: data) as listener:
            yield cls.of(listener.url)

    def open(self) -> None:
        self.close()
        zmq, keys = needed("zmq", "lab"), Path(self.keys)
        names = f"{CLIENT}.key_secret", f"{SERVER}.key"
        mine, server = (load_keys(keys / name) if self.keys else None for name in names)
        try:
            self._socket = zmq.Context.instance().socket(zmq.DEALER)
            self._socket.linger = 0
            self._socket.maxmsgsize = MAX_FRAME
            if mine and server:
                self._socket.curve_publickey, self._socket.curve_secretkey = mine
                self._socket.curve_serverkey = server[0]
            # A name of its own: that of a socket before is free only after a while.
            name = f"inproc://plexgrad-{next(_COUNT)}"
            self._monitor = self._socket.get_monitor_socket(addr=name)
            self._socket.connect(f"tcp://{self.host}:{self.port}")
            self._shake_hands(zmq)
        except LinkLost:
            self.close()
            raise
        except zmq.ZMQError as error:
            self.close()
            raise LinkLost(f"{self.url} cannot be reached: {error}") from error

    def _shake_hands(self, zmq: Any) -> None:
        """Wait until the other end has let this one in."""
        until = time.monotonic() + self.connect_s
        refused = zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        while (left := until - time.monotonic()) > 0:
            event = self._event(zmq, left)
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                return
            if event in refused:
                raise LinkLost(f"{self.url} does not let these keys in")
            if event == zmq.EVENT_CLOSED or event == zmq.EVENT_CONNECT_RETRIED:
                raise LinkLost(f"nobody listens at {self.url}")
        raise LinkLost(f"nobody answers at {self.url} within {self.connect_s:g} s")

    def _event(self, zmq: Any, timeout_s: float) -> int:
        """The next event of the connection, 0 if there is none in time."""
        if not self._monitor.poll(max(1, int(1e3 * timeout_s))):
            return 0
        monitor = needed("zmq.utils.monitor", "lab")
        return int(monitor.recv_monitor_message(self._monitor)["event"])

    def close(self) -> None:
        if self._monitor is not None:
            with contextlib.suppress(OSError):
                self._socket.disable_monitor()
            self._monitor.close()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._monitor = None

    def send(self, data: bytes) -> None:
        self._line()
        zmq = needed("zmq", "lab")
        try:
            self._socket.send(data, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            raise LinkLost(f"{self.url} is gone: {error}") from error

    def receive(self, timeout_s: float | int) -> bytes:
        self._line()
        zmq = needed("zmq", "lab")
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        until = time.monotonic() + timeout_s
        while True:
            left = max(0.0, until - time.monotonic())
            ready = dict(poller.poll(int(1e3 * left + 0.999)))
            if self._socket in ready:
                return self._socket.recv()
            if not ready:
                return b""
            if self._event(zmq, 0.001) == zmq.EVENT_DISCONNECTED:
                raise LinkLost(f"{self.url} has hung up")

    def _line(self) -> None:
        if self._socket is None:
            raise LinkLost(f"{self.url} is not open")


class ZMQListener:
    """Answers at a ZeroMQ address from a thread, until it is closed; port 0 takes any.

    `connect` makes what answers a host: see `listening`. `keys` is a folder with the
    server's keys and those of its clients; a key that is taken out of it is refused
    from then on, with what its host still says. `most` hosts are kept at once; one
    more is told `full`. Raises ValueError for an address that others can reach, without
    keys.
    """

    def __init__(
        self,
        connect: Connect,
        host: str = "127.0.0.1",
        port: int = 0,
        keys: str = "",
        most: int = CONNECTIONS,
        full: bytes = b"",
    ) -> None:
        if is_public(host) and not keys:
            raise ValueError(
                "a device must be served with keys where others can reach it: "
                f"plexgrad chip keys DIR, then zmq://{host}:{port}?keys=DIR"
            )
        zmq = needed("zmq", "lab")
        mine = load_keys(Path(keys) / f"{SERVER}.key_secret") if keys else None
        self.connect, self.full = connect, full
        self.most = positive_int("most", most)
        self.failed = 0
        self.notice = "" if keys else notice(host, False)
        self._context = zmq.Context()
        self._clients = Clients(Path(keys)) if keys else None
        self._guard = guard(self._context, self._clients) if self._clients else None
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        if mine:
            self._socket.curve_publickey, self._socket.curve_secretkey = mine
            self._socket.curve_server = True
        self._socket.maxmsgsize = MAX_FRAME
        self._socket.rcvhwm = self._socket.sndhwm = WAITING
        self._socket.handshake_ivl = int(1e3 * HELLO_S)
        self._socket.heartbeat_ivl = self._socket.heartbeat_timeout = int(1e3 * IDLE_S)
        place = f"tcp://{host}"
        if port:
            self._socket.bind(f"{place}:{port}")
        else:
            port = self._socket.bind_to_random_port(place)
        self.url = f"zmq://{host}:{port}" + (f"?keys={keys}" if keys else "")
        self._closing = False
        self._lines: dict[bytes, tuple[Any, float]] = {}
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def __enter__(self) -> "ZMQListener":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering, and hang up on everyone."""
        self._closing = True
        self._thread.join(2)
        self._socket.close()
        if self._guard is not None:
            self._guard.stop()
        self._context.term()

    def _answer(self) -> None:
        while not self._closing:
            try:
                if self._socket.poll(100):
                    self._hear(*self._socket.recv_multipart(copy=False))
                self._forget(IDLE_S)
            except Exception:  # a message that is none, or what answers; others go on
                self.failed += 1
        self._forget(0.0)

    def _hear(self, sender: Any, said: Any = None, *more: Any) -> None:
        """Answer a message, which has one part behind its sender's name."""
        who = sender.bytes
        if said is None or more or not self._let_in(who, said):
            return
        hear, _ = self._lines[who]
        if len(said) > STRANGER_BYTES and stranger_s(hear) > 0:
            return
        self._lines[who] = hear, time.monotonic()
        try:
            for part in answers(hear, said.bytes):
                self._socket.send_multipart([who, part])
        except Exception:
            self._drop(who)
            raise

    def _let_in(self, who: bytes, said: Any) -> bool:
        """Whether this host may speak: its key is known, and there is room for it."""
        if self._clients is not None and not self._clients.knows(said.get("User-Id")):
            self._drop(who)
            return False
        if who not in self._lines:
            if len(self._lines) >= self.most and not self._make_room():
                if self.full:
                    self._socket.send_multipart([who, self.full])
                return False
            self._lines[who] = self.connect(), 0.0
        return True

    def _make_room(self) -> bool:
        """Forget who has been a stranger for longest; whether there is room now."""
        waits = [(stranger_s(hear), who) for who, (hear, _) in self._lines.items()]
        longest, who = max(waits)
        if longest < ROOM_S:
            return False
        self._drop(who)
        return True

    def _drop(self, who: bytes) -> None:
        if who in self._lines:
            hang_up(self._lines.pop(who)[0])

    def _forget(self, idle_s: float) -> None:
        now = time.monotonic()
        for who, (hear, heard) in list(self._lines.items()):
            if now - heard >= idle_s or stranger_s(hear) > HELLO_S:
                self._drop(who)
