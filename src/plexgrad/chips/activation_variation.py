r"""Neurons that differ: $f_n(z) = L_n\,f(k_n (z - x_n)) + y_n$, fixed for each of them.

$x_n, y_n \sim N(0, \sigma)$ and $k_n, L_n \sim 1 + N(0, \sigma)$, the "defective
activation functions" of McCaughan et al. 2023 (doi:10.1063/5.0157645), there of the
logistic function. Outputs have neurons too. In a convolution every position is a neuron
with a threshold and a slope of its own; after a pool, with a height of its own.
`sigma` is in units of pre-activations (x), of activations (y), and of 1 (k, L).
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Array, Key

from plexgrad.chips.draws import normals
from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.simulated import Simulated
from plexgrad.core.validate import at_least


@dataclass(frozen=True)
class ActivationVariation(AbstractEffect):
    """Four flaws for each neuron, of standard deviation `sigma`.

    Raises ValueError for a negative sigma.
    """

    sigma: float = 0.0

    unit: ClassVar[str] = "sd of threshold, slope, height and offset of a neuron"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("sigma", self.sigma, 0.0)

    @property
    def ideal(self) -> bool:
        return self.sigma == 0

    def drive(self, layer: int, z: Array, key: Key[Array, ""]) -> Array:
        threshold, slope = self._flaws(2 * layer, z, key)
        return (1 + slope) * (z - threshold)

    def fire(self, layer: int, a: Array, key: Key[Array, ""]) -> Array:
        offset, height = self._flaws(2 * layer + 1, a, key)
        return (1 + height) * a + offset

    def _flaws(self, number: int, like: Array, key: Key[Array, ""]) -> Array:
        """Two arrays, each with a number for every neuron of one sample."""
        flaws = normals(key, (2, 1, *like.shape[1:]), number)
        return (self.sigma * flaws).astype(like.dtype)

    @classmethod
    def demo(cls) -> "ActivationVariation":
        return cls(Simulated.demo(), 0.25)
