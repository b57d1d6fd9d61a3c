"""Analog against discrete time on exclusive or: the share of seeds that learn it.

    python benchmarks/analog.py [--slots 200000] [--seeds 100] [--show]

The network is paper A's 2-2-1, and every loop starts from the same 100 networks. The
discrete loop has the settings of paper A's demonstration (random code, all tau = 1,
M = 0.05) and, beside it, the amplitude of the analog rows. An analog row is a code at a
bandwidth: tau_p slots per pattern, so nothing above 1 / (2 tau_p) per slot. Its other
settings were searched on other seeds, once for all rows. The learning rate of every
row is tuned on other seeds over all slots, uphill by steps of sqrt(10), then of
10^(1/4). A seed is solved if all four patterns are right at the end. `kept` is the
share of the seeds solved by the demonstration that a row solves too.
Results go to benchmarks/results/analog.json, a table to standard output.
"""

import argparse
import json
import time
from pathlib import Path

import jax

jax.config.update("jax_num_cpu_devices", 2)


import plexgrad as pg  # noqa: E402
from plexgrad.training.analog import Analog  # noqa: E402
from plexgrad.training.train import machine  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "analog.json"
NET = pg.nets.MLP.paper_a([2, 2, 1])
DEMO, WIDE = 0.05 / 3, 0.1
"""Amplitudes: paper A's, and one that the parameters' own movement does not hide."""

ANALOG = {"tau_x": 8, "tau_theta": 32, "tau_hp": 1.6}
CODES = ("Sinusoid", "Rademacher", "Walsh")
BANDWIDTHS = (1, 2, 4)
TUNING_KEY, TUNING_SEEDS = 12345, 64


def rows():
    """Every row: its name and the settings that it does not share."""
    for amplitude in (DEMO, WIDE):
        yield "discrete", "Rademacher", amplitude, pg.Clock(), "discrete"
    taus = {name: tau for name, tau in ANALOG.items() if name != "tau_hp"}
    filters = Analog(ANALOG["tau_hp"])
    for code in CODES:
        for tau_p in BANDWIDTHS:
            yield "analog", code, WIDE, pg.Clock(tau_p=tau_p, **taus), filters


def one(code, amplitude, clock, dynamics, eta, slots, seeds, key):
    """A run without the instruments that are not needed here."""
    return pg.train(
        pg.chips.Simulated(NET, "mse"),
        pg.data.load("xor"),
        estimator=pg.estimators.WeightPerturbation(getattr(pg.codes, code)(amplitude)),
        rule=pg.Rule("sgd", learning_rate=eta),
        clock=clock,
        dynamics=dynamics,
        slots=slots,
        key=key,
        seeds=seeds,
        points=10,
        angles=False,
    )


def solved(run):
    """Which seeds have all four patterns right at the end."""
    return run.final["test_accuracy"] > 0.99


def tuned(setting, first, slots):
    """The learning rate that solves most, and soonest, and what was tried."""
    score = {}

    def share(step):
        if step not in score:
            eta = first * 10 ** (step / 4)
            run = one(*setting, eta, slots, TUNING_SEEDS, TUNING_KEY)
            soon = run.curves["test_accuracy"].mean()
            score[step] = float(solved(run).mean() + 0.1 * soon)
        return score[step]

    best = 0
    for stride in (2, 1):
        while True:
            around = max((best, best - stride, best + stride), key=share)
            if around == best or abs(around) > 12:
                break
            best = around
    tried = {f"{first * 10 ** (n / 4):.3g}": score[n] for n in sorted(score)}
    return first * 10 ** (best / 4), tried


def study(slots, seeds):
    """The rows of the table."""
    demo = None
    for loop, *setting in rows():
        code, amplitude, clock, _ = setting
        began = time.time()
        eta, tried = tuned(setting, 0.3, slots)
        run = one(*setting, eta, slots, seeds, 0)
        right = solved(run)
        demo = right if demo is None else demo
        curve = (run.curves["test_accuracy"] > 0.99).mean(axis=1)
        yield {
            "loop": loop,
            "code": code,
            "amplitude": amplitude,
            "tau_p": clock.tau_p,
            "tau_x": clock.tau_x,
            "tau_theta": clock.tau_theta,
            "tau_hp": None if loop == "discrete" else ANALOG["tau_hp"],
            "eta": eta,
            "tried": tried,
            "slots": slots,
            "evaluations": run.evaluations["per_seed"],
            "seeds": seeds,
            "solved": float(right.mean()),
            "kept": float(right[demo].mean()),
            "points": [int(slot) for slot in run.curves["slot"]],
            "solved_at": [float(share) for share in curve],
            "which": "".join("1" if each else "0" for each in right),
            "diverged": len(run.diverged),
            "slots_per_s": slots * seeds / run.throughput["seconds"],
            "seconds": time.time() - began,
        }


def line(row):
    """One row of the Markdown table."""
    error = (row["solved"] * (1 - row["solved"]) / row["seeds"]) ** 0.5
    cells = [
        f"{row['loop']}, {row['code']}",
        f"{row['amplitude']:.3g}",
        f"{row['tau_p']}, {row['tau_x']}, {row['tau_theta']}",
        f"{row['eta']:.3g}",
        f"{row['evaluations']:,}",
        f"{100 * row['solved']:.0f} ± {100 * error:.0f} %",
        f"{100 * row['kept']:.0f} %",
    ]
    return "| " + " | ".join(cells) + " |"


def show(found):
    """Print the saved table."""
    some = found["rows"][0]
    head = ["loop, code", "amplitude", "τ_p, τ_x, τ_θ", "η", "evaluations per seed"]
    head += ["seeds solved", "kept of the demonstration's"]
    print(f"\nExclusive or, {some['seeds']} seeds, {some['slots']:,} slots\n")
    print("| " + " | ".join(head) + " |")
    print("| " + " | ".join("---" for _ in head) + " |")
    for row in found["rows"]:
        print(line(row))


def main():
    """Run the study and write the results as they come."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--slots", type=int, default=200_000)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--show", action="store_true", help="print the saved results")
    asked = parser.parse_args()
    if asked.show:
        show(json.loads(asked.out.read_text()))
        return
    done = []
    for row in study(asked.slots, asked.seeds):
        done.append(row)
        print(line(row), flush=True)
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        found = {"machine": machine(), "rows": done}
        asked.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
