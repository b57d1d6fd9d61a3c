"""The code contract: what perturbs the parameters, and how its echo is read back."""

import abc
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.core.layout import Layout, add, scale_leaves
from plexgrad.core.validate import finite, plain_numbers

LEAST, MOST = 1e-15, 1e15
"""Amplitudes whose square, times a cost as small or as large, float32 still holds."""

BLOCK_FLOATS = 2**20
"""Pattern entries held at once where slots are processed in blocks (4 MiB)."""


Factors = list[tuple[Float[Array, "slots _"], Float[Array, "slots _"]]]
"""Row signs and column signs of every leaf, in every slot."""


class AbstractCode(abc.ABC):
    """A pure function of (key, slot, parameter): the perturbation each one gets."""

    amplitude: float

    zero_mean: ClassVar[bool] = True
    """Whether offsets average to zero over the slots; one-sided codes say False."""

    shrinkable: ClassVar[bool] = True
    """Whether the error in a leaf follows from that leaf's gradient, or from all of it
    alike, so that `excesses` say how far to shrink it."""

    def __post_init__(self) -> None:
        plain_numbers(self)
        amplitude = finite("amplitude", self.amplitude)
        if not LEAST <= amplitude <= MOST:
            raise ValueError(
                f"amplitude must be in [{LEAST:g}, {MOST:g}], since its square is "
                f"taken in float32, got {self.amplitude!r}"
            )

    @abc.abstractmethod
    def block(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> PyTree:
        """The patterns of any slots in any order: a tree of (slots, *leaf.shape)."""

    @property
    def has_factors(self) -> bool:
        """Whether every pattern is an outer product of signs: `factors` is defined."""
        return type(self).factors is not AbstractCode.factors

    @classmethod
    @abc.abstractmethod
    def demo(cls) -> "AbstractCode":
        """A small valid instance, for laws and examples."""

    def period(self, like: PyTree | Layout) -> int | None:
        """Slots after which all codes are exactly orthogonal, or None if never."""
        return None

    def power(self, like: PyTree | Layout) -> float:
        """Mean square of one parameter's code, on average over the parameters."""
        return self.amplitude**2

    def powers(self, like: PyTree | Layout) -> tuple[float, ...]:
        """The mean square of each leaf's codes: what demodulation divides by."""
        layout = Layout.of(like)
        return (self.power(layout),) * len(layout.shapes)

    def offsets(self, like: PyTree | Layout) -> tuple[float, ...]:
        """The size of an offset in each leaf: its root mean square where there is one.

        Codes that leave parameters at rest in most slots say what the others get.
        """
        return tuple(power**0.5 for power in self.powers(like))

    def factors(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> Factors | None:
        """Row and column signs of every leaf if each slot is rank-1, else None."""
        return None

    def excess(self, slots: int, like: PyTree | Layout) -> float:
        """Relative error power of the gradient averaged over `slots` patterns.

        E|estimate|^2 = |g|^2 (1 + excess) on a linear cost. For independent signs it
        is (P - 1) / slots; for codes of period T it vanishes at multiples of T.
        """
        cross = Layout.of(like).size - 1
        period = self.period(like)
        if period is None or period < 2:
            return cross / slots
        rest = slots % period
        return cross * rest * (period - rest) / ((period - 1) * slots**2)

    def excesses(self, slots: int, like: PyTree | Layout) -> tuple[float, ...]:
        """The same for every leaf, where leaves do not disturb each other alike.

        E|estimate|^2 is the sum over leaves of |g_leaf|^2 (1 + excess of the leaf).
        """
        layout = Layout.of(like)
        return (self.excess(slots, layout),) * len(layout.shapes)

    def demodulate(
        self,
        key: Key[Array, ""],
        slots: UInt32[Array, " slots"],
        signal: Float[Array, " slots"],
        like: PyTree | Layout,
    ) -> PyTree:
        """Sum over slots of signal times code, over (slots x power): the gradient.

        This is the reference, a correlation over blocks of bounded memory; codes with
        a fast transform override it with the same meaning. Sums are made in float32 at
        least, whatever the leaves are.
        """
        layout, narrow = Layout.of(like).widened(), Layout.of(like)
        width = max(1, min(len(slots), BLOCK_FLOATS // layout.size))
        pad = -len(slots) % width
        rows = (
            jnp.pad(slots, (0, pad)).reshape(-1, width),
            jnp.pad(signal, (0, pad)).reshape(-1, width),
        )

        def correlate(total: PyTree, row: tuple) -> tuple[PyTree, None]:
            patterns = self.block(key, row[0], layout)
            part = jax.tree.map(
                lambda leaf: jnp.tensordot(row[1].astype(leaf.dtype), leaf, 1), patterns
            )
            return add(total, part), None

        zero = layout.unflatten(jnp.zeros(layout.size, jnp.float32))
        if len(rows[0]) == 1:
            total, _ = correlate(zero, (rows[0][0], rows[1][0]))
        else:
            total, _ = jax.lax.scan(correlate, zero, rows)
        factors = tuple(1 / (len(slots) * power) for power in self.powers(layout))
        return narrow.cast(scale_leaves(total, factors))
