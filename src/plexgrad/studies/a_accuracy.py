"""Accuracy at powers of ten steps: parity of four bits and the letters (Table 2).

McCaughan et al. 2023 (doi:10.1063/5.0157645). The two tasks of Table 2 that a small
computer runs to 10^6 steps, with an update in every slot and one in a thousand, beside
the same network under backpropagation. The table's numbers for them are not known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

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

TITLES = {"parity-4": "4-bit parity, 4-4-1", "nist7x7": "NIST7x7, 49-4-4"}
BATCH = {"parity-4": 16, "nist7x7": 1000}
"""Of backpropagation: all strings; as many letters as the paper shows images."""
ETAS = {
    ("parity-4", 1): (0.06, 0.12),
    ("parity-4", 1000): (3.0, 9.0),
    ("nist7x7", 1): (0.01, 0.02),
    ("nist7x7", 1000): (3.0, 9.0),
}
EXACT = {"parity-4": (4.0, 16.0), "nist7x7": (4.0,)}


@dataclass(frozen=True)
class Accuracy(AbstractStudy):
    """Mean accuracy over seeds at powers of ten steps, each row at its best eta."""

    name: ClassVar[str] = "a-accuracy"
    title: ClassVar[str] = "Parity and letters at powers of ten steps"
    source: ClassVar[str] = f"{paper_a.SOURCE}, Table 2"
    expected: ClassVar[Mapping[Scale, Expected]] = {
        "tiny": Expected(4),
        "machine": Expected(180),
        "paper": Expected(3600, on="16 cores", measured=False),
    }

    def cases(self, scale: Scale) -> list[Case]:
        if scale == "tiny":
            return [
                _perturbed("parity-4", 1, 0.06, 1000, 2),
                _exact("parity-4", 1.0, 2),
            ]
        slots, seeds, letters = 1_000_000, 50, 20
        if scale == "paper":
            slots, seeds, letters = 10_000_000, 1000, 100
        made = []
        for (task, tau), etas in ETAS.items():
            many = letters if task == "nist7x7" else seeds
            made += [_perturbed(task, tau, eta, slots, many) for eta in etas]
        for task, etas in EXACT.items():
            many = letters // 2 if task == "nist7x7" else seeds
            made += [_exact(task, eta, many, slots // 100) for eta in etas]
        return made

    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        task = case.settings["task"]
        found = paper_a.told(paper_a.trained(case.settings, desk), task)
        return found | {"score": sum(v or 0.0 for v in found["mean"][-2:])}

    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        cases = self.cases(scale)
        runs = paper_a.grouped(cases, cells, "task", "method")
        chosen = {
            key: max(some, key=lambda run: run[1]["score"])
            for key, some in runs.items()
        }
        powers = [10**n for n in range(2, 8)]
        rows, plots, verdicts = [], [], []
        for task in dict.fromkeys(task for task, _ in chosen):
            series, last = [], {}
            for (other, method), (asked, cell) in chosen.items():
                if other != task:
                    continue
                at = {p: _at(cell, p) for p in powers}
                rows.append(
                    [
                        TITLES[task],
                        method,
                        asked["batch"],
                        asked["eta"],
                        asked["seeds"],
                        *(_words(at[p]) for p in powers),
                        100 * paper_a.share(cell),
                    ]
                )
                known = [n for n, slot in enumerate(cell["slot"]) if slot]
                mean = [100 * (cell["mean"][n] or 0.0) for n in known]
                sd = [100 * (cell["sd"][n] or 0.0) for n in known]
                last[method] = mean[-1]
                series.append(
                    Series(
                        method,
                        [cell["slot"][n] for n in known],
                        mean,
                        [m - s for m, s in zip(mean, sd, strict=True)],
                        [min(100, m + s) for m, s in zip(mean, sd, strict=True)],
                    )
                )
            plots.append(
                Plot(
                    f"accuracy-{task}",
                    TITLES[task],
                    Axis("steps", log=True),
                    Axis("accuracy on the training set", "%"),
                    series,
                    "Mean and standard deviation over seeds, each at its best η.",
                )
            )
            verdicts += _verdicts(task, last, chosen)
        columns = (
            "task",
            "method",
            "batch",
            "η",
            "seeds",
            *(Column(f"10^{n} steps", "%") for n in range(2, 8)),
            Column("succeed", "%"),
        )
        every = [
            [TITLES[task], method, asked["eta"], 100 * cell["score"] / 2]
            for (task, method), some in runs.items()
            for asked, cell in some
        ]
        return StudyResult(
            "Random signs at M = 0.05, plain descent on the mean squared error, a new "
            "sample in every slot.",
            verdicts=verdicts,
            tables=[
                Table(
                    "Accuracy, mean ± standard deviation over seeds",
                    columns,
                    rows,
                    "A step of random signs is one perturbed and one baseline cost of "
                    "one sample; of backpropagation, one update on a batch.",
                ),
                Table(
                    "All learning rates",
                    ("task", "method", "η", Column("mean of the last two", "%")),
                    every,
                ),
            ],
            plots=plots,
            notes=[
                "The paper's numbers for these tasks are not known.",
                "Backpropagation ends at 10^4 updates here, at 1000 epochs in the "
                "paper.",
                "η was chosen on the seeds that are shown.",
                paper_a.ETA,
                paper_a.TRAINING_SET,
                paper_a.LETTERS,
            ],
        )


def _perturbed(task: str, tau: int, eta: float, slots: int, seeds: int) -> Case:
    settings = {
        "task": task,
        "method": f"random signs, τ_θ = {tau}",
        "taus": [1, 1, tau],
        "eta": eta,
        "batch": 1,
        "slots": slots,
        "seeds": seeds,
        "points": _points(slots),
    }
    return paper_a.case(f"{task}-tau-{tau}-eta-{eta:g}", settings)


def _exact(task: str, eta: float, seeds: int, slots: int = 100) -> Case:
    settings = {
        "task": task,
        "method": "backpropagation",
        "code": "backpropagation",
        "eta": eta,
        "batch": BATCH[task],
        "slots": slots,
        "seeds": seeds,
        "points": _points(slots),
    }
    return paper_a.case(f"{task}-backpropagation-eta-{eta:g}", settings)


def _points(slots: int) -> list[int]:
    some = [m * 10**n for n in range(1, 8) for m in (1, 2, 5)]
    return [*(n for n in some if n < slots), slots]


def _at(cell: Mapping[str, Any], steps: int) -> tuple[float, float] | None:
    """Mean and deviation in percent at so many steps, or at the write before."""
    if steps > cell["slot"][-1]:
        return None
    place = max(n for n, slot in enumerate(cell["slot"]) if slot <= steps)
    mean, sd = cell["mean"][place], cell["sd"][place]
    return None if mean is None else (100 * mean, 100 * sd)


def _words(at: tuple[float, float] | None) -> str | None:
    return None if at is None else f"{at[0]:.1f} ± {at[1]:.1f}"


def _verdicts(
    task: str, last: Mapping[str, float], chosen: Mapping[tuple, tuple]
) -> list[Verdict]:
    each = {method: run for (other, method), run in chosen.items() if other == task}
    usual, rare = "random signs, τ_θ = 1", "random signs, τ_θ = 1000"
    seeds = f"{each[usual][0]['seeds']} seeds"
    wanted = 100 * paper_a.SUCCESS[task]
    apart = last[rare] - last[usual] if rare in last else None
    return [
        Verdict.between(
            f"{TITLES[task]}: random signs reach the mark of success on average",
            last[usual],
            wanted,
            None,
            unit="%",
            spread=seeds,
        ),
        Verdict.between(
            f"{TITLES[task]}: a write in a thousand slots costs at most five points",
            apart,
            -5.0,
            None,
            unit="%",
            spread=seeds,
        ),
    ]
