r"""Weight perturbation: dither all parameters, measure one cost, correlate.

$\hat g = \frac{1}{K}\sum_k \tilde C_k \tilde\theta_k / \Delta^2$, the discrete form
(Algorithm 1) of multiplexed gradient descent: McCaughan et al. 2023,
doi:10.1063/5.0157645. The paper accumulates a sum; here the estimate is a mean, so the
learning rate does not depend on tau_theta: eta(mean) = tau_theta x eta(sum).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from jaxtyping import Array, Key, PyTree

from plexgrad.codes.rademacher import Rademacher
from plexgrad.core.clock import Clock
from plexgrad.core.code import AbstractCode
from plexgrad.core.contracts import AbstractEstimator
from plexgrad.core.layout import Layout
from plexgrad.core.probe import Reading, Reference, Slots, WeightProbe
from plexgrad.core.resolution import refuse_lost
from plexgrad.core.validate import one_of


@dataclass(frozen=True)
class WeightPerturbation(AbstractEstimator):
    r"""Unbiased up to the curvature of the cost, unless shrunk.

    `reference="baseline"`: the cost modulation is C - C0, and C0 is measured anew
    exactly when the sample or the parameters change, as in the paper.
    `reference="antithetic"`: it is (C(+) - C(-)) / 2, two evaluations per slot; even
    orders of the cost cancel.

    `shrink` scales an estimate averaged over N patterns, given the code's excess error
    power x ((P - 1) / N for random signs):

    - `"none"`: unbiased.
    - `"norm"`: by $1/\sqrt{1 + x}$, so that its mean square norm is the gradient's
      (Oripov et al. 2025, doi:10.1063/5.0258271, layer by layer with their code).
    - `"mmse"`: by $1/(1 + x)$, the factor of least mean square error.

    Both are exact for one sample per window; several samples add error of their own.
    """

    code: AbstractCode
    reference: Reference = "baseline"
    shrink: Literal["none", "norm", "mmse"] = "none"

    probe: ClassVar[type] = WeightProbe

    def __post_init__(self) -> None:
        if not isinstance(self.code, AbstractCode):
            raise TypeError(f"code must be a plexgrad code, got {self.code!r}")
        one_of("reference", self.reference, get_args(Reference))
        one_of("shrink", self.shrink, ("none", "norm", "mmse"))
        if self.shrink != "none" and not self.code.shrinkable:
            raise ValueError(
                f"shrink must be 'none' with the code {type(self.code).__name__}, got "
                f"{self.shrink!r}"
            )

    def ask(self, key: Key[Array, ""], slots: Slots, params: PyTree) -> WeightProbe:
        return WeightProbe(key, slots, self.code, Layout.of(params), self.reference)

    def tell(self, probe: WeightProbe, reading: Reading) -> PyTree:
        if reading.signal is None:
            raise ValueError("reading must hold a signal, got none")
        patterns = probe.slots.patterns
        return probe.code.demodulate(probe.key, patterns, reading.signal, probe.layout)

    def refuse_lost(self, params: PyTree) -> None:
        refuse_lost(self.code, params)

    def shrinkage(self, patterns: int, like: PyTree | Layout) -> tuple[float, ...]:
        if self.shrink == "none":
            return super().shrinkage(patterns, like)
        order = -0.5 if self.shrink == "norm" else -1.0
        return tuple((1 + x) ** order for x in self.code.excesses(patterns, like))

    def evaluations(self, clock: Clock, slots: int) -> int:
        if self.reference != "baseline":
            return slots if self.reference == "direct" else 2 * slots
        return slots + clock.baselines(slots)

    @classmethod
    def demo(cls) -> "WeightPerturbation":
        return cls(Rademacher(1e-2))
