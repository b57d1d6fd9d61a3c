r"""Sequential code: one parameter at a time, in an order shuffled once by the key.

$\tilde\theta_p(t) = \Delta\,[p = \pi(t \bmod P)]$. Time division multiplexing:
one-sided finite differences with the baseline reference, central ones with antithetic
pairs.
Source: McCaughan et al. 2023, doi:10.1063/5.0157645.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.core import bits
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout


@dataclass(frozen=True)
class Sequential(AbstractCode):
    """One parameter per slot; `amplitude` is the step it takes, the others rest."""

    amplitude: float = 1e-2

    zero_mean: ClassVar[bool] = False

    def turn(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> UInt32[Array, " slots"]:
        """The flat index of the parameter whose turn it is in each slot."""
        size = Layout.of(like).size
        words = bits.key_words(key)
        return bits.shuffle(slots % jnp.uint32(size), size, (words[0], words[1]))

    def block(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> PyTree:
        layout = Layout.of(like)
        turn = self.turn(key, slots, layout)
        flat = jax.nn.one_hot(turn, layout.size, dtype=jnp.float32)
        return layout.unflatten(flat * self.amplitude)

    def period(self, like: PyTree | Layout) -> int:
        return Layout.of(like).size

    def power(self, like: PyTree | Layout) -> float:
        return self.amplitude**2 / Layout.of(like).size

    def offsets(self, like: PyTree | Layout) -> tuple[float, ...]:
        return (self.amplitude,) * len(Layout.of(like).shapes)

    def excess(self, slots: int, like: PyTree | Layout) -> float:
        """No crosstalk: the error is that some parameters had one turn less."""
        size = Layout.of(like).size
        turns, more = divmod(slots, size)
        square = more * (turns + 1) ** 2 + (size - more) * turns**2
        return size * square / slots**2 - 1

    def demodulate(
        self,
        key: Key[Array, ""],
        slots: UInt32[Array, " slots"],
        signal: Float[Array, " slots"],
        like: PyTree | Layout,
    ) -> PyTree:
        """The identity: what was measured in a parameter's turn is its own."""
        layout = Layout.of(like)
        turn = self.turn(key, slots, layout)
        factor = layout.size / (len(slots) * self.amplitude)
        flat = jnp.zeros(layout.size, signal.dtype).at[turn].add(signal * factor)
        return layout.unflatten(flat)

    @classmethod
    def demo(cls) -> "Sequential":
        return cls(1e-2)
