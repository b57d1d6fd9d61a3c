"""`plexgrad tune` against a grid search, on simulated chips.

    python benchmarks/tune.py [--case parity] [--quick] [--again] [--show]

Each of `CHIPS` chips is tuned by itself. A grid over amplitude, tau_theta and eta is
searched on `SEEDS` other chips for the fewest evaluations to the target, median over
them (`--again` takes the saved grid). Then the best of the grid and every
recommendation train `AGAIN` new chips. The evaluations that tuning took are shown
beside, not added. Rows are saved to benchmarks/results/tune.json as they are done, and
not made again.
"""

import argparse
import json
import math
import time
from pathlib import Path

import jax

jax.config.update("jax_num_cpu_devices", 1)

import numpy as np  # noqa: E402

import plexgrad as pg  # noqa: E402
from plexgrad.chips import (  # noqa: E402
    ActivationVariation,
    CostNoise,
    PerturbationMismatch,
    Quantised,
    Simulated,
    WriteNoise,
)
from plexgrad.core.files import write_atomically  # noqa: E402
from plexgrad.core.record import versions  # noqa: E402
from plexgrad.core.spec import to_spec  # noqa: E402
from plexgrad.training.recorded import machine  # noqa: E402
from plexgrad.training.tune import tune  # noqa: E402
from tune_grid import Case, evaluations_to_target  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "tune.json"
CHIPS, SEEDS, AGAIN = 5, 12, 64
GOAL = 1.2
"""Evaluations, relative to the best of the grid, that a recommendation may need."""

PAPER = {"initial": (-0.5, 0.5), "subtract_bias": True}
VARIED = ActivationVariation(Simulated(pg.nets.MLP([49, 4, 4], **PAPER), "mse"), 0.1)
LETTERS = {
    "name": "nist7x7, 49-4-4 sigmoid, batch 32",
    "task": "nist7x7",
    "reference": "baseline",
    "batch": 32,
    "target": 0.8,
    "evaluations": 100_000,
}
CASES = {
    "parity": Case(
        name="parity-4, 4-8-1 sigmoid, all 16 strings at a time",
        flaws="cost noise 0.01",
        chip=CostNoise(Simulated(pg.nets.MLP([4, 8, 1], **PAPER), "mse"), 0.01),
        task="parity-4",
        reference="antithetic",
        batch=16,
        target=0.9,
        evaluations=40_000,
        amplitudes=(0.1, 0.3, 1.0),
        windows=(1, 4, 16),
        etas=(0.5, 1.0, 2.0, 4.0),
    ),
    "nist7x7": Case(
        **LETTERS,
        flaws="activation variation 0.1, cost noise 0.003",
        chip=CostNoise(VARIED, 0.003),
        amplitudes=(0.03, 0.1, 0.3),
        windows=(1, 4, 16),
        etas=(0.4, 0.8, 1.6, 3.2),
    ),
    "xor": Case(
        name="xor, 2-4-1 sigmoid, all 4 patterns at a time",
        flaws="perturbations that differ by 0.2, cost noise 0.003",
        chip=CostNoise(
            PerturbationMismatch(
                Simulated(pg.nets.MLP([2, 4, 1], **PAPER), "mse"), 0.2
            ),
            0.003,
        ),
        task="xor",
        reference="baseline",
        batch=4,
        target=1.0,
        evaluations=40_000,
        amplitudes=(0.1, 0.3, 1.0),
        windows=(1, 4, 16),
        etas=(0.5, 1.0, 2.0, 4.0),
    ),
    "digits": Case(
        name="digits, 64-32-10 tanh, batch 32",
        flaws="cost noise 0.03, write noise 0.003",
        chip=WriteNoise(
            CostNoise(
                Simulated(
                    pg.nets.MLP([64, 32, 10], activation="tanh"),
                    pg.nets.CrossEntropy(0.1),
                ),
                0.03,
            ),
            0.003,
        ),
        task="digits",
        reference="antithetic",
        batch=32,
        target=0.9,
        evaluations=30_000,
        amplitudes=(0.03, 0.1, 0.3),
        windows=(1, 4, 16),
        etas=(0.0025, 0.005, 0.01, 0.02),
    ),
    "8-bit": Case(
        **LETTERS,
        flaws="the same, and 8-bit parameters",
        chip=CostNoise(Quantised(VARIED, 8), 0.003),
        amplitudes=(0.1, 0.3, 0.9),
        windows=(16, 64, 256),
        etas=(0.1, 0.2, 0.4, 0.8),
    ),
}


def keys(first, count):
    """So many chips."""
    return [jax.random.key(first + n, impl="threefry2x32") for n in range(count)]


def tuned(case, data, key):
    """A recommendation, as plain data, and the seconds that it took."""
    began = time.perf_counter()
    found = tune(
        case.chip,
        data,
        estimator=case.estimator(1.0),
        clock=case.clock(1),
        key=key,
        batch=case.batch,
    )
    return found.to_json(), time.perf_counter() - began


def search(case, data, say, few):
    """Every setting of the grid, with the evaluations that each seed took."""
    grid = []
    for amplitude in case.amplitudes[:few]:
        for window in case.windows[:few]:
            etas = [eta * window for eta in case.etas]
            there = evaluations_to_target(
                case, data, amplitude, window, etas, keys(2000, few or SEEDS)
            )
            for eta, row in zip(etas, there, strict=True):
                setting = {"amplitude": amplitude, "tau_theta": window, "eta": eta}
                grid.append({**setting, "reached": row.tolist()})
            best = np.median(there, axis=1)
            say(f"amplitude {amplitude:g}, tau_theta {window}: {best.round()}")
    return grid


def study(case, say, quick, before=None):
    """Tune, search the grid, and train anew with what both found.

    `before` is a row that was saved, whose grid is kept.
    """
    data = pg.data.load(case.task)
    few = 2 if quick else None
    made = [tuned(case, data, key) for key in keys(1000, few or CHIPS)]
    say(f"{len(made)} recommendations, {made[0][0]['spent']} evaluations each")
    grid = before["grid"] if before else search(case, data, say, few)
    best = min(grid, key=lambda row: middle(row["reached"]))
    new = keys(3000, few or AGAIN)

    def again(setting):
        told = evaluations_to_target(
            case,
            data,
            setting["amplitude"],
            setting["tau_theta"],
            [setting["eta"]],
            new,
        )
        return told[0].tolist()

    rows = []
    for found, seconds in made:
        rows.append({"found": found, "seconds": seconds, "again": again(found)})
        say(f"recommended: {_words(found)}: {np.median(rows[-1]['again']):.0f}")
    return {
        "case": to_spec(case),
        "grid": grid,
        "best": {**best, "again": again(best)},
        "tuned": rows,
        "machine": machine(),
        "versions": versions(),
    }


def middle(values):
    """The median, where what was not reached is infinite."""
    return float(np.median([math.inf if v is None else v for v in values]))


def _words(setting):
    return (
        f"Δθ {setting['amplitude']:.2g}, τ_θ {setting['tau_theta']}, "
        f"η {setting['eta']:.2g}"
    )


def _number(value):
    return "not reached" if math.isinf(value) else f"{value:,.0f}"


def show(saved):
    """Print the saved rows as Markdown."""
    head = ["chip", "setting", "evaluations to target, new chips", "ratio", "tuning"]
    for row in saved.values():
        case, best = row["case"], row["best"]
        goal = middle(best["again"])
        ratios = sorted(middle(r["again"]) / goal for r in row["tuned"])
        ratio = float(np.median(ratios))
        verdict = "met" if ratio <= GOAL else "missed"
        print(f"\n### {case['name']}; {case['flaws']}; to {case['target']:.0%}\n")
        print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
        count = sum(len(r["reached"]) for r in row["grid"])
        print(
            f"| best of {len(row['grid'])} | {_words(best)} | {_number(goal)} | 1 | "
            f"{count} runs |"
        )
        for found in row["tuned"]:
            at = middle(found["again"])
            spent = found["found"]["spent"]
            print(
                f"| recommended | {_words(found['found'])} | {_number(at)} | "
                f"{at / goal:.2f} | {spent} evaluations |"
            )
        print(
            f"\nMedian ratio {ratio:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}); "
            f"within {GOAL:g}: {verdict}."
        )


def main():
    """Run what is missing, save, and show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", choices=list(CASES))
    parser.add_argument("--quick", action="store_true", help="a smoke run, not saved")
    parser.add_argument("--again", action="store_true", help="keep the saved grids")
    parser.add_argument("--show", action="store_true", help="the saved rows only")
    asked = parser.parse_args()
    saved = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in asked.case or CASES:
        if asked.show or (name in saved and not asked.quick and not asked.again):
            continue
        row = study(
            CASES[name],
            lambda text, at=name: print(at, text, flush=True),
            asked.quick,
            saved.get(name) if asked.again else None,
        )
        saved[name] = json.loads(json.dumps(row).replace("Infinity", "null"))
        if not asked.quick:
            order = {name: saved[name] for name in CASES if name in saved}
            write_atomically(RESULTS, json.dumps(order, indent=1).encode())
    show({name: saved[name] for name in asked.case or CASES if name in saved})


if __name__ == "__main__":
    main()
