r"""Seconds, joules and wear of a run on a platform, and what governs them.

Two times are told. The rule of McCaughan et al. 2023 (doi:10.1063/5.0157645), Table 3:
$2 n \tau_p$ for n slots, a perturbed and a baseline measurement in each. And an upper
bound that leaves nothing out, in which nothing overlaps and every measurement settles
anew: evaluations x (perturbation + evaluation) + writes x write x ceil(P / parallel)
+ loads x sample.
"""

from dataclasses import dataclass

from plexgrad.core.clock import MAX_SLOTS, Clock
from plexgrad.core.contracts import AbstractEstimator
from plexgrad.timing.counts import Counts, period, refuse_exact
from plexgrad.timing.platform import Platform

TERMS = ("perturbation", "evaluation", "write", "sample")
FACTORS = (0.5, 2.0, 10.0)


@dataclass(frozen=True)
class Prediction:
    """What `counts` take on `platform`."""

    platform: Platform
    counts: Counts

    @property
    def parts(self) -> int:
        """Parts in which a batch is shown, one after another."""
        most = self.platform.parallel_samples
        return 1 if most is None else -(-self.counts.batch // most)

    @property
    def sample_loads(self) -> int:
        """Loads; a batch in parts is loaded anew for every evaluation."""
        return self.counts.loads if self.parts == 1 else self.times_evaluated

    @property
    def times_evaluated(self) -> int:
        """Measurements, each of one part of a batch."""
        return self.counts.evaluations * self.parts

    @property
    def rule_s(self) -> float:
        """The paper's rule, 2 n tau_p."""
        return 2 * self.counts.slots * self.platform.tau_p_s

    @property
    def terms_s(self) -> dict[str, float]:
        """The four terms of the upper bound."""
        mine, counts = self.platform, self.counts
        at_once = mine.parallel_writes or counts.parameters
        steps = counts.writes * -(-counts.parameters // at_once)
        return {
            "perturbation": counts.evaluations * mine.perturbation_s,
            "evaluation": self.times_evaluated * mine.evaluation_s,
            "write": steps * mine.write_s,
            "sample": self.sample_loads * mine.sample_s,
        }

    @property
    def bound_s(self) -> float:
        """The upper bound."""
        return sum(self.terms_s.values())

    @property
    def held_s(self) -> float:
        """The bound without the settlings that a held pattern does not need."""
        spared = self.counts.evaluations - self.counts.settlings
        return self.bound_s - spared * self.platform.perturbation_s

    @property
    def shares(self) -> dict[str, float]:
        """Each term's share of the upper bound; of nothing, nothing."""
        whole = self.bound_s or 1.0
        return {name: term / whole for name, term in self.terms_s.items()}

    @property
    def dominant(self) -> str:
        """The term that takes the most time."""
        return max(self.terms_s, key=self.terms_s.__getitem__)

    @property
    def energy_j(self) -> float | None:
        """Joules within the upper bound, or None if no energy constant is known.

        Constants that are not known (`Platform.energy_missing`) count nothing.
        """
        mine, counts = self.platform, self.counts
        if not mine.energy_known:
            return None
        return (
            counts.evaluations * (mine.perturbation_j or 0.0)
            + self.times_evaluated * (mine.evaluation_j or 0.0)
            + counts.writes * counts.parameters * (mine.write_j or 0.0)
            + self.sample_loads * (mine.sample_j or 0.0)
            + self.bound_s * (mine.power_w or 0.0)
        )

    @property
    def wear(self) -> float | None:
        """Writes of a cell as a share of its endurance; None if not known."""
        endurance = self.platform.write_endurance
        return None if endurance is None else self.counts.writes / endurance

    @property
    def warning(self) -> str | None:
        """What wears out, if anything does."""
        if self.wear is None or self.wear <= 1:
            return None
        return (
            f"{self.platform.name}: {self.counts.writes:,} writes of each cell are "
            f"{self.wear:.3g} times its endurance of "
            f"{self.platform.write_endurance:,.0f}"
        )


@dataclass(frozen=True)
class Change:
    """What another time constant of the clock does to the time of a slot.

    `relative` is the new time over the old, less 1. It is about a slot only: how many
    slots training needs changes as well.
    """

    tau: str
    factor: float
    slots: int
    slot_s: float
    relative: float


def slot_s(
    platform: Platform,
    estimator: AbstractEstimator,
    clock: Clock,
    parameters: int,
    batch: int = 1,
) -> float:
    """Mean seconds of a slot, in which held patterns settle once."""
    slots = period(clock)
    counts = Counts.of(estimator, clock, slots, parameters, batch)
    return Prediction(platform, counts).held_s / slots


def changes(
    platform: Platform,
    estimator: AbstractEstimator,
    clock: Clock,
    parameters: int,
    batch: int = 1,
) -> list[Change]:
    """What halving, doubling and ten times each tau do to the time of a slot.

    A tau of one slot cannot be halved and is left out.
    """
    refuse_exact(estimator)
    before = slot_s(platform, estimator, clock, parameters, batch)
    found = []
    for tau in ("tau_p", "tau_x", "tau_theta"):
        old = getattr(clock, tau)
        for factor in FACTORS:
            new = int(old * factor)
            if not 1 <= new <= MAX_SLOTS:
                continue
            taus = {n: getattr(clock, n) for n in ("tau_p", "tau_x", "tau_theta")}
            other = Clock(**{**taus, tau: new})
            after = slot_s(platform, estimator, other, parameters, batch)
            found.append(Change(tau, factor, new, after, after / before - 1))
    return found


def predict(
    platform: Platform,
    estimator: AbstractEstimator,
    clock: Clock,
    slots: int,
    parameters: int,
    batch: int = 1,
) -> Prediction:
    """What `slots` slots of training take on a platform.

    Raises TypeError for an estimator that asks for the exact gradient.
    """
    counts = Counts.of(estimator, clock, slots, parameters, batch)
    return Prediction(platform, counts)
