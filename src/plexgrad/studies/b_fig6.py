"""Paper B, Fig 6: the estimate as a drop-in gradient for standard optimisers.

Plain descent, momentum and Adam over grids of learning rates, in updates to an
accuracy. At a smaller width the integration time is smaller in proportion to P, so that
an update is as good an estimate as the paper's (P / tau = 255).
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
from plexgrad.studies.learning_rates import (
    STABLE,
    RateRun,
    fastest,
    largest_stable,
    least,
)
from plexgrad.studies.study import AbstractStudy, Case, Desk, Expected, Published
from plexgrad.training import Rule

RULES: Mapping[str, dict[str, Any]] = {
    "plain": {"name": "sgd"},
    "momentum": {"name": "sgd", "momentum": 0.9},
    "Adam": {"name": "adam"},
    "Adam, published": {"name": "uncorrected_adam", "dead_updates": 1},
}
"""The published Adam has no bias correction, and stands still for 1000 iterations: one
update at its integration time."""

PLAIN = (1.0, 0.7, 0.5, 0.2, 0.1)
MOMENTUM = (0.1, 0.05, 0.02)
ADAM = (0.02, 0.004, 0.002, 0.001, 0.0005)
WIDTH = 24
"""The paper's d."""

EARLY = 300
"""Updates in which the paper's fast rates are at 80 %; stability is told there too."""


@dataclass(frozen=True)
class Plan:
    """What a scale runs."""

    net: str
    d: int
    tau: int
    updates: int
    seeds: int
    targets: tuple[float, ...]
    rates: Mapping[str, tuple[float, ...]]


PLANS: Mapping[Scale, Plan] = {
    "tiny": Plan("small", 1, 4, 8, 1, (0.12, 0.15), {"plain": (0.1,), "Adam": (0.01,)}),
    "machine": Plan(
        *("vgg", 2, 7, 4000, 2, (0.6, 0.75, 0.8)),
        {"plain": PLAIN, "momentum": MOMENTUM, "Adam": ADAM, "Adam, published": ADAM},
    ),
    "paper": Plan(
        *("vgg", 24, 1000, 7000, 2, (0.6, 0.8)),
        {
            "plain": (*PLAIN, 0.9, 0.8, 0.6, 0.4, 0.08, 0.01, 0.005),
            "momentum": MOMENTUM,
            "Adam": ADAM,
            "Adam, published": (*ADAM, 0.003, 0.0009, 0.0007, 0.0001),
        },
    ),
}


@dataclass(frozen=True)
class Fig6(AbstractStudy):
    """Optimisers and learning rates."""

    name: ClassVar[str] = "b-fig6"
    title: ClassVar[str] = "Standard optimisers on estimated gradients"
    source: ClassVar[str] = f"{paper_b.PAPER}, Fig 6"
    expected: ClassVar[Mapping[Scale, Expected]] = {
        "tiny": Expected(5),
        "machine": Expected(4500),
        "paper": Expected(300_000, on="one H100", measured=False),
    }
    published: ClassVar[Sequence[Published]] = (
        Published(
            "The paper's Fig 6, plain descent, d = 24, tau = 1000",
            {
                "rate": (
                    *(1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.2, 0.1, 0.08, 0.01, 0.005),
                ),
                "best accuracy": (
                    *(0.188, 0.609, 0.763, 0.843, 0.870, 0.885, 0.890),
                    *(0.901, 0.898, 0.908, 0.861, 0.825),
                ),
                "60 %": (None, None, None, 55, 18, 25, 20, 20, 31, 35, 258, 507),
                "80 %": (
                    *(None, None, None, 185, 143, 127),
                    *(138, 197, 372, 457, 3378, 6743),
                ),
            },
            "updates, one run per point; rates from 0.8 on diverge or fail",
            "paper's data",
        ),
        Published(
            "The paper's Fig 6, Adam, d = 24, tau = 1000",
            {
                "rate": (0.003, 0.002, 0.001, 0.0009, 0.0007, 0.0005, 0.0001),
                "best accuracy": (0.810, 0.850, 0.883, 0.900, 0.880, 0.873, 0.825),
                "60 %": (16, 11, 11, 14, 11, 15, 43),
                "80 %": (554, 157, 80, 107, 95, 143, 715),
            },
            "updates, one run per point; rates from 0.02 on fail",
            "paper's data",
        ),
    )

    def cases(self, scale: Scale) -> list[Case]:
        plan = PLANS[scale]
        made = []
        for rule, rates in plan.rates.items():
            for rate in rates:
                settings = {
                    "net": plan.net,
                    "d": plan.d,
                    "method": "layerwise",
                    "tau": plan.tau,
                    "eta": rate,
                    "rule": RULES[rule],
                    "iterations": plan.updates * plan.tau,
                    "seeds": plan.seeds,
                    "key": 60,
                    "targets": list(plan.targets),
                }
                name = f"{rule.lower().replace(', ', '-')}-{rate:g}"
                cost = plan.seeds * plan.updates * plan.tau * 9
                made.append(Case(name, settings, cost))
        return made

    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        options = dict(case.settings["rule"])
        name = options.pop("name")
        rule = Rule(name, options, learning_rate=case.settings["eta"])
        return paper_b.climb(desk, case.settings, rule, ratio=1.15)

    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        plan = PLANS[scale]
        every = [
            RateRun.of(rule, rate, cells[case.name], plan.targets)
            for (rule, rate), case in zip(
                ((rule, rate) for rule, rates in plan.rates.items() for rate in rates),
                self.cases(scale),
                strict=True,
            )
        ]
        by_rule = {rule: [r for r in every if r.rule == rule] for rule in plan.rates}
        rows = [[r.rule, r.rate, *r.updates, r.best, r.last] for r in every]
        labels = [_label(target) for target in plan.targets]
        table = Table(
            f"Updates to an accuracy, d = {plan.d}, tau = {plan.tau}",
            ("rule", "learning rate", *labels, "best accuracy", "last accuracy"),
            rows,
            f"Medians over {plan.seeds} seeds, of at most {plan.updates} updates.",
        )
        first = {rule: fastest(runs) for rule, runs in by_rule.items()}
        said = [
            f"{rule} at {run.rate:g} ({run.updates[place]:.0f} to {labels[place]})"
            for rule, (run, place) in first.items()
            if run is not None
        ]
        summary = "Fewest updates to the highest accuracy that a rule reached: "
        summary += ", ".join(said) or "none"
        verdicts: list[Verdict] = []
        if scale != "tiny":
            verdicts = [*_stable(plan, by_rule["plain"]), *_rates(plan, first)]
            verdicts += self._ratio(plan, by_rule)
        return StudyResult(
            f"{summary}.",
            verdicts,
            [table, *(paper.table for paper in self.published)],
            _plots(plan, by_rule, self.published, scale),
            [
                paper_b.ASSUMED,
                f"Width d = {plan.d} and an integration time of {plan.tau} iterations, "
                "where the paper has d = 24 and 1000: the parameters for each "
                "iteration of integration are as many.",
                "The abstract speaks of momentum, its numbers are not known. The "
                "published Adam has no bias correction and a dead time of one update.",
                "A rate counts as stable over some updates if the accuracy after them "
                f"is at least {STABLE:g} of the best that its rule reached in them.",
            ],
        )

    def _ratio(self, plan: Plan, by_rule: Mapping) -> list[Verdict]:
        """Fewest updates of plain descent over Adam's, where the paper has both."""
        made = []
        plain, adam = self.published
        for place, target in enumerate(plan.targets):
            label = _label(target)
            slow = least(by_rule["plain"], place)
            fast = least(by_rule["Adam, published"], place)
            if label in plain.columns and slow and fast:
                theirs = [min(filter(None, paper[label])) for paper in (plain, adam)]
                claim = f"updates to {label}, best plain over best published Adam"
                ratio = theirs[0] / theirs[1], slow / fast
                made.append(Verdict.factor(claim, *ratio, 2))
        return made


def _label(target: float) -> str:
    return f"{100 * target:.0f} %"


def _stable(plan: Plan, plain: list[RateRun]) -> list[Verdict]:
    made = []
    for updates in sorted({min(EARLY, plan.updates), plan.updates}):
        claim = f"largest rate of plain descent that is stable over {updates} updates"
        made.append(Verdict.factor(claim, 0.7, largest_stable(plain, updates), 2))
    return made


def _rates(plan: Plan, first: Mapping) -> list[Verdict]:
    made = []
    for rule in ("Adam, published", "Adam"):
        run, place = first[rule]
        rate = None if run is None else run.rate
        claim = f"best rate, {rule}, to {_label(plan.targets[place])}"
        made.append(Verdict.factor(claim, 0.001, rate, 2))
        if plan.d != WIDTH:
            # Adam's step is the same in every weight, and weights go as 1 / sqrt(d).
            claim += f", against the paper's times sqrt({WIDTH} / d)"
            made.append(Verdict.factor(claim, 0.001 * (WIDTH / plan.d) ** 0.5, rate, 2))
    return made


def _plots(
    plan: Plan, by_rule: Mapping, papers: Sequence[Published], scale: Scale
) -> list[Plot]:
    curves = []
    for rule, runs in by_rule.items():
        best, _ = fastest(runs)
        if best is not None:
            updates, accuracy = best.curve
            percent = [[100 * a for a in each] for each in accuracy]
            name = f"{rule}, {best.rate:g}"
            curves.append(Series.of_samples(name, updates, percent, group=rule))
    reached = [
        place
        for place in range(len(plan.targets))
        if any(least(runs, place) for runs in by_rule.values())
    ]
    return [
        *(_spent(plan, place, by_rule, papers, scale) for place in reached or [0]),
        Plot(
            "curves",
            "The fastest rate of every rule",
            Axis("updates", log=True),
            Axis("test accuracy", "%"),
            curves,
            "Mean and standard deviation over seeds.",
        ),
    ]


def _spent(
    plan: Plan, place: int, by_rule: Mapping, papers: Sequence[Published], scale: Scale
) -> Plot:
    label, series = _label(plan.targets[place]), []
    for rule, runs in by_rule.items():
        ordered = sorted(runs, key=lambda run: run.rate)
        x, y = [r.rate for r in ordered], [r.updates[place] for r in ordered]
        series.append(Series(f"{rule}, ours", x, y, group=rule))
    for rule, paper in zip(("plain", "Adam, published"), papers, strict=True):
        if scale != "tiny" and label in paper.columns:
            name = f"{rule.split(',')[0]}, paper (d = 24)"
            series.append(
                paper_b.published_series(name, paper, label, x="rate", group=rule)
            )
    return Plot(
        f"rates-{place}",
        f"Updates to {label}",
        Axis("learning rate", log=True),
        Axis("updates", log=True),
        series,
        "Medians over seeds; a rate without a point did not get there.",
    )
