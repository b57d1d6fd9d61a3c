r"""Knobs that end: $\theta + \tilde\theta$ stays in [low, high].

Both what is held and its sum with the perturbation are clipped, so a parameter at its
end feels a perturbation on one side only, and its gradient is read at half its size.
The bounds of a resistive cell are of this kind (Gokmen and Vlasov 2016,
doi:10.3389/fnins.2016.00333). In units of the parameters.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, PyTree

from plexgrad.chips.effect import AbstractEffect, of_sum
from plexgrad.chips.simulated import Simulated
from plexgrad.core.probe import Moment
from plexgrad.core.validate import finite


@dataclass(frozen=True)
class LimitedRange(AbstractEffect):
    """Parameters from `low` (None: -high) to `high` (None: without end).

    Raises ValueError unless low is below high, and for a low without a high.
    """

    high: float | None = None
    low: float | None = None

    unit: ClassVar[str] = "largest parameter, and least one with a minus sign"
    random: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.high is None:
            if self.low is not None:
                raise ValueError(f"high must be given with low, got low={self.low!r}")
            return
        low, high = self._ends
        if low >= high:
            raise ValueError(f"high must be above low={low:g}, got {self.high!r}")

    @property
    def ideal(self) -> bool:
        return self.high is None

    def knobs(
        self, params: PyTree, offset: PyTree, now: Moment, key: Key[Array, ""]
    ) -> tuple[PyTree, PyTree]:
        return of_sum(self._clipped, params, offset)

    def settled(self, params: PyTree, key: Key[Array, ""]) -> PyTree:
        return self._clipped(params)

    def written(
        self, held: PyTree, wanted: PyTree, key: Key[Array, ""], at: Moment
    ) -> PyTree:
        return self._clipped(wanted)

    @property
    def _ends(self) -> tuple[float, float]:
        high = finite("high", self.high)
        return -high if self.low is None else finite("low", self.low), high

    def _clipped(self, params: PyTree) -> PyTree:
        return jax.tree.map(lambda leaf: jnp.clip(leaf, *self._ends), params)

    @classmethod
    def demo(cls) -> "LimitedRange":
        return cls(Simulated.demo(), 0.3)
