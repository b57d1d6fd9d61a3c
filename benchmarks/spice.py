"""ngspice in the loop, against its targets: exactness, speed, memory, training.

    python benchmarks/spice.py [--quick] [--only TABLE]

Prints Markdown tables. Needs the ngspice library (Debian: libngspice0). Speeds are
medians of blocks, in central-difference steps (two passes) per second of CPU time:
all of it is one thread. `--quick` makes 4 training runs of a kind instead of 20.
"""

import argparse
import os
import statistics
import time

import numpy as np

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.spice import Crossbar, SpiceCrossbar, SpiceError, twin
from plexgrad.lab.spice.netlist import LIMIT, NEURONS, resistances, resistors

ETA = {("xor", "tanh"): 0.8, ("xor", "diode"): 0.3, "iris": 0.1}
SLOTS = {"xor": 5000, "iris": 1600}
DONE = 0.02 / 1.4**2
"""XOR has converged at 0.02 square volts; targets, 0 and 1, are 1.4 V apart."""


def rows(title, *lines):
    """Print a table; the first line is its head."""
    print(f"\n## {title}\n")
    for number, line in enumerate(lines):
        print("| " + " | ".join(str(each) for each in line) + " |")
        if not number:
            print("|" + " --- |" * len(line))


def drawn(sizes, samples, seed=0):
    """Weights in their range and samples in volts."""
    random = np.random.default_rng(seed)
    theta = random.uniform(-LIMIT, LIMIT, len(resistors(sizes)) // 2)
    return theta, random.uniform(-1, 1, (samples, sizes[0]))


def exactness():
    """The largest differences found."""
    lines = [("net", "sweep to solutions, V", "sweep to twin, V", "weight round trip")]
    for sizes in ((2, 2, 1), (4, 4, 3), (49, 4, 4)):
        for neuron in NEURONS:
            theta, x = drawn(sizes, 20)
            circuit = Crossbar(sizes, neuron, theta[::-1].copy(), x)
            circuit.write(theta)
            swept = circuit.sweep(0, 19)
            solved = np.stack([circuit.solve(number) for number in range(20)])
            told = twin.forward(sizes, neuron, resistances(theta), x)
            gaps = swept - solved, swept - told, circuit.read() - theta
            name = f"{'-'.join(map(str, sizes))} {neuron}"
            lines.append((name, *(f"{np.abs(gap).max():.1e}" for gap in gaps)))
            circuit.close()
    rows("Exactness", *lines)


def safety():
    """Two circuits in one process, a missing part, and memory."""
    theta, x = drawn((2, 2, 1), 4)
    one, other = (Crossbar((2, 2, 1), neuron, theta, x) for neuron in NEURONS)
    before = one.sweep(0, 3)
    other.write(-theta)
    other.show(-x)
    other.sweep(0, 3)
    alone = np.array_equal(one.sweep(0, 3), before)
    try:
        one.spice.command("alter @rp99[resistance]=1")
        said = "nothing"
    except SpiceError as error:
        said = str(error)
    grown = []
    for times in (1000, 20_000):
        start = resident()
        for _ in range(times):
            one.write(theta)
            one.sweep(0, 3)
            theta = -theta
        grown.append(resident() - start)
    one.close()
    other.close()
    rows(
        "Safety",
        ("what", "found"),
        ("a circuit after another one was changed", "same" if alone else "differs"),
        ("a missing part", said),
        ("memory that 20,000 passes of 18 changes took", f"{grown[1]} KiB"),
    )


def resident():
    """KiB of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def rate(work, seconds=0.3, blocks=5):
    """Calls per second of CPU time: the median of blocks."""
    found = []
    for _ in range(blocks):
        count, began = 0, time.process_time()
        while (took := time.process_time() - began) < seconds:
            work()
            count += 1
        found.append(count / took)
    return statistics.median(found)


def speed():
    """Central-difference steps per second at the level of the circuit."""
    lines = [("net", "samples", "solution/s", "sweep/s", "steps/s by sweep", "target")]
    cases = (((2, 2, 1), 4, 1800), ((4, 4, 3), 15, ""), ((4, 4, 3), 105, ""))
    for sizes, samples, target in (*cases, ((49, 4, 4), 64, "")):
        for neuron in NEURONS:
            theta, x = drawn(sizes, samples)
            circuit = Crossbar(sizes, neuron, theta, x)
            numbers = iter(range(10**9))

            def solution(circuit=circuit, numbers=numbers, samples=samples):
                circuit.solve(next(numbers) % samples)

            def sweep(circuit=circuit, samples=samples):
                circuit.sweep(0, samples - 1)

            def step(circuit=circuit, theta=theta, samples=samples):
                for sign in (1, -1):
                    circuit.write(sign * theta)
                    circuit.sweep(0, samples - 1)

            name = f"{'-'.join(map(str, sizes))} {neuron}"
            found = [f"{rate(work):,.0f}" for work in (solution, sweep, step)]
            lines.append((name, samples, *found, target))
            circuit.close()
    rows("Speed of the circuit", *lines)


def training(runs):
    """XOR and Iris by the host loop, one run after the other."""
    lines = [("task", "net", "converged", "slots: median, most", "target")]
    for neuron in NEURONS:
        found = [until_done(neuron, key) for key in range(runs)]
        slots = [each for each in found if each is not None]
        said = f"{len(slots)} of {runs}"
        told = f"{statistics.median(slots):,.0f}, {max(slots):,}" if slots else ""
        lines.append(("xor", f"2-2-1 {neuron}", said, told, "95 %"))
    for neuron in NEURONS:
        sampling = {"batch": 15, "sampling": "runs", "points": 1}
        found = [trained("iris", neuron, key, **sampling) for key in range(runs // 2)]
        right = [float(record.final["test_accuracy"].item()) for record in found]
        many = f"{sum(each >= 0.93 for each in right)} of {len(found)}"
        said = f"{many}; mean {np.mean(right):.1%}, least {min(right):.1%}"
        lines.append(("iris", f"4-4-3 {neuron}", said, SLOTS["iris"], "93 %"))
    rows("Training through the host loop", *lines)


def until_done(neuron, key):
    """The slots in which XOR has converged (looked at every 0.1 s), or None."""
    device, data = SpiceCrossbar((2, 2, 1), neuron), pg.data.load("xor")
    shown = lab.Shown(data.x_train[None], data.y_train[None])
    rest, reached = np.zeros((1, 9), np.float32), []

    def look(glance):
        found = device.measure(rest, shown)
        if found.cost[0] < DONE and found.hits[0] == 4:
            reached.append(glance.slot)
            raise KeyboardInterrupt

    try:
        trained("xor", neuron, key, device=device, batch=4, watch=look, points=1)
    except KeyboardInterrupt:
        return reached[0]
    return None


def host_speed():
    """Steps per second of the host loop, from runs of two lengths."""
    lines = [("task", "net", "batch", "steps/s")]
    for task, batch in (("xor", 4), ("iris", 15)):
        for neuron in NEURONS:
            took = []
            for slots in (200, 200, 1200):  # the first one compiles
                began = time.process_time()
                more = {"batch": batch, "slots": slots, "sampling": "runs"}
                trained(task, neuron, 0, points=1, **more)
                took.append(time.process_time() - began)
            lines.append((task, neuron, batch, f"{1000 / (took[2] - took[1]):,.0f}"))
    rows("Speed through the host loop", *lines)


def trained(task, neuron, key, slots=None, device=None, **more):
    """The record of one run on a fresh chip."""
    sizes = {"xor": (2, 2, 1), "iris": (4, 4, 3)}[task]
    code = pg.codes.Rademacher(0.05)
    return lab.train(
        device or SpiceCrossbar(sizes, neuron),
        pg.data.load(task),
        estimator=pg.estimators.WeightPerturbation(code, "antithetic"),
        rule=pg.Rule("sgd", learning_rate=ETA.get((task, neuron), ETA["iris"])),
        slots=slots or SLOTS[task],
        key=key,
        **more,
    )


def main():
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer training runs")
    tables = {each.__name__: each for each in (exactness, safety, speed, host_speed)}
    parser.add_argument("--only", choices=[*tables, "training"], help="one table")
    given = parser.parse_args()
    for name, table in tables.items():
        if given.only in (None, name):
            table()
    if given.only in (None, "training"):
        training(4 if given.quick else 20)


if __name__ == "__main__":
    main()
