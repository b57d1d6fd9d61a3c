"""Neurons that differ: training time against the spread of their activations.

McCaughan et al. 2023 (doi:10.1063/5.0157645): every neuron of 49-4-4 has its own
threshold, slope, height and offset of standard deviation sigma_a. A spread of 0.25
costs about twice the training time on NIST7x7; above it nothing converged.
"""

from collections.abc import Mapping, Sequence
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
from plexgrad.studies.study import AbstractStudy, Case, Desk, Expected, Published

SPREADS = (0.0, 0.1, 0.2, 0.25, 0.35, 0.5)
PAPER = Published(
    "Defective activations on NIST7x7",
    {"sigma_a": [0.25], "time over that at 0": [2.0]},
    "McCaughan et al. 2023: about twice; above 0.25 no run converged",
    "second-hand",
)


@dataclass(frozen=True)
class Activations(AbstractStudy):
    """Slots to 80 % accuracy, and the share of chips that reach it."""

    name: ClassVar[str] = "a-activations"
    title: ClassVar[str] = "Training with neurons that differ"
    source: ClassVar[str] = f"{paper_a.SOURCE}, defective activations"
    expected: ClassVar[Mapping[Scale, Expected]] = {
        "tiny": Expected(4),
        "machine": Expected(240),
        "paper": Expected(3600, on="16 cores", measured=False),
    }
    published: ClassVar[Sequence[Published]] = (PAPER,)

    def cases(self, scale: Scale) -> list[Case]:
        slots = {"tiny": 200, "machine": 300_000, "paper": 2_000_000}[scale]
        seeds = {"tiny": 2, "machine": 40, "paper": 200}[scale]
        tau = 1 if scale == "paper" else 10
        spreads = (0.25,) if scale == "tiny" else SPREADS
        etas = (0.005, 0.01, 0.02, 0.04) if scale == "paper" else (0.2,)
        return [
            paper_a.case(
                f"sigma-{sigma:g}-eta-{eta:g}",
                {
                    "task": "nist7x7",
                    "taus": [1, 1, tau],
                    "eta": eta,
                    "sigma": sigma,
                    "effects": [["ActivationVariation", {"sigma": sigma}]],
                    "slots": slots,
                    "seeds": seeds,
                },
            )
            for sigma in spreads
            for eta in etas
        ]

    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        return paper_a.told(paper_a.trained(case.settings, desk), "nist7x7")

    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        runs = paper_a.grouped(self.cases(scale), cells, "sigma")
        found = {sigma: paper_a.best(some) for (sigma,), some in runs.items()}
        slots = self.cases(scale)[0].settings["slots"]
        seeds = self.cases(scale)[0].settings["seeds"]
        middle = {s: paper_a.quartiles(cell) for s, (_, cell) in found.items()}
        first = middle.get(0.0, (None,) * 3)[1]
        over = {s: _over(m[1], first) for s, m in middle.items()}
        soon = {s: m[0] for s, m in middle.items()}
        rows = [
            [
                sigma,
                asked["eta"],
                100 * paper_a.share(cell),
                *middle[sigma],
                over[sigma],
                100 * float(np.mean([v or 0.0 for v in cell["final"]])),
            ]
            for sigma, (asked, cell) in found.items()
        ]
        columns = (
            "σ_a",
            "η",
            Column("succeed", "%"),
            Column("25 %", "slots"),
            Column("median", "slots"),
            Column("75 %", "slots"),
            "over σ_a = 0",
            Column("final accuracy", "%"),
        )
        spread = f"{seeds} chips"
        above = [paper_a.share(c) for s, (_, c) in found.items() if s > 0.25]
        shares = {s: paper_a.share(cell) for s, (_, cell) in found.items()}
        return StudyResult(
            "Chips whose neurons differ are trained as they are, each with its own "
            "flaws; time is to 80 % accuracy, at the best learning rate.",
            verdicts=[
                Verdict.between(
                    "σ_a = 0.25 costs about twice the median time",
                    over.get(0.25),
                    1.5,
                    3.0,
                    spread=spread,
                ),
                Verdict.between(
                    "the same of the first quarter of the chips",
                    _over(soon.get(0.25), soon.get(0.0)),
                    1.5,
                    3.0,
                    spread=spread,
                ),
                Verdict.between(
                    "success falls past 0.25: share at 0.5 less share at 0.25",
                    shares[0.5] - shares[0.25] if 0.5 in shares else None,
                    None,
                    -0.1,
                    spread=spread,
                ),
                Verdict.between(
                    "above 0.25 no chip succeeds: largest share",
                    max(above, default=None),
                    None,
                    0.1,
                    spread=spread,
                ),
            ],
            tables=[
                Table(
                    "Slots to 80 % accuracy",
                    columns,
                    rows,
                    "Quartiles are over all chips; one that fails counts as infinite.",
                ),
                PAPER.table,
            ],
            plots=[
                Plot(
                    "activations-time",
                    "Slots to 80 % accuracy",
                    Axis("spread of the neurons σ_a"),
                    Axis("slots", log=True),
                    [
                        Series(
                            "median, quartiles",
                            list(middle),
                            [m[1] for m in middle.values()],
                            [m[0] for m in middle.values()],
                            [m[2] or slots for m in middle.values()],
                        ),
                        Series(
                            "paper: about twice the time at 0",
                            [0.25],
                            [None if first is None else 2 * first],
                            role="paper",
                        ),
                    ],
                    f"Over all chips; a quartile that is not reached is drawn at the "
                    f"end of the run, {slots:,} slots.",
                ),
                Plot(
                    "activations-share",
                    "Chips that reach 80 % accuracy",
                    Axis("spread of the neurons σ_a"),
                    Axis("share of chips", "%"),
                    [
                        paper_a.shares(
                            f"within {slots:,} slots",
                            list(found),
                            [cell for _, cell in found.values()],
                        ),
                        Series(
                            "paper: none above 0.25",
                            [0.35, 0.5],
                            [0, 0],
                            role="paper",
                        ),
                    ],
                    "Bars: one standard error of the share.",
                ),
            ],
            notes=[
                f"τ_θ = {self.cases(scale)[0].settings['taus'][2]}; the paper's is 1.",
                "The paper's runs ended at a number of steps that is not known.",
                paper_a.ETA,
                paper_a.TRAINING_SET,
                paper_a.LETTERS,
            ],
        )


def _over(value: float | None, first: float | None) -> float | None:
    return None if value is None or first is None else value / first
