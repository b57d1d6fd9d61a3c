r"""Neighbouring knobs act on one another: $\theta'_i = \theta_i + c(\theta_{i-1} +
\theta_{i+1})$.

Neighbours are next to each other in the flat order of one leaf; the ends have one.
Both what is held and the perturbation leak, so what is demodulated is the gradient with
respect to the commanded parameters. Thermal crosstalk of heaters on a photonic chip is
of this kind (Guo et al. 2025, arXiv 2506.18041, trained a chip that had it). `strength`
has no unit.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, PyTree

from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.simulated import Simulated
from plexgrad.core.probe import Moment
from plexgrad.core.validate import finite


@dataclass(frozen=True)
class Crosstalk(AbstractEffect):
    """A `strength` of c: the share of each neighbour that a parameter gets."""

    strength: float = 0.0

    unit: ClassVar[str] = "share of each neighbour that a parameter gets"
    random: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        finite("strength", self.strength)

    @property
    def ideal(self) -> bool:
        return self.strength == 0

    def knobs(
        self, params: PyTree, offset: PyTree, now: Moment, key: Key[Array, ""]
    ) -> tuple[PyTree, PyTree]:
        both = (jax.tree.map(self._leaked, tree) for tree in (params, offset))
        return next(both), next(both)

    def _leaked(self, leaf: Array) -> Array:
        flat = jnp.pad(leaf.reshape(-1), 1)
        return leaf + self.strength * (flat[:-2] + flat[2:]).reshape(leaf.shape)

    @classmethod
    def demo(cls) -> "Crosstalk":
        return cls(Simulated.demo(), 0.1)
