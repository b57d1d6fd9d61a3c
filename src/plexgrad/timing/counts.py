"""What a run asks of a chip: evaluations, settlings, sample loads, writes.

Algorithm 1 of McCaughan et al. 2023 (doi:10.1063/5.0157645), counted exactly: a slot
begins with a new baseline where the sample or the parameters have changed, and the
modulation changes for a baseline, after one, and for every new pattern.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from plexgrad.core.clock import Clock
from plexgrad.core.contracts import AbstractEstimator
from plexgrad.core.probe import GradientProbe
from plexgrad.core.spec import from_spec
from plexgrad.core.validate import int_at_least, positive_int
from plexgrad.training.specs import kinds


@dataclass(frozen=True)
class Counts:
    """Events in the first `slots` slots of one chip's training.

    `evaluations` measurements of the cost of a whole batch; `settlings` changes of the
    modulation, as many as evaluations unless patterns are held; `loads` batches of
    `batch` samples shown; `writes` of each of `parameters` cells.
    """

    slots: int
    evaluations: int
    settlings: int
    loads: int
    writes: int
    parameters: int
    batch: int = 1

    @classmethod
    def of(
        cls,
        estimator: AbstractEstimator,
        clock: Clock,
        slots: int,
        parameters: int,
        batch: int = 1,
    ) -> "Counts":
        """The counts of `slots` slots. Raises TypeError for an exact gradient."""
        refuse_exact(estimator)
        slots = int_at_least("slots", slots, 0)
        evaluations = estimator.evaluations(clock, slots)
        return cls(
            slots,
            evaluations,
            _settlings(estimator, clock, slots, evaluations),
            clock.samples(slots),
            clock.updates(slots),
            positive_int("parameters", parameters),
            positive_int("batch", batch),
        )


def refuse_exact(estimator: AbstractEstimator) -> None:
    """Raise TypeError for an estimator that perturbs nothing."""
    if issubclass(estimator.probe, GradientProbe):
        raise TypeError(
            "estimator must perturb, so that hardware can do it, "
            f"got {type(estimator).__name__}"
        )


def beat(spec: Mapping[str, Any]) -> Clock:
    """The clock of a run's spec; in analog time parameters move in every slot."""
    clock = from_spec(spec["clock"], kinds())
    return replace(clock, tau_theta=1) if is_analog(spec) else clock


def is_analog(spec: Mapping[str, Any]) -> bool:
    """Whether a run's spec is in analog time."""
    return isinstance(spec.get("dynamics"), Mapping)


def period(clock: Clock) -> int:
    """Slots after which everything that the clock tells repeats."""
    return math.lcm(clock.tau_p, clock.tau_x, clock.tau_theta)


def _settlings(
    estimator: AbstractEstimator, clock: Clock, slots: int, evaluations: int
) -> int:
    """Times that the modulation settles; at most once for every evaluation."""
    if evaluations == slots:  # without a reference, a held pattern just stays
        return -(-slots // clock.tau_p)
    baselines = clock.baselines(slots)
    if evaluations != slots + baselines:
        return evaluations  # the two signs of a pair follow one another
    taus = (clock.tau_p, clock.tau_x, clock.tau_theta)
    begun = 0
    for size in (1, 2, 3):
        for some in combinations(taus, size):
            begun -= (-1) ** size * -(-slots // math.lcm(*some))
    return baselines + begun
