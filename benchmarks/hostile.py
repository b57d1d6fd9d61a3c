"""Served ends under attack: who is still served, and what it costs.

Each kind of end is served by a process of its own (`plexgrad chip serve`, with 128 file
descriptors), at 127.0.0.1 alone. A host has the chip and reads its parameters all the
time, while strangers connect, fall silent, send garbage, bombs and what never ends.
Prints a table for docs/security.md: tries, calls of the host meanwhile and its longest
wait, whether it lost anything, whether a newcomer is served afterwards, the server's
peak memory above its rest, seconds.

python benchmarks/hostile.py [--ends tcp,scpi,zmq,keys,pty] [--share 1.0]
"""

import argparse
import contextlib
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from hostile_attacks import Server, attacks, bombs
from plexgrad.lab.device import LinkLost
from plexgrad.lab.transports.curve_keys import make_keys


class Host(threading.Thread):
    """Reads the parameters all the time, and counts."""

    def __init__(self, device):
        super().__init__(daemon=True)
        self.device, self.ends = device, threading.Event()
        self.calls, self.wait, self.lost, self.wrong = 0, 0.0, 0, 0
        device.open()
        self.wanted = device.read_parameters()

    def run(self):
        """Until `ends` is set."""
        while not self.ends.is_set():
            began = time.monotonic()
            try:
                found = self.device.read_parameters()
                self.wrong += not np.array_equal(found, self.wanted)
                self.calls += 1
            except LinkLost:
                self.lost += 1
                with contextlib.suppress(OSError):
                    self.device.open()
            self.wait = max(self.wait, time.monotonic() - began)
            time.sleep(0.005)


def terminal(server, share):
    """What the one who holds the terminal may say, and what comes after."""
    draw = random.Random(2)
    port = server.url.partition(":")[2].partition("?")[0]
    line = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    many = max(1, round(2000 * share))
    try:
        for _ in range(many):
            with contextlib.suppress(BlockingIOError):
                os.write(line, draw.randbytes(1000))
            with contextlib.suppress(BlockingIOError):
                os.read(line, 1 << 16)
            time.sleep(0.001)
        os.write(line, b"\0")
    finally:
        os.close(line)
    return many


def row(server, host, attack):
    """One attack, measured."""
    before = host.calls, host.lost, host.wrong
    host.wait = 0.0
    server.forget()
    rest = server.memory()
    began = time.monotonic()
    tries = attack(server)
    seconds = time.monotonic() - began
    peak = server.memory("VmHWM") - rest
    time.sleep(0.2)
    calls = host.calls - before[0]
    lost = host.lost - before[1] + host.wrong - before[2]
    return tries, calls, host.wait, lost, peak, seconds


def newcomer(server):
    """Whether somebody new gets an answer, in two tries."""
    for _ in range(2):
        device = server.device()
        try:
            device.open()
            device.close()
            return "yes"
        except BlockingIOError:
            return "told that it is in use"
        except OSError as error:
            print("... newcomer:", error, file=sys.stderr)
            time.sleep(11)
        finally:
            device.close()
    return "no"


def drill(end, share, keys):
    """All attacks on one end: lines of the table."""
    server = Server(end, keys)
    lines = []
    try:
        if end == "pty":
            rest, began = server.memory(), time.monotonic()
            tries = terminal(server, share)
            seconds = time.monotonic() - began
            host = Host(server.device())
            done = bombs(server, max(4, round(400 * share)), host)
            peak = server.memory("VmHWM") - rest
            lines.append((end, "random bytes", tries, 0, 0.0, 0, "yes", peak, seconds))
            lines.append((end, "bombs", done, 0, 0.0, 0, "yes", peak, 0.0))
            host.device.close()
            return lines
        host = Host(server.device())
        if end != "keys":
            began = time.monotonic()
            tries = bombs(server, max(4, round(400 * share)), host)
            took = time.monotonic() - began
            lines.append((end, "bombs of its host", tries, 0, 0.0, 0, "", 0.0, took))
        host.start()
        for name, attack in attacks(end, share).items():
            tries, calls, wait, lost, peak, seconds = row(server, host, attack)
            new = newcomer(server)
            if server.process.poll() is not None:
                raise SystemExit(f"{end} ended under {name}")
            lines.append((end, name, tries, calls, wait, lost, new, peak, seconds))
            print("...", *lines[-1], file=sys.stderr)
        host.ends.set()
        host.join(5)
    finally:
        server.process.terminate()
        server.process.wait(10)
    return lines


def main():
    """Attack, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ends", default="tcp,scpi,zmq,keys,pty")
    parser.add_argument("--share", type=float, default=1.0)
    given = parser.parse_args()
    print(
        "| end | attack | tries | host's calls | longest wait, s | lost or wrong "
        "| newcomer served | peak memory, MiB | s |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        make_keys(Path(folder) / "keys")
        for end in given.ends.split(","):
            for line in drill(end, given.share, str(Path(folder) / "keys")):
                end, name, tries, calls, wait, lost, new, peak, seconds = line
                print(
                    f"| {end} | {name} | {tries:,} | {calls:,} | {wait:.2f} | {lost} "
                    f"| {new} | {peak:.0f} | {seconds:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
