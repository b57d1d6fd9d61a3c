r"""Gaussian code: every offset is an independent normal draw in each slot.

$\tilde\theta_p(t) \sim N(0, \Delta^2)$, by Box and Muller from threefry words. The
perturbation of evolution strategies and of smoothed gradients (Nesterov and Spokoiny
2017, doi:10.1007/s10208-015-9296-2), here to compare with.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Key, PyTree, UInt32

from plexgrad.core import bits
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout


@dataclass(frozen=True)
class Gaussian(AbstractCode):
    """Independent normal offsets; `amplitude` is their standard deviation."""

    amplitude: float = 1e-2

    def block(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> PyTree:
        layout = Layout.of(like)
        pairs = -(-layout.size // 2)
        drawn = bits.uniform(bits.words(key, slots, 2 * pairs))
        radius = jnp.sqrt(-2 * jnp.log(drawn[:, 0::2])) * self.amplitude
        angle = 2 * jnp.pi * drawn[:, 1::2]
        both = jnp.stack([radius * jnp.cos(angle), radius * jnp.sin(angle)], axis=-1)
        return layout.unflatten(both.reshape(len(slots), -1)[:, : layout.size])

    def excess(self, slots: int, like: PyTree | Layout) -> float:
        """(P + 1) / slots: the fourth moment of a normal draw is 3, not 1."""
        return (Layout.of(like).size + 1) / slots

    @classmethod
    def demo(cls) -> "Gaussian":
        return cls(1e-2)
