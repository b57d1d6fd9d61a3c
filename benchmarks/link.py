"""What crosses the link decides the speed: training steps per second, way by way.

An emulated chip trains on nist7x7 in the three ways of `lab.ways`, in this process and
served over TCP by another one. Each row is the median of several runs that take turns,
without their compilation; prints a table for docs/lab.md.

python benchmarks/link.py [--steps 2000] [--rounds 3] [--chip emulated:49-4-4]
"""

import argparse
import os
import subprocess
import sys
import time
from statistics import median

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.find import device_at
from plexgrad.lab.ways import WAYS

BATCH = 32


def steps_per_s(url, way, data, steps):
    """Steps per second, and bytes per step both ways, of one run after a short one."""
    device, seen = device_at(url), []

    def watch(glance):
        seen.append((glance.more["steps"], glance.seconds))

    record = lab.train(
        device,
        data,
        estimator=pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(0.05), "antithetic"
        ),
        rule=pg.Rule("sgd", learning_rate=0.25),
        slots=steps,
        key=0,
        batch=BATCH,
        points=[steps],
        crossing=way,
        watch=watch,
    )
    assert record.spec["crossing"] == way  # noqa: S101
    # The first glances hold the compilation.
    first = next((each for each in seen if each[0] > steps // 10), seen[0])
    last = seen[-1]
    link = record.extra["lab"]["link"]
    each = (link["bytes_out"] + link["bytes_in"]) / steps if link["calls"] else 0
    return (last[0] - first[0]) / (last[1] - first[1]), each


def main():
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chip", default="emulated:49-4-4")
    given = parser.parse_args()
    data = pg.data.load("nist7x7")
    words = [sys.executable, "-m", "plexgrad", "chip", "serve", given.chip]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            served = server.stdout.readline().strip()
            rows = {}
            for _ in range(given.rounds):
                for way in WAYS:
                    for place, url in (("here", given.chip), ("TCP", served)):
                        found = steps_per_s(url, way, data, given.steps)
                        rows.setdefault((way, place), []).append(found)
        finally:
            server.terminate()
    print(f"`{given.chip}`, batch {BATCH}, antithetic, steps/s, {time.strftime('%F')},")
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{cores} cores under a load of {load:.1f}:\n")
    print("| way | in this process | over TCP | bytes a step over TCP, with the data |")
    print("| --- | --- | --- | --- |")
    for way in WAYS:
        here, there = rows[way, "here"], rows[way, "TCP"]
        speeds = [median(speed for speed, _ in each) for each in (here, there)]
        size = median(size for _, size in there)
        print(f"| `{way}` | {speeds[0]:,.0f} | {speeds[1]:,.0f} | {size:,.0f} |")


if __name__ == "__main__":
    main()
