r"""Perturbations of unequal size: $\tilde\theta'_p = (1 + \epsilon_p)\,\tilde\theta_p$.

$\epsilon_p \sim N(0, \sigma)$ is fixed for a device. The estimator divides by the
amplitude it asked for, so every component of the gradient is multiplied by its
$1 + \epsilon_p$: a learning rate for each parameter, and a change of sign where a gain
is negative. What is held is not touched. `sigma` is relative to the amplitude.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
from jaxtyping import Array, Key, PyTree

from plexgrad.chips.draws import normal
from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.simulated import Simulated
from plexgrad.core.probe import Moment
from plexgrad.core.validate import at_least


@dataclass(frozen=True)
class PerturbationMismatch(AbstractEffect):
    """A gain for each parameter's perturbation, of standard deviation `sigma` about 1.

    Raises ValueError for a negative sigma.
    """

    sigma: float = 0.0

    unit: ClassVar[str] = "sd of a perturbation's gain, relative to its amplitude"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("sigma", self.sigma, 0.0)

    @property
    def ideal(self) -> bool:
        return self.sigma == 0

    def knobs(
        self, params: PyTree, offset: PyTree, now: Moment, key: Key[Array, ""]
    ) -> tuple[PyTree, PyTree]:
        return params, jax.tree.map(
            lambda leaf, draw: leaf * (1 + self.sigma * draw),
            offset,
            normal(key, offset),
        )

    @classmethod
    def demo(cls) -> "PerturbationMismatch":
        return cls(Simulated.demo(), 0.2)
