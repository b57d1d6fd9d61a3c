"""Perturbation types compared: slots to success with four codes of equal bandwidth.

McCaughan et al. 2023 (doi:10.1063/5.0157645): time, code and frequency multiplexing
train alike if the perturbation has the same norm and the same bandwidth. Here every
code changes once per slot, and the notes of the sinusoids fill the band below half a
cycle per slot.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from plexgrad.core.study_result import (
    Axis,
    Column,
    Plot,
    Scale,
    StudyResult,
    Table,
    Verdict,
)
from plexgrad.studies import paper_a
from plexgrad.studies.study import AbstractStudy, Case, Desk, Expected

TASKS = {
    "xor": {"norm": 0.05, "taus": [1, 1, 1]},
    "nist7x7": {"norm": 0.05, "taus": [1, 1, 10]},
}
TITLES = {"xor": "XOR, 2-2-1", "nist7x7": "NIST7x7, 49-4-4"}
ETAS = {"xor": (0.1, 0.33, 1.0), "nist7x7": (0.2, 0.4)}
ALIKE = 2.0


@dataclass(frozen=True)
class Codes(AbstractStudy):
    """Slots to success for each code, each at its best learning rate."""

    name: ClassVar[str] = "a-codes"
    title: ClassVar[str] = "Perturbation types at equal norm and bandwidth"
    source: ClassVar[str] = f"{paper_a.SOURCE}, training time by perturbation type"
    expected: ClassVar[Mapping[Scale, Expected]] = {
        "tiny": Expected(4),
        "machine": Expected(300),
        "paper": Expected(3600, on="16 cores", measured=False),
    }

    def cases(self, scale: Scale) -> list[Case]:
        if scale == "tiny":
            tiny = {"task": "xor", **TASKS["xor"], "eta": 0.33}
            return [
                paper_a.case(
                    f"xor-{code}-0.33",
                    {**tiny, "code": code, "slots": 2000, "seeds": 2},
                )
                for code in ("Rademacher", "Sequential")
            ]
        slots = {"xor": 100_000, "nist7x7": 300_000}
        seeds = {"xor": 100, "nist7x7": 20}
        etas: Mapping[str, tuple] = ETAS
        if scale == "paper":
            slots = dict.fromkeys(TASKS, 1_000_000)
            seeds = {"xor": 1000, "nist7x7": 100}
            etas = {
                task: tuple(round(some[1] * 10 ** (n / 4), 4) for n in range(-4, 5))
                for task, some in ETAS.items()
            }
        return [
            paper_a.case(
                f"{task}-{code}-{eta:g}",
                {
                    "task": task,
                    **TASKS[task],
                    "code": code,
                    "eta": eta,
                    "slots": slots[task],
                    "seeds": seeds[task],
                },
            )
            for task in TASKS
            for code in paper_a.CODES
            for eta in etas[task]
        ]

    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        record = paper_a.trained(case.settings, desk)
        return paper_a.told(record, case.settings["task"])

    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        rows, plots, verdicts = [], [], []
        runs = paper_a.grouped(self.cases(scale), cells, "task", "code")
        chosen = {key: paper_a.best(some) for key, some in runs.items()}
        for task in dict.fromkeys(task for task, _ in chosen):
            mine = {code: run for (t, code), run in chosen.items() if t == task}
            middle = {code: paper_a.quartiles(run[1])[1] for code, run in mine.items()}
            for code, (settings, cell) in mine.items():
                rows.append(
                    [
                        TITLES[task],
                        code,
                        settings["eta"],
                        paper_a.of_paper(settings),
                        settings["seeds"],
                        100 * paper_a.share(cell),
                        *paper_a.quartiles(cell),
                    ]
                )
                usual, own = middle["Rademacher"], middle[code]
                if code == "Rademacher":
                    continue
                verdicts.append(
                    Verdict.factor(
                        f"{TITLES[task]}: {code} as fast as random signs "
                        "(median slots to success, over theirs)",
                        1.0,
                        own / usual if own and usual else None,
                        ALIKE,
                        spread=f"{settings['seeds']} seeds",
                    )
                )
            wanted = 100 * paper_a.SUCCESS[task]
            boxes = paper_a.boxes("seeds that succeed", [c for _, c in mine.values()])
            ticks = [
                f"{code}\n{100 * paper_a.share(cell):.0f} % of seeds"
                for code, (_, cell) in mine.items()
            ]
            plots.append(
                Plot(
                    f"codes-{task}",
                    f"{TITLES[task]}: slots to {wanted:.0f} % accuracy",
                    Axis("code", ticks=ticks),
                    Axis("slots to success", log=True),
                    [boxes],
                    "Boxes: the middle half of the seeds that succeed, at the best η; "
                    "under each code, how many do.",
                )
            )
        columns = (
            "task",
            "code",
            "η",
            "η of the paper",
            "seeds",
            Column("succeed", "%"),
            Column("25 %", "slots"),
            Column("median", "slots"),
            Column("75 %", "slots"),
        )
        note = "Quartiles are over all seeds; one that fails counts as infinite."
        every = Table("All learning rates", *_all(runs))
        return StudyResult(
            "Time, code and frequency multiplexing, each at its own best learning "
            "rate, at the same perturbation norm and one change per slot.",
            verdicts=verdicts,
            tables=[Table("Slots to success", columns, rows, note), every],
            plots=plots,
            notes=[
                "Two cost evaluations per slot for every code, since the sample "
                "changes in every slot.",
                "NIST7x7 runs with τ_θ = 10, the paper's with τ_θ = 1.",
                "η was chosen on the seeds that are shown.",
                paper_a.ETA,
                paper_a.TRAINING_SET,
                paper_a.LETTERS,
            ],
        )


def _all(runs: Mapping[tuple, list]) -> tuple[tuple, list[list]]:
    columns = ("task", "code", "η", Column("succeed", "%"), Column("median", "slots"))
    rows = [
        [
            TITLES[task],
            code,
            settings["eta"],
            100 * paper_a.share(cell),
            paper_a.quartiles(cell)[1],
        ]
        for (task, code), some in runs.items()
        for settings, cell in some
    ]
    return columns, rows
