r"""A reading whose gain varies with what is shown: $C \leftarrow (1 + \epsilon_n) C$.

$\epsilon_n \sim N(0, \sigma)$ is drawn anew for every sample (or batch) that is shown,
slot // tau_x, and multiplies its perturbed costs and its baseline alike: an amplifier
that sets its range by each batch, or a laser whose power wanders between them.
`sigma` is relative.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from plexgrad.chips.draws import gaussian
from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.simulated import Simulated
from plexgrad.core import bits
from plexgrad.core.probe import WeightProbe
from plexgrad.core.validate import at_least


@dataclass(frozen=True)
class GainVariation(AbstractEffect):
    """A gain for every sample shown, of standard deviation `sigma` about 1.

    The mean cost of a reading is multiplied by the mean gain. Raises ValueError for a
    negative sigma.
    """

    sigma: float = 0.0

    unit: ClassVar[str] = "sd of the reading's gain from sample to sample, relative"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("sigma", self.sigma, 0.0)

    @property
    def ideal(self) -> bool:
        return self.sigma == 0

    def read(
        self,
        signal: Float[Array, " slots"],
        cost: Float[Array, ""],
        probe: WeightProbe,
        samples: int,
        key: Key[Array, ""],
    ) -> tuple[Float[Array, " slots"], Float[Array, ""]]:
        draws = gaussian(bits.words(key, probe.slots.shown, 2)[:, 0])
        gain = 1 + jnp.float32(self.sigma) * draws
        return signal * gain, cost * jnp.mean(gain)

    @classmethod
    def demo(cls) -> "GainVariation":
        return cls(Simulated.demo(), 0.1)
