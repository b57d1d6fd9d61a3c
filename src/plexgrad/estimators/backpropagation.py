"""Backpropagation: the exact gradient, as the reference that everything is set beside.

Paper B compares in the same way: the same program, with the exact gradient in place of
the estimate (Oripov et al. 2025, doi:10.1063/5.0258271).
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Array, Key, PyTree

from plexgrad.core.clock import Clock
from plexgrad.core.contracts import AbstractEstimator
from plexgrad.core.probe import GradientProbe, Reading, Slots


@dataclass(frozen=True)
class Backpropagation(AbstractEstimator):
    """The exact gradient, averaged over the samples shown while integrating."""

    probe: ClassVar[type] = GradientProbe

    def ask(self, key: Key[Array, ""], slots: Slots, params: PyTree) -> GradientProbe:
        return GradientProbe(slots)

    def tell(self, probe: GradientProbe, reading: Reading) -> PyTree:
        if reading.gradient is None:
            raise ValueError("reading must hold a gradient, got none")
        return reading.gradient

    def evaluations(self, clock: Clock, slots: int) -> int:
        """Forward passes, one per sample and parameter vector; each has a backward."""
        return clock.baselines(slots)

    @classmethod
    def demo(cls) -> "Backpropagation":
        return cls()
