"""What strangers do to a served chip: the attacks of `hostile.py`, and the chip."""

import contextlib
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from plexgrad.lab import Codes, Shown
from plexgrad.lab.device import LinkLost, Refused
from plexgrad.lab.find import device_at
from plexgrad.lab.frames import Frame
from plexgrad.lab.messages import Command
from plexgrad.lab.scpi.syntax import block
from plexgrad.lab.transports.curve_keys import make_keys

DESCRIPTORS = 128
MEGA = 1 << 20
CHIP = "emulated:2-2-1"


class Server:
    """A chip that is served by another process."""

    def __init__(self, end, keys):
        at = {
            "zmq": "zmq://127.0.0.1:0",
            "keys": f"zmq://127.0.0.1:0?keys={keys}",
            "pty": "pty",
        }.get(end, f"{end}://127.0.0.1:0")
        words = [sys.executable, "-m", "plexgrad", "chip", "serve", CHIP]
        limit = DESCRIPTORS, DESCRIPTORS
        self.process = subprocess.Popen(
            [*words, "--at", at],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit),
        )
        self.url = self.process.stdout.readline().strip()
        self.keys = keys

    @property
    def place(self):
        """Host and port."""
        host, _, port = self.url.partition("?")[0].rpartition("/")[2].partition(":")
        return host, int(port)

    @property
    def address(self):
        """The same, for ZeroMQ."""
        return "tcp://{}:{}".format(*self.place)

    def dial(self):
        """A connection, or None if it is refused."""
        try:
            line = socket.create_connection(self.place, timeout=2)
        except OSError:
            return None
        line.settimeout(2)
        return line

    def memory(self, name="VmRSS"):
        """MiB of it, now or at most since `forget`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(name + ":")[1].split()[0]) / 1024

    def forget(self):
        """Count the peak from here."""
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def device(self):
        """A host's device."""
        url = self.url
        if url.startswith("scpi:"):
            url += "?via=socket"
        return device_at(url)


def pour(line, parts):
    """Say it, as far as it is heard; whether all of it was."""
    try:
        for part in parts:
            line.sendall(part)
    except OSError:
        return False
    return True


def poured(server, parts, lines=1):
    """The same from several lines, which stay open for a moment."""
    opened = [line for _ in range(lines) if (line := server.dial())]
    for line in opened:
        pour(line, parts)
    time.sleep(0.5)
    for line in opened:
        line.close()
    return lines


def connections(server, many):
    """More of them at once than there are descriptors."""
    opened = [server.dial() for _ in range(many)]
    time.sleep(2)
    for line in opened:
        if line:
            line.close()
    return many


def come_and_go(server, many):
    """Connect and hang up."""
    for _ in range(many):
        if line := server.dial():
            line.close()
    return many


def garbage(server, many):
    """Random bytes, from line to line."""
    draw = random.Random(1)
    for _ in range(many):
        if line := server.dial():
            pour(line, [draw.randbytes(draw.randrange(1, 4000))])
            line.close()
    return many


def never_reads(server, many, question):
    """Ask, and never read an answer."""
    opened = [line for _ in range(8) if (line := server.dial())]
    for line in opened:
        line.settimeout(0.2)
        pour(line, [question] * many)
    time.sleep(1)
    for line in opened:
        line.close()
    return many * len(opened)


def silent(server, many):
    """Say nothing for longer than a stranger may."""
    opened = [server.dial() for _ in range(many)]
    time.sleep(12)
    for line in opened:
        if line:
            line.close()
    return many


def parts(server, many):
    """ZeroMQ messages of no part, two, three and many."""
    import zmq

    with zmq.Context() as context, context.socket(zmq.DEALER) as line:
        line.linger = 200
        line.connect(server.address)
        for number in range(many):
            line.send_multipart([b"x"] * (2 + number % 50))
            line.send(b"")
    return 2 * many


def names(server, many):
    """Hosts of ever new names, each with a frame that is none."""
    import zmq

    with zmq.Context() as context:
        for _ in range(many):
            with context.socket(zmq.DEALER) as line:
                line.linger = 100
                line.connect(server.address)
                line.send(b"\1\0")
    return many


def large(server, many, size):
    """ZeroMQ messages that never end a frame."""
    import zmq

    with zmq.Context() as context:
        lines = [context.socket(zmq.DEALER) for _ in range(many)]
        for line in lines:
            line.linger, line.sndtimeo = 0, 1000
            line.connect(server.address)
            with contextlib.suppress(zmq.Again):
                line.send(b"\1" * size)
        time.sleep(1)
        for line in lines:
            line.close()
    return many


def other_keys(server, many):
    """A host whose keys are not in the folder, and one whose key was taken out."""
    from plexgrad.lab.remote import Remote
    from plexgrad.lab.transports.zeromq import ZMQ

    host, port = server.place
    let_in = 0
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "keys"
        make_keys(other)
        known = (Path(server.keys) / "server.key").read_bytes()
        (other / "server.key").write_bytes(known)
        # A second host's key, let in and taken out again while it is connected.
        entered = Path(server.keys) / "clients" / "second.key"
        for number in range(many):
            if number % 2:
                entered.write_bytes((other / "client.key").read_bytes())
            line = ZMQ(host, port, str(other), connect_s=0.5)
            with contextlib.suppress(LinkLost):
                line.open()
                entered.unlink(missing_ok=True)
                remote = Remote(line, timeout_s=0.1, attempts=1)
                with contextlib.suppress(OSError):
                    remote._up = True
                    remote.open()
                    let_in += 1
                with contextlib.suppress(BlockingIOError):
                    let_in += bool(remote.transport.receive(0.1))
            line.close()
    if let_in:
        raise SystemExit(f"keys that are not there were let in {let_in} times")
    return many


def bombs(server, many, host):
    """Orders beyond the limits, from the host itself."""
    device, refused = host.device, 0
    held = Shown(np.zeros((1, 1, 2), np.float32), np.zeros((1, 1, 1), np.float32))
    orders = [
        lambda: device.measure(Codes((1, 2), 0, 20_000_000, 0.1), held),
        lambda: device.measure(Codes((1, 2), 0, 4096, 0.1), held, "cost", 60_000),
        lambda: device.measure(np.zeros((1, 4096), np.float32), held),
        lambda: device.write_parameters(np.full(9, np.nan, np.float32)),
    ]
    for number in range(many):
        try:
            orders[number % len(orders)]()
        except Refused:
            refused += 1
    if refused != many:
        raise SystemExit(f"{many - refused} of {many} bombs were not refused")
    return many


def stream_attacks(share):
    """What any TCP port meets."""
    n = lambda many: max(1, round(many * share))  # noqa: E731
    return {
        "connections at once": lambda s: connections(s, n(300)),
        "connect and hang up": lambda s: come_and_go(s, n(2000)),
        "random bytes": lambda s: garbage(s, n(1000)),
        "silent strangers": lambda s: silent(s, n(32)),
    }


def attacks(end, share):
    """The attacks on an end, by name."""
    n = lambda many: max(1, round(many * share))  # noqa: E731
    sixty = [b"\1" * MEGA] * n(60)
    lengths = b"W:DATA #8" + b"%08d" % (60 * MEGA)
    asks = b";".join([b"W:DATA?"] * 60) + b"\n"
    codes = b"PERT:CODE? 1,2,0,20000000,1,0.1,direct\n"
    shown = b"DATA:SEND %s,%s,1\n" % (
        block(np.zeros(2, "<f4")),
        block(np.zeros(1, "<f4")),
    )
    found = {} if end == "pty" else stream_attacks(share)
    if end == "tcp":
        hello = Frame(1, 0, Command.HELLO, b"\1\2\3\4").encode()
        found |= {
            "4 frames of 60 MiB without an end": lambda s: poured(s, sixty, 4),
            "zeros, 60 MiB": lambda s: poured(s, [bytes(MEGA)] * n(60)),
            "never reads": lambda s: never_reads(s, n(2000), hello * 20),
        }
    if end == "scpi":
        found |= {
            "4 blocks of 60 MiB without an end": lambda s: poured(
                s, [lengths, *sixty[:-1]], 4
            ),
            **{
                f"{size} MiB of {said!r}": lambda s, said=said, size=size: poured(
                    s, [said * (MEGA // len(said))] * n(size)
                )
                for said, size in ((b";", 60), (b"\n", 60), (b'"', 60), (b"#0\n", 4))
            },
            "20 million rows": lambda s: poured(s, [shown, *[codes] * n(1000)]),
            "never reads": lambda s: never_reads(s, n(2000), asks),
        }
    if end in ("zmq", "keys"):
        found |= {"messages of other numbers of parts": lambda s: parts(s, n(500))}
    if end == "zmq":
        found |= {
            "hosts of ever new names": lambda s: names(s, n(500)),
            "4 frames of 60 MiB without an end": lambda s: large(s, 4, 60 * MEGA),
            "4 messages of 200 MiB": lambda s: large(s, 4, 200 * MEGA),
        }
    if end == "keys":
        found |= {"keys that are not there, any more": lambda s: other_keys(s, n(40))}
    return found
