"""A simulated SCPI instrument over TCP, against its targets: speed and recovery.

    python benchmarks/scpi.py [--only TABLE]

Prints Markdown tables. Needs PyVISA (pip install pyvisa pyvisa-py). The instrument is
an emulated chip behind `scpi://127.0.0.1`, in a process of its own; for the speeds it
is in a thread of this one, and they are medians of blocks, per second of CPU time that
both ends take together: on two free cores, a second of wall clock holds no less.
"""

import argparse
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab import find
from plexgrad.lab.device import LinkLost
from plexgrad.lab.scpi.syntax import block
from plexgrad.lab.serve import serve

CHIP = "emulated:49-4-4"
SMALL = "emulated:4-4-3?activation=tanh"
BATCH = 8
"""Samples that are shown: few, so that the link is what is timed."""


def rows(title, *lines):
    """Print a table; the first line is its head."""
    print(f"\n## {title}\n")
    for number, line in enumerate(lines):
        print("| " + " | ".join(str(each) for each in line) + " |")
        if not number:
            print("|" + " --- |" * len(line))


@contextmanager
def served(chip, at="scpi://127.0.0.1:0"):
    """The URL of a chip that is served by another process."""
    command = [sys.executable, "-m", "plexgrad", "chip", "serve", chip, "--at", at]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def rate(work, seconds=0.1, blocks=5):
    """Calls per second of CPU time: the median of blocks."""
    found = []
    for _ in range(blocks):
        count, began = 0, time.process_time()
        while (took := time.process_time() - began) < seconds:
            work()
            count += 1
        found.append(count / took)
    return statistics.median(found)


def opened(url, via):
    """The instrument with samples shown, and a function that makes rows of signs."""
    device = find.device_at(f"{url}?via={via}")
    device.open()
    random = np.random.default_rng(0)
    x = random.random((BATCH, 49), np.float32)
    y = np.eye(4, dtype=np.float32)[np.arange(BATCH) % 4]
    device.load_samples(x, y, "bench")
    shown = lab.Shown(handle="bench", index=np.arange(BATCH, dtype=np.uint32)[None])

    def signs(count):
        return (0.01 * random.choice([-1.0, 1.0], (count, 220))).astype(np.float32)

    return device, shown, signs


def speed():
    """What a message costs, by both ways to the socket."""
    with serve(find.device_at(CHIP), "scpi://127.0.0.1:0") as listener:
        timed(listener.url)


def timed(url):
    """The rates at an instrument."""
    lines = [("call", "PyVISA-py, 1/s", "plain socket, 1/s", "target")]
    found = {}
    for via in ("visa", "socket"):
        device, shown, signs = opened(url, via)
        one, many, theta = signs(1), signs(64), signs(1)[0]
        device.measure(one, shown)
        written = b"W:DATA %s\n" % block(theta)
        line = device.line

        def pair(line=line, written=written):
            line.send(written)
            line.send(b"COST?\n")
            line.receive(2)

        def ask(line=line):
            line.send(b"*OPC?\n")
            line.receive(2)

        found[via] = (
            rate(ask),
            rate(pair),
            rate(lambda d=device, s=shown, r=one: d.measure(r, s)),
            64 * rate(lambda d=device, s=shown, r=many: d.measure(r, s)),
        )
        device.close()
    names = (
        "query",
        "W:DATA, then COST?",
        "costs, one per message",
        "costs, 64 per message",
    )
    targets = "", "5,000", "", "50,000, and 10 times one per message"
    for name, one, other, target in zip(names, *found.values(), targets, strict=True):
        lines.append((name, f"{one:,.0f}", f"{other:,.0f}", target))
    rows("Speed on loopback", *lines)


def agreement(url):
    """Batches against single costs, and errors."""
    device, shown, signs = opened(url, "visa")
    many = signs(64)
    batch = device.measure(many, shown).cost
    ones = np.concatenate([device.measure(each[None], shown).cost for each in many])
    line = device.line
    line.send(b"COSTS?\n")
    line.send(b"SYST:ERR?\n")
    error = line.receive(2).decode().strip()
    device.close()
    rows(
        "Agreement",
        ("what", "found"),
        ("64 costs in a batch and one by one: largest difference, of their mean",
         f"{np.abs(batch - ones).max() / batch.mean():.1e}"),
        ("COSTS? ends as", error),
    )  # fmt: skip


def recovery():
    """A time-out, then on; the instrument killed and started again, then on."""
    at = "scpi://127.0.0.1:15025"
    with served(CHIP, at):
        device, shown, signs = opened(at, "visa")
        device.timeout_s, big = 0.001, signs(4000)
        try:
            device.measure(big, shown)
            said = "no time-out"
        except LinkLost as error:
            said = str(error)
        device.timeout_s = 5.0
        began = time.perf_counter()
        device.measure(signs(1), shown)
        again = time.perf_counter() - began
        device.close()
    restarts = []

    def restart(glance):
        if glance.slot >= 400 and len(restarts) == 1:
            restarts[0].__exit__(None, None, None)
            restarts.append(served(SMALL, at))
            restarts[1].__enter__()

    restarts.append(served(SMALL, at))
    restarts[0].__enter__()
    record = trained(at, watch=restart)
    restarts[-1].__exit__(None, None, None)
    counts = record.extra["lab"]
    rows(
        "Recovery",
        ("what", "found"),
        ("a measurement that takes too long", said),
        ("the next one works, after", f"{again:.3f} s"),
        ("instrument killed and started again in a run", record.status),
        ("recoveries; test accuracy", f"{counts['recoveries']}; {accuracy(record)}"),
    )


def trained(url, watch=None):
    """Iris through the instrument: seeds out, costs back."""
    return lab.train(
        find.device_at(url),
        pg.data.load("iris"),
        estimator=pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(0.02), "antithetic"
        ),
        rule=pg.Rule("sgd", learning_rate=0.5),
        slots=1500,
        key=0,
        batch=15,
        points=2,
        watch=watch,
    )


def accuracy(record):
    """Its accuracy in words."""
    return f"{float(record.final['test_accuracy'].item()):.1%}"


def training(url):
    """A small net, trained through the instrument."""
    record = trained(url)
    counts, link = record.extra["lab"], record.extra["lab"]["link"]
    rows(
        "Training 4-4-3 on Iris through the instrument",
        ("what", "found"),
        ("test accuracy after 1,500 steps", accuracy(record)),
        ("steps per second", f"{record.throughput['updates_per_s']:,.0f}"),
        ("bytes out per message", f"{link['bytes_out'] / link['calls']:,.0f}"),
        ("updates; recoveries", f"{counts['updates']:,}; {counts['recoveries']}"),
    )


def main():
    """Print all tables, or one."""
    tables = {"agreement": CHIP, "training": SMALL}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", choices=["speed", *tables, "recovery"], help="one table"
    )
    only = parser.parse_args().only
    if only in (None, "speed"):
        speed()
    for name, chip in tables.items():
        if only in (None, name):
            with served(chip) as url:
                globals()[name](url)
    if only in (None, "recovery"):
        recovery()


if __name__ == "__main__":
    main()
