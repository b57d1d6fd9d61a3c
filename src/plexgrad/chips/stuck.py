"""Parameters that do not move: a share of them, anywhere, fixed for a device.

A stuck parameter ignores writes and perturbations and stays where it was at the start,
or (`level`) at a level, as a memory cell that is shorted or open. Corrupt devices of
this kind: Rasch et al. 2021, arXiv 2104.02184. `level` is in units of the parameters.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, PyTree

from plexgrad.chips.draws import uniform
from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.simulated import Simulated
from plexgrad.core.probe import Moment
from plexgrad.core.validate import finite, in_range


@dataclass(frozen=True)
class Stuck(AbstractEffect):
    """Each parameter is stuck with probability `share`, at `level` (None: its start).

    Outside of write noise and inside of drift: what has a level then stays there, what
    has none drifts with the others. Raises ValueError for a share outside [0, 1).
    """

    share: float = 0.0
    level: float | None = None

    unit: ClassVar[str] = "share of the parameters that do not move, 0 to 1"

    def __post_init__(self) -> None:
        super().__post_init__()
        in_range("share", self.share, 0.0, 1.0)
        if self.level is not None:
            finite("level", self.level)

    @property
    def ideal(self) -> bool:
        return self.share == 0

    def knobs(
        self, params: PyTree, offset: PyTree, now: Moment, key: Key[Array, ""]
    ) -> tuple[PyTree, PyTree]:
        still = jax.tree.map(jnp.zeros_like, offset)
        return self.settled(params, key), self._chosen(still, offset, key)

    def settled(self, params: PyTree, key: Key[Array, ""]) -> PyTree:
        level = self.level
        if level is None:
            return params
        stuck = jax.tree.map(lambda leaf: jnp.full_like(leaf, level), params)
        return self._chosen(stuck, params, key)

    def written(
        self, held: PyTree, wanted: PyTree, key: Key[Array, ""], at: Moment
    ) -> PyTree:
        return self._chosen(self.settled(held, key), wanted, key)

    def _chosen(self, stuck: PyTree, free: PyTree, key: Key[Array, ""]) -> PyTree:
        draws = uniform(key, free)
        return jax.tree.map(
            lambda draw, s, f: jnp.where(draw < self.share, s, f), draws, stuck, free
        )

    @classmethod
    def demo(cls) -> "Stuck":
        return cls(Simulated.demo(), 0.3)
