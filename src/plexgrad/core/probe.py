"""What is asked of a chip (a probe) and what it answers (a reading).

A probe is a description, not an array: a code, a key, a range of slots and a
reference. Whoever needs numbers makes them from it.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PyTree, UInt32

from plexgrad.core.clock import Clock
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout

Reference = Literal["baseline", "antithetic", "direct"]
"""What the perturbed cost is set against: the cost at rest, the cost under the opposite
perturbation, or nothing ("direct": a lock-in takes the cost as it is)."""


def _static(**kwargs: Any) -> Any:
    return field(metadata={"static": True}, **kwargs)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Moment:
    """A slot, and how many slots ago the parameters were written: at most `span`."""

    slot: UInt32[Array, "*slots"]
    age: UInt32[Array, "*slots"]
    span: int = _static(default=1)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Slots:
    """`count` consecutive slots from `start`, each pattern held for `hold` of them.

    `clock` is that of the run they are part of. Without one (a single estimate at fixed
    parameters) the baseline was measured, and the parameters written, just before.
    """

    start: UInt32[Array, ""]
    count: int = _static()
    hold: int = _static(default=1)
    clock: Clock | None = _static(default=None)

    @classmethod
    def range(cls, count: int, start: int = 0, hold: int = 1) -> "Slots":
        """Slots `start` to `start + count`, from plain integers."""
        return cls(jnp.uint32(start), count, hold)

    @property
    def patterns(self) -> UInt32[Array, " slots"]:
        """The code's own slot number in each of these slots."""
        return self._held(self.numbers)

    @property
    def numbers(self) -> UInt32[Array, " slots"]:
        """The slots."""
        return self.start + jnp.arange(self.count, dtype=jnp.uint32)

    @property
    def rested(self) -> UInt32[Array, " slots"]:
        """The slot at which each of these slots' baseline was measured: the last at
        which the sample or the parameters changed."""
        if self.clock is None:
            return jnp.zeros(self.count, jnp.uint32)
        shown, written = (
            self.numbers // jnp.uint32(tau) * jnp.uint32(tau)
            for tau in (self.clock.tau_x, self.clock.tau_theta)
        )
        return jnp.maximum(shown, written)

    def moments(self, slots: UInt32[Array, " slots"]) -> Moment:
        """These slots as moments."""
        if self.clock is None:
            return Moment(slots, jnp.zeros_like(slots))
        span = self.clock.tau_theta
        return Moment(slots, slots % jnp.uint32(span), span)

    @property
    def shown(self) -> UInt32[Array, " slots"]:
        """The number of the sample (or batch) that is shown in each of these slots."""
        if self.clock is None:
            return jnp.zeros(self.count, jnp.uint32)
        return self.numbers // jnp.uint32(self.clock.tau_x)

    def since(self, lag: int) -> tuple[UInt32[Array, " more"], Bool[Array, " more"]]:
        """The code's slot numbers from `lag` slots earlier on, and which there were.

        Before slot 0 there was none.
        """
        after = jnp.arange(self.count + lag, dtype=jnp.uint32)
        there = self.start + after >= jnp.uint32(lag)
        return self._held(self.start + after - jnp.uint32(lag)), there

    def _held(self, numbers: UInt32[Array, " slots"]) -> UInt32[Array, " slots"]:
        return numbers if self.hold == 1 else numbers // jnp.uint32(self.hold)


PROMPT = ((0, 1.0),)
"""The response of a perturbation that acts at once and whole."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class WeightProbe:
    """Offsets on all parameters at once, one pattern of `code` per slot.

    What stands between the probe and the network is added on its way to the chip:
    `through`, the effects that it passes, outermost first (see `chips.effect`), and
    `response`, pairs (lag in slots, weight) by which a pattern acts late.
    """

    key: Key[Array, ""]
    slots: Slots
    code: AbstractCode = _static()
    layout: Layout = _static()
    reference: Reference = _static()
    through: tuple = ()
    response: tuple[tuple[int, float], ...] = _static(default=PROMPT)

    def patterns(self) -> PyTree:
        """The offsets themselves: a tree of (slots, *leaf.shape)."""
        if self.response == PROMPT:
            return self.code.block(self.key, self.slots.patterns, self.layout)
        lags, weights = zip(*self.response, strict=True)
        count, longest = self.slots.count, max(lags)
        numbers, there = self.slots.since(longest)
        block = self.code.block(self.key, numbers, self.layout)

        def late(leaf: Array) -> Array:
            shown = there.reshape(-1, *(1,) * (leaf.ndim - 1))
            leaf = jnp.where(shown, leaf, jnp.zeros_like(leaf))
            firsts = longest - jnp.asarray(lags)
            heights = jnp.asarray(weights, leaf.dtype)

            def tap(n: Array, total: Array) -> Array:
                part = jax.lax.dynamic_slice_in_dim(leaf, firsts[n], count)
                return total + heights[n] * part

            zero = jnp.zeros((count, *leaf.shape[1:]), leaf.dtype)
            return jax.lax.fori_loop(0, len(lags), tap, zero)

        return jax.tree.map(late, block)

    @property
    def plain(self) -> bool:
        """Whether what the network gets on top of its parameters is the code's."""
        return not self.through and self.response == PROMPT

    def evaluations(self, samples: int) -> int:
        """Cost evaluations that measuring this probe on `samples` samples takes."""
        if self.reference == "antithetic":
            return 2 * self.slots.count
        rests = 0 if self.reference == "direct" else samples
        return self.slots.count + rests


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GradientProbe:
    """The exact gradient. Only a simulated chip can answer; silicon refuses."""

    slots: Slots
    through: tuple = ()

    def evaluations(self, samples: int) -> int:
        """Forward passes; each has a backward pass beside it."""
        return samples


Probe = WeightProbe | GradientProbe


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Reading:
    """What a chip answers to a probe.

    `signal` is the cost modulation in every slot: the perturbed cost less the
    baseline, half the difference of an antithetic pair, or ("direct") the perturbed
    cost itself. `cost` is the mean cost at rest, as far as it was measured. `gradient`
    is filled for a GradientProbe only.
    """

    cost: Float[Array, ""]
    signal: Float[Array, " slots"] | None = None
    gradient: PyTree | None = None
    evaluations: int = _static(default=0)
