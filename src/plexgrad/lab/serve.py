"""Put any device behind a link: TCP, a pseudo-terminal, or SCPI."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from plexgrad.lab.device import Device
from plexgrad.lab.scpi.instrument import Instrument
from plexgrad.lab.server import FULL, Served
from plexgrad.lab.transports.serial_port import PtyListener
from plexgrad.lab.transports.tcp import TCPListener, host_and_port, is_public
from plexgrad.lab.transports.transport import parts
from plexgrad.lab.transports.zeromq import ZMQListener


@contextmanager
def serve(device: Device, at: str, public: bool = False) -> Iterator[Any]:
    """Serve a device until the block ends; gives the listener, whose `url` leads here.

    Its `notice` says who else can drive the chip; "" if only hosts with keys can.

    `at` is `tcp://HOST:PORT` (port 0 takes any), `scpi://HOST:PORT` for an instrument
    that speaks SCPI, `zmq://HOST:PORT?keys=DIR`, or `pty`. TCP has no keys, so
    addresses that others can reach are refused unless `public`; a ZeroMQ address that
    others can reach needs keys. Raises ValueError for such an address, or for anything
    else.
    """
    device.open()
    try:
        with _listener(device, at, public) as listener:
            yield listener
    finally:
        device.close()


def _listener(device: Device, at: str, public: bool) -> Any:
    if at == "pty":
        return PtyListener(Served(device).shared_line)
    scheme = at.partition(":")[0]
    if scheme in ("tcp", "scpi"):
        place, _ = parts(at, {})
        host, port = host_and_port(place)
        if is_public(host) and not public:
            raise ValueError(
                "TCP has no keys: serve at 127.0.0.1 and come through an ssh tunnel, "
                f"or with --public if you trust the network; got {at}"
            )
        if scheme == "tcp":
            listener = TCPListener(Served(device).connection, host, port, full=FULL)
        else:
            listener = TCPListener(Instrument(device).connection, host, port)
        listener.url = f"{scheme}:{listener.url.partition(':')[2]}"
        return listener
    if scheme == "zmq":
        place, options = parts(at, {"keys": str})
        line = Served(device).shared_line
        return ZMQListener(line, *host_and_port(place), **options, full=FULL)
    raise ValueError(
        "a device is served at tcp://HOST:PORT, scpi://HOST:PORT, zmq://HOST:PORT or "
        f"pty, got {at!r}"
    )
