r"""Noise of a write: $\theta \leftarrow \theta + \Delta\theta + \sigma\,\xi_p$.

Every parameter has its own draw in every write. McCaughan et al. 2023
(doi:10.1063/5.0157645) draw one number per write for all parameters (`shared=True`),
which moves them along one direction only. `sigma` is in units of the parameters.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
from jaxtyping import Array, Key, PyTree

from plexgrad.chips.draws import gaussian, normal, words
from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.hiding import Hidden
from plexgrad.chips.simulated import Simulated
from plexgrad.core.layout import add, scale
from plexgrad.core.probe import Moment
from plexgrad.core.validate import at_least


@dataclass(frozen=True)
class WriteNoise(AbstractEffect):
    """Gaussian noise of standard deviation `sigma` on what every write leaves.

    Raises ValueError for a negative sigma.
    """

    sigma: float = 0.0
    shared: bool = False

    unit: ClassVar[str] = "sd of every write, in units of the parameters"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("sigma", self.sigma, 0.0)

    @property
    def ideal(self) -> bool:
        return self.sigma == 0

    def hides(self) -> Hidden:
        return Hidden(write=self.sigma)

    def written(
        self, held: PyTree, wanted: PyTree, key: Key[Array, ""], at: Moment
    ) -> PyTree:
        if not self.shared:
            return add(wanted, scale(normal(key, wanted, at.slot), self.sigma))
        noise = self.sigma * gaussian(words(key, at.slot, 1)[0])
        return jax.tree.map(lambda leaf: leaf + noise.astype(leaf.dtype), wanted)

    @classmethod
    def demo(cls) -> "WriteNoise":
        return cls(Simulated.demo(), 0.01)
