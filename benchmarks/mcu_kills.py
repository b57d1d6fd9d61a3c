"""An emulated board that is killed again and again while it learns, on a bad link.

The board (QEMU, TCP) learns the 7x7 letters of `letters`. At random steps the emulator
is killed, and the link drops, flips, copies, delays and cuts. After every recovery the
parameters are read back and compared with the host's shadow; at the end the run is
compared with one on a good link, of the same seeds.

    python benchmarks/mcu_kills.py [--kills 50] [--steps 1500] [--rate 0.01]
"""

import argparse
import contextlib
import os
import signal
import time

import numpy as np

from plexgrad.lab.bench import Bench
from plexgrad.lab.device import Shown
from plexgrad.lab.mcu.board import Board
from plexgrad.lab.mcu.qemu import QemuLine
from plexgrad.lab.mcu.twin import TwinMCU
from plexgrad.lab.perturbations import Codes, Update, signal_of
from plexgrad.lab.remote import Remote
from plexgrad.lab.transports.faulty import Faulty

GLYPHS = {
    "N": "1000001 1100001 1010001 1001001 1000101 1000011 1000001",
    "I": "0011100 0001000 0001000 0001000 0001000 0001000 0011100",
    "S": "0111110 1000001 1000000 0111110 0000001 1000001 0111110",
    "T": "1111111 0001000 0001000 0001000 0001000 0001000 0001000",
}
KEY, AMPLITUDE, BATCH, COUNT = (3, 4), 0.125, 32, 512


def letters(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """512 images of four letters with 5 % of the pixels flipped, and their classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, COUNT)
    flips = random.random((COUNT, 49)) < 0.05
    glyphs = [[int(p) for p in text.replace(" ", "")] for text in GLYPHS.values()]
    images = np.array(glyphs, bool)[labels] ^ flips
    return images.astype(np.float32), np.eye(4, dtype=np.float32)[labels]


class Run:
    """A training that can be interrupted anywhere."""

    def __init__(self, bench: Bench, eta: float) -> None:
        self.bench, self.eta, self.update = bench, eta, None
        bench.open()
        x, y = letters()
        bench.load(x, y, "train")
        size = bench.can.parameters
        bench.write(np.random.default_rng(1).uniform(-0.5, 0.5, size))

    def step(self, number: int) -> None:
        """One fused step."""
        codes = Codes(KEY, number, 1, AMPLITUDE, "antithetic")
        first = number * BATCH % COUNT
        index = np.arange(first, first + BATCH, dtype=np.uint32)[None]
        found = self.bench.step(self.update, codes, Shown(handle="train", index=index))
        signal_ = signal_of(np.asarray(found.cost), "antithetic")[0]
        rate = np.float32(-self.eta / AMPLITUDE**2)
        self.update = Update(codes, rate * signal_)

    def accuracy(self) -> float:
        """Share of all samples that are right."""
        index = np.arange(COUNT, dtype=np.uint32)[None]
        rest = np.zeros((1, self.bench.can.parameters), np.float32)
        found = self.bench.measure(rest, Shown(handle="train", index=index))
        return float(np.asarray(found.hits)[0]) / COUNT


def main() -> None:
    """Train with and without kills; exit status 1 if they do not agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--eta", type=float, default=0.3)
    given = parser.parse_args()
    good = Run(Bench(TwinMCU()), given.eta)
    for number in range(given.steps):
        good.step(number)
    line = QemuLine(Board())
    faulty = Faulty(line, 0.0, 1)
    bench = Bench(Remote(faulty, timeout_s=1.0), patience_s=120)
    run = Run(bench, given.eta)
    random = np.random.default_rng(2)
    due = sorted(random.choice(given.steps, given.kills, replace=False).tolist())
    faulty.rate, kills, wrong, began = given.rate, 0, 0, time.perf_counter()
    for number in range(given.steps):
        if due and number == due[0]:
            due.pop(0)
            with contextlib.suppress(ProcessLookupError):
                os.kill(line.pid, signal.SIGKILL)
            kills += 1
        before = bench.accounts.recoveries
        run.step(number)
        if bench.accounts.recoveries > before:
            bench.read_back()
            wrong += bench.accounts.disagreements
            bench.accounts.disagreements = 0
            print(f"step {number}, {kills} kills", end="\r", flush=True)
    took = time.perf_counter() - began
    faulty.rate = 0.0
    same = np.array_equal(bench.read_back(), good.bench.read_back())
    one, other = good.accuracy(), run.accuracy()
    bench.device.close()
    print(
        f"{given.steps} steps in {took:.0f} s; {kills} kills, "
        f"{bench.accounts.recoveries} recoveries, faults {dict(faulty.injected)}, "
        f"{bench.accounts.link.retries} retries"
    )
    print(f"device and shadow differed after {wrong} recoveries")
    print(f"accuracy {one:.2%} without, {other:.2%} with; same weights: {same}")
    if wrong or kills != given.kills or abs(one - other) > 0.02:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
