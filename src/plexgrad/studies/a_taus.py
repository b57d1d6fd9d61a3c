"""XOR against the time constants: training time and the largest stable learning rate.

McCaughan et al. 2023 (doi:10.1063/5.0157645): tau_theta and tau_x are swept on 2-2-1.
G is a sum in the paper, so that a larger tau_theta needs a smaller eta; a mean needs a
larger one, up to the rate at which descent itself becomes unstable.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from plexgrad.core.study_result import (
    Axis,
    Column,
    Plot,
    Scale,
    Series,
    StudyResult,
    Table,
    Verdict,
)
from plexgrad.studies import paper_a
from plexgrad.studies.study import AbstractStudy, Case, Desk, Expected

TAUS = (1, 5, 25, 125, 625)
FEW = (25, 625)
"""Of the second sweep at machine scale."""
SWEEPS = {"theta": "τ_θ, with τ_x = 1", "x": "τ_x, with τ_θ = 1"}
STABLE = 0.75
"""Share of the best success that a stable learning rate keeps."""


@dataclass(frozen=True)
class Taus(AbstractStudy):
    """Slots to success at the best eta, and the largest eta that trains."""

    name: ClassVar[str] = "a-taus"
    title: ClassVar[str] = "XOR against τ_θ and τ_x"
    source: ClassVar[str] = f"{paper_a.SOURCE}, sweeps of τ_θ and τ_x"
    expected: ClassVar[Mapping[Scale, Expected]] = {
        "tiny": Expected(4),
        "machine": Expected(120),
        "paper": Expected(1800, on="16 cores", measured=False),
    }

    def cases(self, scale: Scale) -> list[Case]:
        slots = {"tiny": 2000, "machine": 1_000_000, "paper": 10_000_000}[scale]
        seeds = {"tiny": 2, "machine": 100, "paper": 1000}[scale]
        steps = {"tiny": [0], "machine": [-1, 0, 1, 2], "paper": list(range(-4, 7))}
        per_decade = 4 if scale == "paper" else 2
        made = []
        for sweep in ("theta",) if scale == "tiny" else SWEEPS:
            for tau in (1, 25) if scale == "tiny" else TAUS:
                # The first is the same in both sweeps.
                if sweep == "x" and (tau == 1 or scale == "machine" and tau not in FEW):
                    continue
                middle = 0.316 * min(tau, 30) if sweep == "theta" else 0.316
                if sweep == "x":
                    middle *= min(1.0, 25 / tau)
                etas = [
                    float(f"{middle * 10 ** (n / per_decade):.3g}")
                    for n in steps[scale]
                ]
                taus = [1, 1, tau] if sweep == "theta" else [1, tau, 1]
                settings = {"task": "xor", "sweep": sweep, "tau": tau, "taus": taus}
                settings |= {"etas": etas, "slots": slots, "seeds": seeds}
                cost = paper_a.evaluations(settings) * len(etas)
                made.append(Case(f"{sweep}-{tau}", settings, cost))
        return made

    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        found = []
        for number, eta in enumerate(case.settings["etas"]):
            share = number / len(case.settings["etas"])
            desk.tell(share, f"eta {eta:g}")
            place = Desk(desk.folder / f"eta-{eta:g}")
            record = paper_a.trained({**case.settings, "eta": eta}, place)
            found.append(paper_a.told(record, "xor"))
        return {
            "runs": [{k: run[k] for k in ("won", "diverged")} for run in found],
            "evaluations": sum(run["evaluations"] for run in found),
        }

    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        cases = self.cases(scale)
        rows, every, times, rates, known = [], [], [], [], {}
        for sweep, words in SWEEPS.items():
            mine = [c for c in cases if c.settings["sweep"] == sweep]
            if sweep == "x" and mine:
                mine = [c for c in cases if c.settings["tau"] == 1] + mine
            found = {c.settings["tau"]: _read(c.settings, cells[c.name]) for c in mine}
            for tau, read in found.items():
                rows.append([words, tau, *read.values()])
            for c in mine:
                runs = zip(c.settings["etas"], cells[c.name]["runs"], strict=True)
                for eta, run in runs:
                    part = 100 * paper_a.share(run)
                    row = [words, c.settings["tau"], eta, part]
                    every.append([*row, paper_a.quartiles(run)[1]])
            taus = list(found)
            known[sweep] = found
            times.append(
                Series(
                    words,
                    taus,
                    [found[tau]["median"] for tau in taus],
                    [found[tau]["low"] for tau in taus],
                    [found[tau]["high"] for tau in taus],
                )
            )
            largest = [found[tau]["largest"] for tau in taus]
            rates.append(Series(f"mean, {words}", taus, largest))
            if sweep == "theta" and taus:
                summed = [
                    None if eta is None else eta / tau
                    for eta, tau in zip(largest, taus, strict=True)
                ]
                rates.append(Series("sum (the paper's G), τ_θ", taus, summed))
        seeds = cases[0].settings["seeds"]
        columns = (
            "sweep",
            Column("τ", "slots"),
            "best η",
            Column("succeed", "%"),
            Column("25 %", "slots"),
            Column("median", "slots"),
            Column("75 %", "slots"),
            "largest stable η",
        )
        return StudyResult(
            "Integrating longer, or showing a sample longer, trains XOR in the same "
            "number of slots as long as η can grow with it; then time grows.",
            verdicts=_verdicts(known, f"{seeds} seeds"),
            tables=[
                Table("Training XOR", columns, rows),
                Table(
                    "All learning rates",
                    (
                        "sweep",
                        Column("τ", "slots"),
                        "η",
                        Column("succeed", "%"),
                        Column("median", "slots"),
                    ),
                    every,
                ),
            ],
            plots=[
                Plot(
                    "taus-time",
                    "XOR: slots to success at the best η",
                    Axis("τ", "slots", log=True),
                    Axis("slots to success", log=True),
                    times,
                    "Median and quartiles over all seeds.",
                ),
                Plot(
                    "taus-eta",
                    "XOR: largest stable learning rate",
                    Axis("τ", "slots", log=True),
                    Axis("η", log=True),
                    rates,
                    f"The largest η on the grid at which at least {STABLE:.0%} as many "
                    "seeds succeed as at the best one.",
                ),
            ],
            notes=[
                "The paper's numbers are not known; the trends are.",
                "Learning rates are on a grid of factors √10 (10^(1/4) at paper "
                "scale).",
                "M = 0.05; the network starts uniform in (-0.5, 0.5).",
                paper_a.ETA,
                paper_a.TRAINING_SET,
            ],
        )


def _read(settings: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, Any]:
    runs = list(zip(settings["etas"], cell["runs"], strict=True))
    eta, best = min(runs, key=lambda run: paper_a.late(run[1], settings["slots"]))
    most = max(paper_a.share(run) for _, run in runs)
    stable = [e for e, run in runs if most and paper_a.share(run) >= STABLE * most]
    low, middle, high = paper_a.quartiles(best)
    return {
        "eta": eta,
        "share": 100 * paper_a.share(best),
        "low": low,
        "median": middle,
        "high": high,
        "largest": max(stable, default=None),
    }


def _verdicts(known: Mapping[str, Mapping], spread: str) -> list[Verdict]:
    theta = known["theta"]

    def ratio(name: str, over: int, under: int) -> float | None:
        high = theta.get(over, {}).get(name)
        low = theta.get(under, {}).get(name)
        return high / low if high and low else None

    sums = {
        tau: read["largest"] / tau for tau, read in theta.items() if read["largest"]
    }
    slope = None
    if len(sums) > 2:
        tail = sorted(sums)[-3:]
        x, y = np.log(tail), np.log([sums[tau] for tau in tail])
        slope = float(np.polyfit(x, y, 1)[0])
    return [
        Verdict.factor(
            "integrating 25 slots takes as many slots as integrating one (median at "
            "the best η)",
            1.0,
            ratio("median", 25, 1),
            2.0,
            spread=spread,
        ),
        Verdict.between(
            "the summed G needs a smaller η at a larger τ_θ: exponent of the largest "
            "stable η over the last three τ_θ",
            slope,
            -1.3,
            -0.7,
            spread=spread,
        ),
    ]
