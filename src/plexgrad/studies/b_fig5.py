r"""Paper B, Fig 5: iterations to an accuracy against the integration time.

At a fixed learning rate an estimate shrunk to the gradient's norm makes progress
$\propto \cos\varphi$ in each update, so updates go as $1 / \cos\varphi$ and iterations
as $\tau_\theta / \sum_l w_l \sqrt{\tau_\theta / (\tau_\theta + K_l - 1)}$: as
$\sqrt{\tau_\theta}$ while $\tau_\theta \ll K_l$. Added: the learning rate tuned for
every integration time.
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

FIXED = 0.01
"""The paper's learning rate, as derived from its data."""


@dataclass(frozen=True)
class Plan:
    """What a scale runs: iterations allowed are `allowed` x sqrt(tau)."""

    net: str
    d: int
    taus: tuple[int, ...]
    rates: tuple[float, ...]
    targets: tuple[float, ...]
    allowed: int
    seeds: int
    fixed: float = FIXED


PLANS: Mapping[Scale, Plan] = {
    "tiny": Plan("small", 1, (1, 4), (0.2,), (0.15,), 40, 1, 0.1),
    "machine": Plan("vgg", 3, (1, 3, 10), (0.03, 0.1, 0.3, 1.0), (0.3, 0.4), 7_000, 2),
    "paper": Plan(
        "vgg",
        24,
        (1, 5, 10, 100, 1000),
        (0.03, 0.1, 0.2, 0.5, 1.0),
        (0.6, 0.8),
        150_000,
        4,
    ),
}


@dataclass(frozen=True)
class Fig5(AbstractStudy):
    """Integration time, at a fixed and at a tuned learning rate."""

    name: ClassVar[str] = "b-fig5"
    title: ClassVar[str] = "Iterations to an accuracy against the integration time"
    source: ClassVar[str] = f"{paper_b.PAPER}, Fig 5"
    expected: ClassVar[Mapping[Scale, Expected]] = {
        "tiny": Expected(5),
        "machine": Expected(900),
        "paper": Expected(200_000, on="one H100", measured=False),
    }
    published: ClassVar[Sequence[Published]] = (
        Published(
            "The paper's Fig 5, d = 24",
            {
                "tau": (1, 5, 10, 100, 1000, 10_000, 100_000),
                "best accuracy": (
                    *(0.8875, 0.8997, 0.9055, 0.8917, 0.8201, 0.7272, 0.5264),
                ),
                "60 %": (7200, 15_200, 21_700, 69_400, 250_100, 1_170_100, None),
                "80 %": (87_100, 202_400, 282_200, 901_000, 3_446_100, None, None),
            },
            "one run per point; the learning rate is about 0.01 [derived]",
            "paper's data",
        ),
    )

    def cases(self, scale: Scale) -> list[Case]:
        plan = PLANS[scale]
        made = []
        for tau in plan.taus:
            for rate in (plan.fixed, *plan.rates):
                share = 1.0 if rate == plan.fixed else 0.6
                iterations = max(tau, round(plan.allowed * share * tau**0.5))
                settings = {
                    "net": plan.net,
                    "d": plan.d,
                    "method": "layerwise",
                    "tau": tau,
                    "eta": rate,
                    "iterations": iterations,
                    "seeds": plan.seeds,
                    "key": 50,
                    "targets": list(plan.targets),
                }
                cost = plan.seeds * iterations * 9
                made.append(Case(f"tau{tau}-eta{rate:g}", settings, cost))
        return made

    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        rule = Rule("sgd", learning_rate=case.settings["eta"])
        return paper_b.climb(desk, case.settings, rule)

    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        plan, paper = PLANS[scale], self.published[0]
        found: dict[tuple, list] = {}
        for case in self.cases(scale):
            s = case.settings
            for target in plan.targets:
                place = s["tau"], s["eta"], target
                found[place] = paper_b.first_at(cells[case.name], target, s["tau"])
        fixed = {
            target: [paper_b.median(found[t, plan.fixed, target]) for t in plan.taus]
            for target in plan.targets
        }
        tuned = {
            target: [_best(found, tau, target) for tau in plan.taus]
            for target in plan.targets
        }
        rows = [
            [
                f"{100 * target:.0f} %",
                tau,
                fixed[target][n],
                _over(fixed[target][n], float(tau)),
                *tuned[target][n],
                _over(fixed[target][n], tuned[target][n][0]),
            ]
            for target in plan.targets
            for n, tau in enumerate(plan.taus)
        ]
        verdicts = []
        for target in plan.targets:
            label = f"{100 * target:.0f} %"
            exponent = paper_b.slope(plan.taus, fixed[target])
            claim = (
                f"exponent of iterations to {label} against tau, rate {plan.fixed:g}"
            )
            if scale != "tiny":
                verdicts.append(
                    Verdict.near(
                        claim, 0.5, exponent, 0.07, spread=f"{plan.seeds} seeds"
                    )
                )
            for n, tau in enumerate(plan.taus):
                best, rate = tuned[target][n]
                if best is not None and fixed[target][n] is not None:
                    share = best / fixed[target][n]
                    claim = f"tuned over fixed rate, {label}, tau = {tau}"
                    verdicts.append(Verdict.between(claim, share, None, 1.0))
        first = plan.targets[-1]
        exponents = [
            paper_b.slope(plan.taus, each)
            for each in (fixed[first], [best for best, _ in tuned[first]])
        ]
        said = [f"{e:.2f}" if e is not None else "unknown" for e in exponents]
        summary = (
            f"Iterations to {100 * first:.0f} % grow with the {said[0]}th power of the "
            f"integration time at a fixed learning rate, and with the {said[1]}th "
            "where it is tuned for every integration time."
        )
        columns = ("accuracy", "tau", "iterations", "updates", "iterations, tuned")
        table = Table(
            f"Median iterations at rate {plan.fixed:g} and at the best of "
            f"{', '.join(f'{r:g}' for r in (plan.fixed, *plan.rates))}",
            (*columns, "best rate", "fixed over tuned"),
            rows,
        )
        return StudyResult(
            summary,
            verdicts,
            [table, paper.table],
            [_plot(plan, fixed, tuned, paper, scale)],
            [
                paper_b.ASSUMED,
                f"Width d = {plan.d} where the paper has 24. A batch is held for the "
                "integration time (not known).",
                "Times are in iterations of nine perturbed evaluations; the law of the "
                "square root bends up once the integration time nears the size of the "
                "smaller layers.",
            ],
        )


def _over(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one / other


def _best(found: Mapping, tau: int, target: float) -> tuple[Any, Any]:
    """The fewest iterations over all rates (a median over seeds), and that rate."""
    medians = [
        (paper_b.median(each), rate)
        for (at, rate, goal), each in found.items()
        if at == tau and goal == target
    ]
    there = [(value, rate) for value, rate in medians if value is not None]
    return min(there) if there else (None, None)


def _plot(
    plan: Plan, fixed: Mapping, tuned: Mapping, paper: Published, scale: Scale
) -> Plot:
    series = []
    for target in plan.targets:
        label = f"{100 * target:.0f} %"
        series.append(Series(f"{label}, rate {plan.fixed:g}", plan.taus, fixed[target]))
        best = [value for value, _ in tuned[target]]
        series.append(Series(f"{label}, tuned", plan.taus, best))
        there = [v for v in fixed[target] if v is not None]
        if there:
            law = [there[0] * (tau / plan.taus[0]) ** 0.5 for tau in plan.taus]
            series.append(Series("square root", plan.taus, law, role="law"))
        if scale != "tiny" and label in paper.columns:
            name = f"{label}, paper (d = 24)"
            series.append(
                paper_b.published_series(
                    name, paper, label, 10 * plan.taus[-1], x="tau", group=label
                )
            )
    return Plot(
        "tau",
        "Iterations to an accuracy",
        Axis("integration time", "iterations", log=True),
        Axis("iterations", log=True),
        series,
        "Medians over seeds. Tuned: the best of the learning rates tried.",
    )
