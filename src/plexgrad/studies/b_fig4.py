"""Paper B, Fig 4: iterations to an accuracy against size, beside backpropagation.

Plain descent at one small learning rate, an update in every iteration. Estimates are
shrunk layer by layer to the gradient's norm, so that one rate means the same step
length for both methods, and the ratio to backpropagation is the price of the noise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from plexgrad.core.study_result import (
    Axis,
    Plot,
    Scale,
    Series,
    StudyResult,
    Table,
    Verdict,
)
from plexgrad.studies import paper_b
from plexgrad.studies.study import AbstractStudy, Case, Desk, Expected, Published
from plexgrad.training import Rule

WIDTHS = (1, 2, 4, 8, 16, 24, 32, 48, 64)
TARGETS = (0.2, 0.4, 0.6, 0.8)
ETA = 1e-3
NAMES = {"layerwise": "weight perturbation", "backprop": "backpropagation"}
K, M = 1000, 1_000_000


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _columns(rows: list[tuple]) -> dict[str, tuple]:
    columns = {"d": WIDTHS, "parameters": tuple(map(paper_b.parameters, WIDTHS))}
    every = zip(*(row or (None,) * 4 for row in rows), strict=True)
    return columns | {_percent(t): c for t, c in zip(TARGETS, every, strict=True)}


@dataclass(frozen=True)
class Fig4(AbstractStudy):
    """Time to accuracy against size."""

    name: ClassVar[str] = "b-fig4"
    title: ClassVar[str] = "Iterations to an accuracy against network size"
    source: ClassVar[str] = f"{paper_b.PAPER}, Fig 4"
    expected: ClassVar[Mapping[Scale, Expected]] = {
        "tiny": Expected(5),
        "machine": Expected(2400),
        "paper": Expected(400_000, on="one H100", measured=False),
    }
    published: ClassVar[Sequence[Published]] = (
        Published(
            "The paper's Fig 4: median iterations, weight perturbation",
            _columns(
                [
                    (19_500, 88_400, 376 * K, 2_420 * K),
                    (13_800, 59_600, 169 * K, 906 * K),
                    (9_100, 31_300, 84_700, 744 * K),
                    (6_300, 28_000, 84_100, 757 * K),
                    (),
                    (14_100, 34_800, 71_400, 853 * K),
                    (13_500, 35_500, 86_700, 1_020 * K),
                    (16_600, 35_900, 86_200, 1_160 * K),
                    (14_300, 47_100, 93_100, 1_300 * K),
                ]
            ),
            "medians of 5 to 20 seeds",
            "paper's data",
        ),
        Published(
            "The paper's Fig 4: median iterations, backpropagation",
            _columns(
                [
                    (2_500, 11_600, 46 * K, 370 * K),
                    (1_000, 4_700, 12_400, 72_800),
                    (365, 1_600, 4_000, 33_300),
                    (149, 551, 1_900, 18 * K),
                    (115, 330, 891, 10_600),
                    (114, 280, 606, 8_700),
                    (90, 237, 641, 8_300),
                    (67, 133, 484, 6_800),
                    (50, 157, 345, 5_900),
                ]
            ),
            "medians of 5 to 20 seeds",
            "paper's data",
        ),
    )

    def cases(self, scale: Scale) -> list[Case]:
        plan = {
            "tiny": {"layerwise": {1: 30}, "backprop": {1: 60}},
            "machine": {
                "layerwise": {1: 40 * K, 2: 24 * K},
                "backprop": {1: 20 * K, 2: 8 * K},
            },
            "paper": {
                "layerwise": dict.fromkeys(WIDTHS, 10 * M),
                "backprop": dict.fromkeys(WIDTHS, 10 * M),
            },
        }[scale]
        made = []
        for method, widths in plan.items():
            for d, iterations in widths.items():
                settings = {
                    "net": "small" if scale == "tiny" else "vgg",
                    "d": d,
                    "method": method,
                    "tau": 1,
                    "eta": 0.1 if scale == "tiny" else ETA,
                    "iterations": iterations,
                    "seeds": {"tiny": 1, "machine": 6, "paper": 10}[scale],
                    "key": 40 + d,
                    "targets": TARGETS,
                }
                cost = settings["seeds"] * iterations
                cost *= 10 if method == "layerwise" else 1
                made.append(Case(f"d{d}-{method}", _plain(settings), cost))
        return made

    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        rule = Rule("sgd", learning_rate=case.settings["eta"])
        return paper_b.climb(desk, case.settings, rule)

    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        found = {
            (case.settings["method"], case.settings["d"]): cells[case.name]
            for case in self.cases(scale)
        }
        papers = dict(zip(NAMES, self.published, strict=True))
        medians = {
            (*place, target): paper_b.median(paper_b.first_at(cell, target))
            for place, cell in found.items()
            for target in TARGETS
        }
        rows, verdicts, ratios = [], [], []
        for (method, d), cell in found.items():
            ours = [medians[method, d, target] for target in TARGETS]
            theirs = [papers[method].at(_percent(t), d=d) for t in TARGETS]
            theirs = theirs if scale != "tiny" else [None] * len(TARGETS)
            seeds, last = len(cell["accuracy"][0]), cell["updates"][-1]
            rows.append([NAMES[method], d, seeds, last, *ours])
            rows.append([f"{NAMES[method]}, paper", d, None, None, *theirs])
            for target, mine, printed in zip(TARGETS, ours, theirs, strict=True):
                if mine is not None and printed is not None:
                    claim = (
                        f"{NAMES[method]}, d = {d}: iterations to {_percent(target)}"
                    )
                    verdicts.append(
                        Verdict.factor(
                            claim, printed, mine, 1.5, spread=f"median of {seeds}"
                        )
                    )
        for d in dict.fromkeys(d for _, d in found):
            for target in TARGETS:
                ratio, place = self._ratio(d, target, medians), f"d = {d}"
                if ratio is None:
                    continue
                ratios.append(f"{ratio:.1f} ({_percent(target)} at {place})")
                if scale != "tiny":
                    mine, exact = (p.at(_percent(target), d=d) for p in self.published)
                    claim = f"perturbation over backpropagation to {_percent(target)}"
                    verdicts.append(
                        Verdict.within(f"{claim}, {place}", mine / exact, ratio, 0.35)
                    )
        summary = "Iterations of weight perturbation over those of backpropagation: "
        summary += ", ".join(ratios) or "no target was reached by both at this scale"
        columns = ("method", "d", "seeds", "iterations run", "20 %", "40 %", "60 %")
        table = Table("Median iterations to a test accuracy", (*columns, "80 %"), rows)
        return StudyResult(
            summary + ".",
            verdicts,
            [table, *(paper.table for paper in self.published)],
            _plots(found, medians, papers, scale),
            [
                paper_b.ASSUMED,
                f"Plain descent with a learning rate of {ETA:g}: the paper's is not "
                "known, this one is derived from its data. A fresh batch in every "
                "iteration (not known either).",
                "Runs end at the iterations shown or once all seeds are at 80 %; a "
                "median needs more than half of the seeds. Accuracy is scored at "
                "iterations 8 % apart, and interpolated between them.",
            ],
        )

    def _ratio(self, d: int, target: float, medians: Mapping) -> float | None:
        """How many times as long perturbation takes, by our medians."""
        mine, exact = (medians[name, d, target] for name in NAMES)
        return None if None in (mine, exact) else mine / exact


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | {"targets": list(settings["targets"])}


def _plots(
    found: Mapping, medians: Mapping, papers: Mapping[str, Published], scale: Scale
) -> list[Plot]:
    shown = max((t for *_, t in medians if _any(medians, t)), default=TARGETS[0])
    size, curves, spent = [], [], []
    for method, name in NAMES.items():
        widths = [d for m, d in found if m == method]
        x = [paper_b.parameters(d) for d in widths]
        for target in (0.4, shown) if shown > 0.4 else (shown,):
            label, group = f"{name}, {_percent(target)}", f"{method}{target}"
            y = [medians[method, d, target] for d in widths]
            size.append(Series(f"{label}, ours", x, y, group=group))
            if scale != "tiny":
                size.append(
                    paper_b.published_series(
                        f"{label}, paper",
                        papers[method],
                        _percent(target),
                        group=group,
                    )
                )
        for d in widths:
            cell = found[method, d]
            accuracy = [[100 * (a or 0) for a in each] for each in cell["accuracy"]]
            label = f"{name}, d = {d}"
            curves.append(Series.of_samples(label, cell["updates"], accuracy))
            each = 10 if method == "layerwise" else 1
            counted = [each * n for n in cell["updates"]]
            spent.append(Series.of_samples(label, counted, accuracy))
    many, percent = Axis("iterations", log=True), Axis("test accuracy", "%")
    return [
        Plot(
            "size",
            "Median iterations to an accuracy",
            Axis("parameters", log=True),
            many,
            size,
            "The paper's wide networks are beyond this scale.",
        ),
        Plot(
            "curves",
            "Accuracy against iterations",
            many,
            percent,
            curves,
            "Mean and standard deviation over seeds.",
        ),
        Plot(
            "evaluations",
            "Accuracy against passes through the network",
            Axis("cost evaluations (forward passes of backpropagation)", log=True),
            percent,
            spent,
            "What the paper did not count: an iteration is ten evaluations.",
        ),
    ]


def _any(medians: Mapping, target: float) -> bool:
    return any(v is not None for (_, _, t), v in medians.items() if t == target)
