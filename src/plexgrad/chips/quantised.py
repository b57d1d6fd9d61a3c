r"""Parameters held in $2^b$ equal steps from `low` to `high`.

A write rounds to either neighbouring level, $\theta \leftarrow \lfloor (\theta +
\Delta\theta) / q + u \rfloor q$ with u uniform in (0, 1), so that it is right on
average (stochastic rounding: Gupta et al. 2015, arXiv 1502.02551); or to the nearest
one (`stochastic=False`), which loses updates below half a step. What is beyond the
range saturates. Values are in units of the parameters.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
from jaxtyping import Array, Key, PyTree

from plexgrad.chips.converting import MOST_BITS, check, converted, step
from plexgrad.chips.draws import uniform
from plexgrad.chips.effect import AbstractEffect, of_sum
from plexgrad.chips.hiding import Hidden
from plexgrad.chips.simulated import Simulated
from plexgrad.core.probe import Moment


@dataclass(frozen=True)
class Quantised(AbstractEffect):
    """`bits` for each parameter; None is as many as there are.

    The perturbation is added on a path of its own and is not quantised, unless
    `perturbed`: then one converter makes the sum of both, to the nearest level.
    Raises ValueError unless 1 to 16 bits and `low` below `high`.
    """

    bits: int | None = None
    low: float = -4.0
    high: float = 4.0
    stochastic: bool = True
    perturbed: bool = False

    unit: ClassVar[str] = "bits of a parameter in a range (-4 to 4)"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.bits, self.low, self.high)

    @property
    def ideal(self) -> bool:
        return self.bits is None

    def hides(self) -> Hidden:
        size = step(self.bits or MOST_BITS, self.low, self.high)
        lost = not self.stochastic
        offset = size if self.perturbed else 0.0
        return Hidden(write_step=size, lost=lost, offset_step=offset)

    def knobs(
        self, params: PyTree, offset: PyTree, now: Moment, key: Key[Array, ""]
    ) -> tuple[PyTree, PyTree]:
        if not self.perturbed:
            return params, offset
        return of_sum(self._nearest, params, offset)

    def settled(self, params: PyTree, key: Key[Array, ""]) -> PyTree:
        return self._nearest(params)

    def written(
        self, held: PyTree, wanted: PyTree, key: Key[Array, ""], at: Moment
    ) -> PyTree:
        if not self.stochastic:
            return self._nearest(wanted)
        return jax.tree.map(self._levels, wanted, uniform(key, wanted, at.slot))

    @property
    def alters(self) -> bool:
        return self.perturbed and not self.ideal

    def _levels(self, x: Array, dither: Array | float = 0.5) -> Array:
        return converted(x, self.bits or MOST_BITS, self.low, self.high, dither)

    def _nearest(self, params: PyTree) -> PyTree:
        return jax.tree.map(self._levels, params)

    @classmethod
    def demo(cls) -> "Quantised":
        return cls(Simulated.demo(), 6)
