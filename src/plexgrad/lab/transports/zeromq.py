"""ZeroMQ: `zmq://HOST:PORT?keys=DIR`, for chips on other machines, encrypted.

CURVE keys, made by `plexgrad chip keys DIR`, authenticate both ends: the host knows the
server by its public key, and the server lets in those whose public keys lie in its
folder `clients`. Without keys only this machine is served. Needs pyzmq, the extra
`lab`.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from plexgrad.core.extras import lacking, needed
from plexgrad.lab.device import LinkLost
from plexgrad.lab.transports.tcp import host_and_port, is_public
from plexgrad.lab.transports.transport import AbstractTransport, parts

SERVER, CLIENT, CLIENTS = "server", "client", "clients"
IDLE_S = 30.0
"""A host that was silent for so long has gone, as far as the server knows."""


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
        self._socket = zmq.Context.instance().socket(zmq.DEALER)
        self._socket.linger = 0
        if mine and server:
            self._socket.curve_publickey, self._socket.curve_secretkey = mine
            self._socket.curve_serverkey = server[0]
        self._monitor = self._socket.get_monitor_socket()
        self._socket.connect(f"tcp://{self.host}:{self.port}")
        try:
            self._shake_hands(zmq)
        except LinkLost:
            self.close()
            raise

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

    `connect` makes the function from bytes heard to bytes to say of each host. `keys`
    is a folder with the server's keys and those of its clients. Raises ValueError for
    an address that others can reach, without keys.
    """

    def __init__(
        self,
        connect: Callable[[], Callable[[bytes], bytes]],
        host: str = "127.0.0.1",
        port: int = 0,
        keys: str = "",
    ) -> None:
        if is_public(host) and not keys:
            raise ValueError(
                "a device must be served with keys where others can reach it: "
                f"plexgrad chip keys DIR, then zmq://{host}:{port}?keys=DIR"
            )
        zmq = needed("zmq", "lab")
        mine = load_keys(Path(keys) / f"{SERVER}.key_secret") if keys else None
        self.connect = connect
        self._context = zmq.Context()
        self._guard = _guard(self._context, Path(keys)) if keys else None
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        if mine:
            self._socket.curve_publickey, self._socket.curve_secretkey = mine
            self._socket.curve_server = True
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
            if self._socket.poll(100):
                who, data = self._socket.recv_multipart()
                hear, _ = self._lines.get(who) or (self.connect(), 0.0)
                self._lines[who] = hear, time.monotonic()
                if said := hear(data):
                    self._socket.send_multipart([who, said])
            self._forget(IDLE_S)
        self._forget(0.0)

    def _forget(self, idle_s: float) -> None:
        now = time.monotonic()
        for who, (hear, heard) in list(self._lines.items()):
            if now - heard >= idle_s:
                del self._lines[who]
                if hasattr(hear, "close"):
                    hear.close()


def make_keys(folder: str | Path) -> list[Path]:
    """New keys of a server and one client; only the user may read the secret ones.

    The client takes `client.key_secret` and `server.key` with it; other hosts get keys
    of their own, whose public half goes to `clients`. Raises FileExistsError if there
    are keys already.
    """
    auth, folder = needed("zmq.auth", "lab"), Path(folder)
    made = [folder / f"{who}.key_secret" for who in (SERVER, CLIENT)]
    for path in made:
        if path.exists():
            raise FileExistsError(f"there are keys already: {path}")
    (folder / CLIENTS).mkdir(parents=True, exist_ok=True)
    for who in (SERVER, CLIENT):
        before = os.umask(0o077)
        try:
            auth.create_certificates(str(folder), who)
        finally:
            os.umask(before)
    public = folder / CLIENTS / f"{CLIENT}.key"
    public.write_bytes((folder / f"{CLIENT}.key").read_bytes())
    return [*made, folder / f"{SERVER}.key", public]


def load_keys(path: Path) -> tuple[bytes, bytes | None]:
    """Public and secret key of a file. Raises FileNotFoundError if there is none."""
    if not path.is_file():
        raise FileNotFoundError(f"no key at {path}: plexgrad chip keys {path.parent}")
    return needed("zmq.auth", "lab").load_certificate(str(path))


def _guard(context: Any, keys: Path) -> Any:
    """What lets in only hosts whose public keys are in the folder `clients`."""
    guard = needed("zmq.auth.thread", "lab").ThreadAuthenticator(context)
    guard.start()
    guard.configure_curve(domain="*", location=str(keys / CLIENTS))
    return guard
