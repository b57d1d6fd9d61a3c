"""Table 3 of paper A from our own model: CIFAR-10 on three kinds of hardware.

McCaughan et al. 2023 (doi:10.1063/5.0157645). The paper's times are 2 n tau_p for n
steps. Beside them stands the upper bound, with what the table leaves out: writes,
sample loads, and a batch that is shown one sample after another. The paper's tau_theta
and tau_x for CIFAR-10 are not known, so several are told.
"""

from dataclasses import dataclass, replace
from typing import Any

from plexgrad.codes import Rademacher
from plexgrad.core.clock import Clock
from plexgrad.estimators import WeightPerturbation
from plexgrad.timing.platform import Platform, platforms
from plexgrad.timing.predict import Prediction, predict

STEPS = (10**4, 10**6, 10**7)
PARAMETERS = 26_154
"""Of the paper's CIFAR-10 network."""
BATCH = 1000
BACKPROPAGATION_S = 480.0
"""The paper's backpropagation on CPU or GPU, to the same accuracy [second-hand]."""
PRINTED = {"HW1": "5.6 h", "HW2": "200 ms", "HW3": "4 ms"}
"""What the paper prints for 10^7 steps [second-hand]."""
SELDOM = 1000
"""Steps for which a seldom write or load waits."""


@dataclass(frozen=True)
class Row:
    """A case, and what it takes on each platform.

    With `one_by_one` the samples of a batch are shown one after another.
    """

    steps: int
    clock: Clock
    one_by_one: bool
    predictions: dict[str, Prediction]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        times = {
            name: {"rule_s": p.rule_s, "bound_s": p.bound_s, "dominant": p.dominant}
            for name, p in self.predictions.items()
        }
        case = {"steps": self.steps, "tau_x": self.clock.tau_x}
        case |= {"tau_theta": self.clock.tau_theta, "one_by_one": self.one_by_one}
        return {**case, "platforms": times}


@dataclass(frozen=True)
class Table3:
    """Rows by the paper's rule, rows by the upper bound, and where both meet.

    `break_even_s` is the tau_p at which 10^7 steps take as long as backpropagation.
    """

    rule: list[Row]
    bound: list[Row]
    break_even_s: float

    def to_json(self) -> dict[str, Any]:
        """Plain data, with the paper's numbers beside."""
        return {
            "rule": [row.to_json() for row in self.rule],
            "bound": [row.to_json() for row in self.bound],
            "break_even_s": self.break_even_s,
            "paper": {
                "steps": STEPS[-1],
                "times": PRINTED,
                "backpropagation_s": BACKPROPAGATION_S,
            },
        }


def table3() -> Table3:
    """The table, for HW1, HW2 and HW3."""
    most = STEPS[-1]
    cases = [
        _row(most, Clock(tau_x=tau_x, tau_theta=tau_theta), parallel)
        for tau_x, tau_theta, parallel in (
            (1, 1, None),
            (1, SELDOM, None),
            (SELDOM, SELDOM, None),
            (1, 1, 1),
            (SELDOM, SELDOM, 1),
        )
    ]
    return Table3(
        [_row(steps, Clock(), None) for steps in STEPS],
        cases,
        BACKPROPAGATION_S / (2 * most),
    )


def _row(steps: int, clock: Clock, parallel: int | None) -> Row:
    shipped = platforms()
    chosen = {
        name: replace(shipped[name], parallel_samples=parallel) for name in PRINTED
    }
    found = {name: _predicted(each, steps, clock) for name, each in chosen.items()}
    return Row(steps, clock, parallel == 1, found)


def _predicted(platform: Platform, steps: int, clock: Clock) -> Prediction:
    estimator = WeightPerturbation(Rademacher(1e-3), reference="baseline")
    return predict(platform, estimator, clock, steps, PARAMETERS, BATCH)
