"""Accuracy at powers of ten slots, for every code: parity and NIST7x7.

    python benchmarks/accuracy.py [--tasks xor nist7x7] [--slots 1000000] [--seeds N]

For each task, code and time constants (all tau = 1, and tau_theta = P) the learning
rate is first tuned on other seeds over a tenth of the slots; then all seeds run to the
end. All codes have the same perturbation norm M (paper A), the baseline reference and
plain SGD. Backpropagation is the same network, data order and number of samples.
Results go to benchmarks/results/accuracy-TASK.json, a table to standard output.
"""

import argparse
import json
import time
from pathlib import Path

import jax

jax.config.update("jax_num_cpu_devices", 2)

import numpy as np  # noqa: E402

import plexgrad as pg  # noqa: E402
from plexgrad.core.layout import Layout  # noqa: E402
from plexgrad.training.recorded import machine  # noqa: E402

TASKS = {
    "xor": {"sizes": [2, 2, 1], "seeds": 1000, "solved": 0.99},
    "parity-4": {"sizes": [4, 4, 1], "seeds": 100, "solved": 0.9},
    "nist7x7": {"sizes": [49, 4, 4], "seeds": 100, "solved": 0.8},
}
CODES = ("Rademacher", "RankOne", "Walsh", "Sequential", "Sinusoid", "Gaussian")
NORM = 0.05
RESULTS = Path(__file__).parent / "results"


def one(task, net, estimator, clock, eta, slots, seeds, key, points):
    """A run without the instruments that are not needed here."""
    return pg.train(
        pg.chips.Simulated(net, "mse"),
        pg.data.load(task),
        estimator=estimator,
        rule=pg.Rule("sgd", learning_rate=eta),
        clock=clock,
        slots=slots,
        key=key,
        seeds=seeds,
        points=points,
        angles=False,
    )


def tuned(task, net, estimator, clock, slots, first, seeds=32):
    """The learning rate of the best mean accuracy, by steps of sqrt(10) uphill."""
    score = {}

    def accuracy(step):
        if step not in score:
            eta = first * 10 ** (step / 2)
            run = one(task, net, estimator, clock, eta, slots, seeds, 12345, 4)
            curve = run.curves["test_accuracy"].mean(axis=1)
            score[step] = float(curve[-1] + 0.1 * curve.mean())
        return score[step]

    best = 0
    while True:
        around = max((best, best - 1, best + 1), key=accuracy)
        if around == best or abs(around) > 8:
            return first * 10 ** (best / 2), score
        best = around


def codes(size):
    """Every code at the same perturbation norm M."""
    for name in CODES:
        norm = NORM if name == "Sequential" else NORM / size**0.5
        yield name, getattr(pg.codes, name)(norm)


def study(task, slots, seeds):
    """Rows of the table for one task."""
    setting = TASKS[task]
    net = pg.nets.MLP.paper_a(setting["sizes"])
    size = Layout.of(jax.eval_shape(net.init, jax.random.key(0))).size
    powers = [10**n for n in range(3, 10) if 10**n <= slots]
    methods = [("backpropagation", 1, pg.estimators.Backpropagation())]
    for name, code in codes(size):
        estimator = pg.estimators.WeightPerturbation(code)
        methods += [(name, 1, estimator), (name, size, estimator)]
    for name, tau, estimator in methods:
        began = time.time()
        clock = pg.Clock(tau_theta=tau)
        noisy = name != "backpropagation" and tau == 1
        first = 1.0 / size**0.5 if noisy else 1.0
        eta, tried = tuned(task, net, estimator, clock, slots // 10, first)
        run = one(task, net, estimator, clock, eta, slots, seeds, 0, powers)
        found = {
            int(slot): accuracy
            for slot, accuracy in zip(
                run.curves["slot"], run.curves["test_accuracy"], strict=True
            )
        }
        # A window that straddles a power of ten is scored just before it.
        at = [max(slot for slot in found if slot <= power) for power in powers]
        yield {
            "task": task,
            "method": name,
            "tau_theta": tau,
            "eta": eta,
            "tried": {f"{first * 10 ** (n / 2):.3g}": v for n, v in tried.items()},
            "slots": powers,
            "mean": [float(found[slot].mean()) for slot in at],
            "sd": [float(found[slot].std()) for slot in at],
            "solved": [float(np.mean(found[slot] >= setting["solved"])) for slot in at],
            "seeds": seeds,
            "diverged": len(run.diverged),
            "evaluations": run.evaluations["per_seed"],
            "evaluations_per_s": run.throughput["evaluations_per_s"],
            "seconds": time.time() - began,
        }


def line(row):
    """One row of the Markdown table."""
    cells = [
        f"{100 * mean:.1f} ± {100 * sd:.1f} ({100 * solved:.0f})"
        for mean, sd, solved in zip(row["mean"], row["sd"], row["solved"], strict=True)
    ]
    tau = "1" if row["tau_theta"] == 1 else f"P = {row['tau_theta']}"
    head = [row["method"], tau, f"{row['eta']:.3g}"]
    return "| " + " | ".join(head + cells) + " |"


def show(tasks):
    """Print the saved tables."""
    for task in tasks:
        rows = json.loads((RESULTS / f"accuracy-{task}.json").read_text())["rows"]
        seeds, powers = rows[0]["seeds"], rows[0]["slots"]
        head = ["method", "τ_θ", "η", *(f"{slot:,} slots" for slot in powers)]
        print(f"\n### {task}, {seeds} seeds\n")
        print("| " + " | ".join(head) + " |")
        print("| " + " | ".join("---" for _ in head) + " |")
        for row in rows:
            print(line(row))


def main():
    """Run the study and write the results as they come."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--slots", type=int, default=10**6)
    parser.add_argument("--seeds", type=int, help="default: 1000 for xor, else 100")
    parser.add_argument("--show", action="store_true", help="print the saved results")
    asked = parser.parse_args()
    if asked.show:
        show(asked.tasks)
        return
    for task in asked.tasks:
        seeds, rows = asked.seeds or TASKS[task]["seeds"], []
        for row in study(task, asked.slots, seeds):
            rows.append(row)
            print(line(row), flush=True)
            RESULTS.mkdir(exist_ok=True)
            found = {"machine": machine(), "norm": NORM, "rows": rows}
            (RESULTS / f"accuracy-{task}.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
