r"""Noise of the cost measurement: $C \leftarrow C + \sigma\,\xi$, anew each time.

McCaughan et al. 2023 (doi:10.1063/5.0157645) add it to every perturbed cost and leave
the baseline free of it (`noiseless_baseline=True`); a real instrument reads both alike.
`sigma` is in units of the cost.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt32

from plexgrad.chips.draws import gaussian
from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.hiding import Hidden
from plexgrad.chips.simulated import Simulated
from plexgrad.core import bits
from plexgrad.core.probe import WeightProbe
from plexgrad.core.validate import at_least

UP, DOWN, REST, WORDS = 0, 1, 2, 4
"""Which measurement of a slot has which of its words."""


@dataclass(frozen=True)
class CostNoise(AbstractEffect):
    """Gaussian noise of standard deviation `sigma` on every reading of the cost.

    A baseline is measured once for all slots that it serves, so they share its noise.
    Raises ValueError for a negative sigma.
    """

    sigma: float = 0.0
    noiseless_baseline: bool = False

    unit: ClassVar[str] = "sd of every reading, in units of the cost"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("sigma", self.sigma, 0.0)

    @property
    def ideal(self) -> bool:
        return self.sigma == 0

    def hides(self) -> Hidden:
        return Hidden(reading=self.sigma)

    def read(
        self,
        signal: Float[Array, " slots"],
        cost: Float[Array, ""],
        probe: WeightProbe,
        samples: int,
        key: Key[Array, ""],
    ) -> tuple[Float[Array, " slots"], Float[Array, ""]]:
        slots = probe.slots
        now = self._drawn(key, slots.numbers)
        up, down = now[:, UP], now[:, DOWN]
        if probe.reference == "antithetic":
            return signal + (up - down) / 2, cost + jnp.mean(up + down) / 2
        if probe.reference == "direct":
            return signal + up, cost + jnp.mean(up)
        if self.noiseless_baseline:
            return signal + up, cost
        rest = self._drawn(key, slots.rested)[:, REST]
        return signal + up - rest, cost + jnp.mean(rest[:: slots.count // samples])

    def _drawn(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"]
    ) -> Float[Array, "slots 4"]:
        return jnp.float32(self.sigma) * gaussian(bits.words(key, slots, WORDS))

    @classmethod
    def demo(cls) -> "CostNoise":
        return cls(Simulated.demo(), 0.01)
