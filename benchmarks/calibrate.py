"""What `plexgrad chip calibrate` recommends against a grid search, on one device.

    python benchmarks/calibrate.py URL TASK [--target 0.8] [--batch 32] [--quick]

The device is calibrated `TUNED` times, from other starts. A grid of amplitude, window
and eta around the first recommendation is trained on the device until the test accuracy
is first seen at the target: all settings from one start, the best third from `STARTS`.
Then the best of the grid and every recommendation train from `AGAIN` new starts. The
evaluations that calibrating took are shown beside, not added.
"""

import argparse
import itertools
import json
import math
from pathlib import Path

import numpy as np

import plexgrad as pg
from plexgrad.core.files import write_atomically
from plexgrad.core.record import versions
from plexgrad.lab import find, loop
from plexgrad.lab.calibrate.run import Setting, calibrate
from plexgrad.training.recorded import machine

TUNED, STARTS, AGAIN = 3, 3, 15
GOAL = 1.25
"""Evaluations, relative to the best of the grid, that a recommendation may need."""

AMPLITUDES = (1 / 3, 1.0, 3.0)
WINDOWS = (1, 4)
ETAS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""The grid, relative to the recommendation; eta also grows with the window."""

POINTS = 80
RESULTS = Path(__file__).parent / "results"


class Reached(Exception):
    """The accuracy was seen."""


def evaluations_to(asked, data, setting, key, most):
    """Evaluations at which the test accuracy was first seen at the target, or inf."""
    tau = int(setting["tau_theta"])
    code = pg.codes.Rademacher(setting["amplitude"])
    estimator = pg.estimators.WeightPerturbation(code, asked.reference)
    clock = pg.Clock(tau_theta=tau)
    slots = max(tau, int(most / estimator.evaluations(clock, tau) * tau) // tau * tau)
    stops = np.unique(np.geomspace(max(slots / 300, 1), slots, POINTS).astype(int))

    def watch(glance):
        if glance.accuracy.size and glance.accuracy[0] >= asked.target:
            raise Reached(glance.evaluations)

    try:
        pg.lab.train(
            find.device_at(asked.url),
            data,
            estimator=estimator,
            rule=pg.Rule("sgd", learning_rate=setting["eta"]),
            clock=clock,
            slots=slots,
            batch=asked.batch,
            key=key,
            points=[int(stop) for stop in stops],
            watch=watch,
        )
    except Reached as found:
        return float(found.args[0])
    return math.inf


def capabilities(url):
    """What the device can do."""
    device = find.device_at(url)
    device.open()
    try:
        return device.capabilities
    finally:
        device.close()


def searched(asked, data, middle, say):
    """The settings of the grid with what they took, the best one first."""
    can = capabilities(asked.url)
    grid = [
        {
            "amplitude": middle["amplitude"] * amplitude,
            "tau_theta": middle["tau_theta"] * window,
            "eta": middle["eta"] * window * eta,
            "took": [],
        }
        for amplitude, window, eta in itertools.product(AMPLITUDES, WINDOWS, ETAS)
        if can.amplitude_low <= middle["amplitude"] * amplitude <= can.amplitude_high
    ]
    most = float(asked.most)
    for start in range(asked.starts):
        for setting in grid if not start else grid[: max(3, len(grid) // 3)]:
            took = evaluations_to(asked, data, setting, 2000 + start, most)
            setting["took"].append(took)
            most = min(most, 4 * took)
        grid.sort(key=lambda it: (-len(it["took"]), float(np.median(it["took"]))))
        say(
            f"start {start + 1}: best {words(grid[0])} {np.median(grid[0]['took']):.0f}"
        )
    return grid


def recommended(asked, data, number):
    """A recommendation from another start, as plain data."""
    estimator = pg.estimators.WeightPerturbation(
        pg.codes.Rademacher(1.0), asked.reference
    )
    found = calibrate(
        find.device_at(asked.url),
        data,
        Setting(estimator, batch=asked.batch, budget=asked.budget),
        key=1000 + number,
        listen_s=0.2,
    )
    if found.recommendation is None:
        raise SystemExit(found.refused)
    told = found.recommendation
    names = "amplitude", "tau_theta", "eta", "spent"
    faults = {"dead": found.knobs.dead, "saturated": found.knobs.saturated}
    return {name: getattr(told, name) for name in names} | {"faults": faults}


def words(setting):
    """Amplitude, window and step in short."""
    return (
        f"Δθ {setting['amplitude']:.2g}, τ_θ {setting['tau_theta']}, "
        f"η {setting['eta']:.2g}"
    )


def show(row):
    """Print a table as Markdown."""
    goal = float(np.median(row["best"]["again"]))
    print(f"\n### {row['url']}, {row['task']}, to {row['target']:.0%}\n")
    print("| setting | | evaluations to target, new starts | ratio | calibrating |")
    print("| --- | --- | --- | --- | --- |")
    print(f"| best of {row['grid']} | {words(row['best'])} | {goal:,.0f} | 1 | |")
    ratios = []
    for each in row["recommended"]:
        took = float(np.median(each["again"]))
        ratios.append(took / goal if math.isfinite(took) else math.inf)
        print(
            f"| recommended | {words(each)} | {took:,.0f} | {ratios[-1]:.2f} | "
            f"{each['spent']} |"
        )
    ratio = float(np.median(ratios))
    verdict = "met" if ratio <= GOAL else "missed"
    print(f"\nMedian ratio {ratio:.2f}; within {GOAL:g}: {verdict}.")


def main():
    """Calibrate, search, train anew, save, and show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("task")
    parser.add_argument("--target", type=float, default=0.8)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--reference", default="antithetic")
    parser.add_argument("--budget", type=int, default=1000)
    parser.add_argument("--most", type=int, default=60_000)
    parser.add_argument("--out", type=Path, help="a JSON file; default: in results/")
    parser.add_argument("--quick", action="store_true", help="few starts, not saved")
    asked = parser.parse_args()
    asked.starts, again = (1, 2) if asked.quick else (STARTS, AGAIN)
    loop.WATCH_S = 0.0
    data = pg.data.load(asked.task)

    def say(text):
        print(text, flush=True)

    made = [recommended(asked, data, n) for n in range(1 if asked.quick else TUNED)]
    for each in made:
        say(f"recommended {words(each)}; {each['faults']}")
    grid = searched(asked, data, made[0], say)
    best = grid[0]
    for each in (best, *made):
        each["again"] = [
            evaluations_to(asked, data, each, 3000 + n, asked.most)
            for n in range(again)
        ]
        say(f"{words(each)}: {each['again']}")
    row = {
        "url": asked.url,
        "task": asked.task,
        "target": asked.target,
        "grid": len(grid),
        "best": best,
        "recommended": made,
        "machine": machine(),
        "versions": versions(),
    }
    if not asked.quick:
        name = "".join(c if c.isalnum() else "-" for c in f"{asked.url}-{asked.task}")
        path = asked.out or RESULTS / f"calibrate-{name}.json"
        text = json.dumps(row, indent=1).replace("Infinity", "null")
        write_atomically(path, text.encode())
    show(row)


if __name__ == "__main__":
    main()
