r"""Noise of the cost measurement: $C \leftarrow C + \sigma\,\xi$, independent each time.

McCaughan et al. 2023 (doi:10.1063/5.0157645) add it to every perturbed cost and leave
the baseline free of it (`noiseless_baseline=True`); a real instrument reads both alike.
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt32

from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.simulated import Simulated
from plexgrad.core.probe import Reading
from plexgrad.core.validate import at_least

UP, DOWN, REST = 0, 1, 2
"""Which measurement of a slot: it tells the draws apart."""


@dataclass(frozen=True)
class CostNoise(AbstractEffect):
    """Gaussian noise of standard deviation `sigma`, in units of the cost.

    A baseline is measured once for all slots that it serves, so they share its noise.
    Raises ValueError for a negative sigma.
    """

    sigma: float = 0.0
    noiseless_baseline: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("sigma", self.sigma, 0.0)

    @property
    def ideal(self) -> bool:
        return self.sigma == 0

    def read(
        self, reading: Reading, probe: Any, samples: int, key: Key[Array, ""]
    ) -> Reading:
        slots = probe.slots
        assert reading.signal is not None
        up = self._draw(key, UP, slots.numbers)
        if probe.reference == "antithetic":
            down = self._draw(key, DOWN, slots.numbers)
            return self._told(reading, (up - down) / 2, (up + down) / 2)
        if probe.reference == "direct":
            return self._told(reading, up, up)
        if self.noiseless_baseline:
            return self._told(reading, up, jnp.zeros(1))
        rest = self._draw(key, REST, slots.rested)
        return self._told(reading, up - rest, rest[:: slots.count // samples])

    def _told(
        self, reading: Reading, signal: Float[Array, " slots"], cost: Float[Array, " n"]
    ) -> Reading:
        read = jnp.float32(self.sigma)
        return replace(
            reading,
            signal=reading.signal + read * signal,
            cost=reading.cost + read * jnp.mean(cost),
        )

    @staticmethod
    def _draw(
        key: Key[Array, ""], which: int, slots: UInt32[Array, " slots"]
    ) -> Float[Array, " slots"]:
        key = jax.random.fold_in(key, which)
        return jax.vmap(lambda n: jax.random.normal(jax.random.fold_in(key, n)))(slots)

    @classmethod
    def demo(cls) -> "CostNoise":
        return cls(Simulated.demo(), 0.01)
