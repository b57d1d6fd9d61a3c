"""Evaluations and seconds to a set accuracy, for every code at its own best step.

    python benchmarks/efficiency.py [--task digits] [--cap 60] [--quick] [--show]

For each task and code the constant learning rate of Adam is tuned uphill by factors of
2, over half the evaluations, on a fifth of the training set (at most 10,000 samples)
that is held out, with seeds of its own. Then new seeds train on the whole training set
and are scored on the test set at 60 points, the same for all codes. Each row is saved
to benchmarks/results/efficiency.json as it is done, and not made again.

Seconds are evaluations over the evaluations per second of that same run: one network's
share of the machine's time, with `together` networks side by side. `--cap` bounds the
seconds of a final run (and, at an eighth of it, of a tuning run): a code too slow for
all evaluations in that time gets fewer.
"""

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path

import jax

jax.config.update("jax_num_cpu_devices", 2)

import numpy as np  # noqa: E402

import plexgrad as pg  # noqa: E402
from efficiency_rows import TASKS, rows  # noqa: E402
from plexgrad.core.files import write_atomically  # noqa: E402
from plexgrad.training.recorded import machine  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "efficiency.json"
POINTS = 60


def trained(task, row, data, eta, evaluations, seeds, key):
    """Evaluations and accuracies at the points, and evaluations per second."""
    points = np.geomspace(evaluations / 50, evaluations, POINTS) / row.per_slot()
    points = [max(row.pairs, round(point)) for point in points]
    curves, done, spent = [], 0, 0.0
    for start in range(0, seeds, task.together):
        record = pg.train(
            pg.chips.Simulated(task.net, task.cost),
            data,
            estimator=pg.estimators.WeightPerturbation(row.code, row.reference),
            rule=pg.Rule("adam", learning_rate=eta),
            clock=pg.Clock(tau_x=row.pairs, tau_theta=row.pairs),
            slots=points[-1],
            key=key + start,
            seeds=min(task.together, seeds - start),
            batch=task.batch,
            points=points,
            angles=False,
        )
        curves.append(record.curves)
        done += record.evaluations["total"]
        spent += record.throughput["seconds"]
    longest = max((found["evaluations"] for found in curves), key=len)
    # Where all networks of a run diverged it stopped, and is right about nothing.
    accuracy = [
        np.pad(found["test_accuracy"], ((0, len(longest) - len(found["slot"])), (0, 0)))
        for found in curves
    ]
    return longest, np.concatenate(accuracy, axis=1), done / max(spent, 1e-9)


def reached(at, accuracy, target):
    """Evaluations at which each seed was first seen at the target, or infinity."""
    there = accuracy >= target
    first = np.asarray(at, float)[there.argmax(axis=0)]
    return np.where(there.any(axis=0), first, np.inf)


def held_out(data):
    """The data with a part of the training set in the place of the test set."""
    order = np.random.default_rng(0).permutation(len(data.x_train))
    count = min(10_000, len(order) // 5)
    part, rest = order[:count], order[count:]
    return replace(
        data,
        x_train=data.x_train[rest],
        y_train=data.y_train[rest],
        x_test=data.x_train[part],
        y_test=data.y_train[part],
    )


def tuned(task, row, data, evaluations):
    """The learning rate that gets there first, and what was tried."""
    tried = {}

    def price(step):
        """The share of the evaluations used; above 1 by what the accuracy lacks."""
        if step not in tried:
            at, accuracy, _ = trained(
                task,
                row,
                data,
                task.eta * 2.0**step,
                evaluations,
                task.tuning_seeds,
                12345,
            )
            share = reached(at, accuracy, task.accuracy) / evaluations
            lack = 1 + task.accuracy - accuracy[-3:].mean(axis=0)
            tried[step] = float(np.where(np.isinf(share), lack, share).mean())
        return tried[step]

    best, last = 0, None
    while best != last and abs(best) < task.steps:
        best, last = min((best, best + 1, best - 1), key=price), best
    return task.eta * 2.0**best, {task.eta * 2.0**n: tried[n] for n in tried}


def study(name, task, row, cap):
    """One row: tune, run, and what came out."""
    data = pg.data.load(name)
    split = held_out(data)
    probe = max(4 * row.per_slot() * row.pairs, task.evaluations / 50)
    rate = trained(task, row, split, task.eta, probe, task.tuning_seeds, 1)[2]
    few = min(task.evaluations / 2, cap / 8 * rate / task.tuning_seeds)
    eta, tried = tuned(task, row, split, few)
    most = min(task.evaluations, cap * rate / task.seeds)
    at, accuracy, rate = trained(task, row, data, eta, most, task.seeds, 0)
    found = reached(at, accuracy, task.accuracy)
    return {
        "task": name,
        "row": row.name,
        "setting": setting(task, row),
        "pairs": row.pairs,
        "eta": eta,
        "tried": tried,
        "tuned_over": few,
        "target": task.accuracy,
        "reached": [None if math.isinf(n) else n for n in found],
        "seconds": [None if math.isinf(n) else n / rate for n in found],
        "evaluations": int(at[-1]),
        "evaluations_per_s": rate,
        "final": accuracy[-1].tolist(),
        "at": at.tolist(),
        "mean": accuracy.mean(axis=1).tolist(),
    }


def setting(task, row):
    """What a saved row must agree in to be taken as done."""
    return f"{task} {row} points={POINTS}"


def middle(values, digits=3):
    """Median (min to max) of the seeds, if the median seed got there."""
    numbers = sorted(math.inf if n is None else n for n in values)
    median = (numbers[(len(numbers) - 1) // 2] + numbers[len(numbers) // 2]) / 2
    low, mid, high = (
        "-" if math.isinf(n) else f"{float(f'{n:.{digits}g}'):,.10g}"
        for n in (numbers[0], median, numbers[-1])
    )
    return "not reached" if math.isinf(median) else f"{mid} ({low} to {high})"


def show(saved):
    """Print the saved rows as Markdown tables."""
    for task in dict.fromkeys(row["task"] for row in saved["rows"]):
        found = [row for row in saved["rows"] if row["task"] == task]
        target, seeds = found[0]["target"], len(found[0]["final"])
        goal = f"{100 * target:g} %"
        head = ["code", "slots per update", "η", f"evaluations to {goal}"]
        head += [f"seconds to {goal}", "seeds there", "at the end", "after", "eval./s"]
        print(f"\n### {task}, {seeds} seeds: median (min to max)\n")
        print("| " + " | ".join(head) + " |")
        print("| " + " | ".join("---" for _ in head) + " |")
        for row in found:
            final = 100 * np.asarray(row["final"])
            cells = [
                row["row"],
                f"{row['pairs']:,}",
                f"{row['eta']:.3g}",
                middle(row["reached"]),
                middle(row["seconds"], 2),
                f"{sum(n is not None for n in row['reached'])} of {seeds}",
                f"{final.mean():.1f} ± {final.std():.1f} %",
                f"{row['evaluations']:,}",
                f"{row['evaluations_per_s']:.2g}",
            ]
            print("| " + " | ".join(cells) + " |")


def main():
    """Make the rows that are not there yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", nargs="*", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--rows", nargs="*", help="names of rows; default: all")
    parser.add_argument("--cap", type=float, default=60.0, help="seconds of a run")
    parser.add_argument("--quick", action="store_true", help="a smoke test")
    parser.add_argument("--show", action="store_true", help="print the saved results")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    saved = {"machine": machine(), "rows": []}
    if asked.out.is_file():
        saved = json.loads(asked.out.read_text())
    if not asked.show:
        for name in asked.task:
            make(name, asked, saved)
    show(saved)


def make(name, asked, saved):
    """Make and save the missing rows of one task."""
    task, wanted = TASKS[name], asked.rows
    if asked.quick:
        task = replace(task, evaluations=8192, accuracy=0.3, seeds=2, steps=0)
        wanted = wanted or ["RankOne", "Walsh, one-sided"]
    for row in rows(task):
        if wanted and row.name not in wanted:
            continue
        old = [r for r in saved["rows"] if (r["task"], r["row"]) == (name, row.name)]
        if old and old[0]["setting"] == setting(task, row):
            continue
        print(f"{name}: {row.name}", flush=True)
        made = study(name, task, row, asked.cap)
        saved["rows"] = [r for r in saved["rows"] if r not in old] + [made]
        write_atomically(asked.out, json.dumps(saved, indent=1).encode())


if __name__ == "__main__":
    main()
