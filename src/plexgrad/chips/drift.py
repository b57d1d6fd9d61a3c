r"""Parameters that move between writes: they relax, and they walk.

$\theta(a) = r + (\theta - r)\,e^{-\lambda a} + \sigma W(a)$ at the age a (slots since
the write), where W is a random walk of each parameter, of variance 1 per slot. The
next write starts from there. A baseline was measured at a lesser age than the slots
that it serves, so the drift since then is part of their signal: the "drift between the
two measurements". Exponential decay and diffusion are those of the floating-point
device in Rasch et al. 2021, arXiv 2104.02184.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, PyTree

from plexgrad.chips.draws import walk
from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.simulated import Simulated
from plexgrad.core.layout import add, scale
from plexgrad.core.probe import Moment
from plexgrad.core.validate import at_least, finite


@dataclass(frozen=True)
class Drift(AbstractEffect):
    """Relaxation towards `rest` at `rate` per slot; a walk of `sigma` per sqrt(slot).

    Within a window the walk is not pulled back; from one write to the next it is.
    Raises ValueError for a negative rate or sigma.
    """

    rate: float = 0.0
    sigma: float = 0.0
    rest: float = 0.0

    unit: ClassVar[str] = "share of the way to rest that is relaxed per slot"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("rate", self.rate, 0.0)
        at_least("sigma", self.sigma, 0.0)
        finite("rest", self.rest)

    @property
    def ideal(self) -> bool:
        return self.rate == 0 and self.sigma == 0

    def knobs(
        self, params: PyTree, offset: PyTree, now: Moment, key: Key[Array, ""]
    ) -> tuple[PyTree, PyTree]:
        # A slot lies less than a span after the write.
        if now.span == 1:
            return params, offset
        return self._drifted(params, now, key), offset

    def updated(
        self, params: PyTree, update: PyTree, key: Key[Array, ""], at: Moment
    ) -> tuple[PyTree, PyTree]:
        return self._drifted(params, at, key), update

    def _drifted(self, params: PyTree, at: Moment, key: Key[Array, ""]) -> PyTree:
        # age x rate may be tiny, and then 1 - exp() would be rounded away.
        gone = -jnp.expm1(-jnp.float32(self.rate) * at.age.astype(jnp.float32))

        def relaxed(leaf: Array) -> Array:
            return leaf + (self.rest - leaf) * gone.astype(leaf.dtype)

        if self.rate:
            params = jax.tree.map(relaxed, params)
        if not self.sigma:
            return params
        return add(params, scale(walk(key, params, at), self.sigma))

    @classmethod
    def demo(cls) -> "Drift":
        return cls(Simulated.demo(), 0.01, 0.01)
