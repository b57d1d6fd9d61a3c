"""Steps per second of the microcontroller, by what crosses the link.

One run of all rows, antithetic, batch 32, samples held on the device:

- `bare`: fused steps whose frames were made before, so nothing but link and device;
- `loop`: fused steps through `Remote` and `Bench`, with shadow, limits and accounts;
- `train`: the whole host loop of `lab.train`;
- `codes`: codes are made on the device, parameters sent by the host;
- `arrays`: parameters and both perturbations are sent;
- `alone`: the device trains without the host.

    python benchmarks/mcu.py [--seconds 3] [--only mcu: qemu:] [--clock wall|cpu]

`--clock cpu` counts processor time, of host and emulator together: for machines that
are busy with something else. What waits for the line then counts nothing.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import plexgrad as pg
from plexgrad import lab
from plexgrad.data import Dataset
from plexgrad.lab import messages
from plexgrad.lab.bench import Bench
from plexgrad.lab.device import Autonomy, Shown
from plexgrad.lab.find import device_at
from plexgrad.lab.messages import NUMBER, Command
from plexgrad.lab.perturbations import Codes, Update
from plexgrad.lab.remote import Remote

SIZES = ("49-4-4", "64-32-10")
LINKS = ("mcu:{}", "qemu:{}", "qemu:{}?link=pty")
AMPLITUDE, BATCH, KEY, HELD = 0.125, 32, (1, 2), 512
FRAMES = 128
"""Bare frames that are made at once, while the clock stands still."""


def data(sizes: str) -> Dataset:
    """Random samples: nothing here depends on what they are."""
    first, *_, last = map(int, sizes.split("-"))
    random = np.random.default_rng(0)
    x = random.integers(0, 2, (HELD, first)).astype(np.float32)
    y = np.eye(last, dtype=np.float32)[random.integers(0, last, HELD)]
    names = tuple(map(str, range(last)))
    return Dataset("random", x, y, x[:BATCH], y[:BATCH], names, "", {"name": "random"})


def shown(step: int) -> Shown:
    """A batch in a run."""
    first = step * BATCH % HELD
    return Shown(
        handle="train", index=np.arange(first, first + BATCH, dtype=np.uint32)[None]
    )


def slot(step: int) -> Codes:
    """The code of a step."""
    return Codes(KEY, step, 1, AMPLITUDE, "antithetic")


class Clock:
    """Seconds that passed, or that host and emulator were busy."""

    def __init__(self, kind: str, seconds: float) -> None:
        self.kind, self.seconds, self.pid = kind, seconds, None
        self._stood, self._stopped = 0.0, 0.0

    def stop(self) -> None:
        """Stand still until `go_on`."""
        self._stopped = self._now()

    def go_on(self) -> None:
        """What passed since `stop` does not count."""
        self._stood += self._now() - self._stopped

    def __call__(self) -> float:
        """Now."""
        return self._now() - self._stood

    def _now(self) -> float:
        if self.kind == "wall":
            return time.perf_counter()
        busy = time.process_time()
        if self.pid is not None:
            told = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2]
            ticks = sum(map(int, told.split()[11:13]))
            busy += ticks / os.sysconf("SC_CLK_TCK")
        return busy

    def rate(self, make: Callable[[int], Any]) -> float:
        """How often per second `make(step)` can be called, after a warm-up."""
        for step in range(3):
            make(step)
        began, step, until = self(), 3, time.perf_counter() + self.seconds
        while time.perf_counter() < until:
            make(step)
            step += 1
        return (step - 3) / max(self() - began, 1e-3)


def bare(device: Remote, clock: Clock) -> float:
    """Fused steps of frames that were made before."""
    first, session, line = device._number + 1, device._session, device.transport

    def frame(step: int) -> bytes:
        update = Update(slot(step), np.array([1e-3], np.float32))
        what = messages.update(update)
        what += messages.measure(slot(step + 1), shown(step), before=update.codes)
        payload = NUMBER.pack(first + step) + what
        return b"\0" + session.frame(1, Command.STEP, payload).encode()

    frames: list[bytes] = []

    def make(step: int) -> None:
        if step % FRAMES == 0:
            clock.stop()
            frames[:] = [frame(step + n) for n in range(FRAMES)]
            clock.go_on()
        line.send(frames[step % FRAMES])
        answer = line.receive(5)
        while not answer.endswith(b"\0"):
            answer += line.receive(5)

    found = clock.rate(make)
    device.open()
    return found


def loop(bench: Bench, clock: Clock) -> float:
    """Fused steps with shadow, limits and accounts."""
    coefficient = np.array([1e-3], np.float32)

    def make(step: int) -> None:
        bench.step(Update(slot(step), coefficient), slot(step + 1), shown(step))

    return clock.rate(make)


def codes(bench: Bench, clock: Clock) -> float:
    """The host makes the parameters."""
    theta = bench.shadow.copy()

    def make(step: int) -> None:
        bench.measure(slot(step), shown(step))
        bench.write(theta)

    return clock.rate(make)


def arrays(bench: Bench, clock: Clock) -> float:
    """The host makes the parameters and the perturbations."""
    theta = bench.shadow.copy()

    def make(step: int) -> None:
        bench.measure(slot(step).rows(len(theta)), shown(step))
        bench.write(theta)

    return clock.rate(make)


def alone(bench: Bench, clock: Clock) -> float:
    """Steps of one autonomous run."""
    device: Any = bench.device
    steps = 1000 if bench.can.parameters < 1000 else 100
    config = Autonomy(slot(0), 0.1, "train", BATCH)
    return steps * clock.rate(lambda _: device.run_steps(steps, config))


def train(device: Remote, sizes: str, clock: Clock, guess: float) -> float:
    """The whole host loop, with samples in runs."""
    slots = max(20, int(guess * clock.seconds / 2))
    began = clock()
    record = lab.train(
        device,
        data(sizes),
        estimator=pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(AMPLITUDE), "antithetic"
        ),
        rule=pg.Rule("sgd", learning_rate=0.1),
        slots=slots,
        key=0,
        batch=BATCH,
        sampling="runs",
        points=1,
    )
    if clock.kind == "wall":
        return float(record.throughput["updates_per_s"])
    return slots / (clock() - began)


def work(bench: Bench) -> tuple[float, bool]:
    """Seconds of the device's clock in one step, and whether they always are."""
    seconds = []
    for step in range(5):
        update = Update(slot(step), np.array([1e-3], np.float32))
        seconds.append(bench.step(update, slot(step + 1), shown(step)).device_seconds)
    return float(np.median(seconds)), len(set(seconds)) == 1


def main() -> None:
    """Print one line for each network and link."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", nargs="*", default=["mcu:", "qemu:"])
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    given = parser.parse_args()
    clock = Clock(given.clock, given.seconds)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{given.clock} clock, {os.cpu_count()} processors, load {load}")
    columns = ("bare", "loop", "train", "codes", "arrays", "alone")
    names = " ".join(f"{name:>8}" for name in columns)
    print(f"{'steps/s':<26}{names}  loop/arrays  bytes  device time of a measurement")
    for sizes in SIZES:
        for link in LINKS:
            if not link.startswith(tuple(given.only)):
                continue
            url = link.format(sizes)
            device: Any = device_at(url)
            random = np.random.default_rng(0)
            with Bench(device) as bench:
                clock.pid = getattr(device.transport, "pid", None)
                held = data(sizes)
                bench.load(held.x_train, held.y_train, "train")
                bench.write(
                    random.uniform(-0.5, 0.5, bench.can.parameters).astype(np.float32)
                )
                found = {"bare": bare(device, clock)}
                before = device.link.bytes_out + device.link.bytes_in
                calls = device.link.calls
                found["loop"] = loop(bench, clock)
                crossed = device.link.bytes_out + device.link.bytes_in - before
                crossed /= device.link.calls - calls
                found["codes"] = codes(bench, clock)
                found["arrays"] = arrays(bench, clock)
                busy, same = work(bench)
                found["alone"] = alone(bench, clock)
            found["train"] = train(device, sizes, clock, found["loop"])
            device.close()
            numbers = " ".join(f"{found[name]:>8,.0f}" for name in columns)
            ratio = found["loop"] / found["arrays"]
            device_time = (
                f"{1e6 * busy:,.1f} us{'' if same else ' (varies)'}" if busy else ""
            )
            row = f"{url:<26}{numbers}  {ratio:>11.1f}  {crossed:>5.0f}  {device_time}"
            print(row, flush=True)


if __name__ == "__main__":
    main()
