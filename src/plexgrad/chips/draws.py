r"""What is random in an imperfect device, as a pure function of (key, slot, number).

Fixed flaws have no slot. The bits are those of `core.bits` (threefry, the counter is
the slot), so a slot's noise is the same however slots are cut into chunks, and XLA
takes flaws out of the training loop. A normal draw is
$\sqrt2\,\mathrm{erf}^{-1}(2u - 1)$ of a uniform one.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.core import bits
from plexgrad.core.layout import Layout
from plexgrad.core.probe import Moment

FIXED = bits.STATIC_SLOT
"""The slot of what stays as it is for the life of a device."""

BRANCH = 32
"""Steps of a random walk that the bits of one word give."""


def words(
    key: Key[Array, ""],
    slot: UInt32[Array, ""] | int,
    count: int,
    turn: int = 0,
) -> UInt32[Array, " count"]:
    """`count` words of a slot; those of another `turn` are independent of them."""
    return _words(key, jnp.asarray(slot, jnp.uint32), count, turn)


@partial(jax.jit, static_argnums=(2, 3))
def _words(key: Array, slot: Array, count: int, turn: int) -> Array:
    # Traced once for all the places that need as many.
    even = count + count % 2
    return bits.words(key, slot[None], even, turn * even)[0, :count]


def uniform(
    key: Key[Array, ""], like: PyTree | Layout, slot: UInt32[Array, ""] | int = FIXED
) -> PyTree:
    """One number in (0, 1) for every parameter."""
    layout = Layout.of(like)
    return layout.unflatten(bits.uniform(words(key, slot, layout.size)))


def normal(
    key: Key[Array, ""], like: PyTree | Layout, slot: UInt32[Array, ""] | int = FIXED
) -> PyTree:
    """One standard normal number for every parameter."""
    layout = Layout.of(like)
    return layout.unflatten(gaussian(words(key, slot, layout.size)))


def normals(
    key: Key[Array, ""], shape: tuple[int, ...], slot: int
) -> Float[Array, "..."]:
    """An array of standard normal numbers, those of a slot."""
    return gaussian(words(key, slot, math.prod(shape))).reshape(shape)


def gaussian(words: UInt32[Array, "..."]) -> Float[Array, "..."]:
    """Words as standard normal numbers (at most 5.4 in float32)."""
    return jnp.float32(2**0.5) * jax.lax.erf_inv(2 * bits.uniform(words) - 1)


def walk(key: Key[Array, ""], like: PyTree | Layout, at: Moment) -> PyTree:
    r"""A random walk of every parameter since it was written: variance 1 per slot.

    In windows below 32 slots it makes steps of +1 or -1, the signs of one word. Longer
    ones are walked in 32 parts, in steps of the root of a part's length; within a part
    the signs of a further word, less their mean, bridge its ends (as in Levy's
    construction), and so on. The covariance is that of Brownian motion, min(age, age'),
    at any two ages, and an age needs a word or two, not a sum over the slots before it.
    """
    layout = Layout.of(like)
    levels = 1
    while BRANCH**levels <= at.span:
        levels += 1
    ends = jnp.zeros(()), jnp.zeros(())
    for level in reversed(range(levels)):
        length = BRANCH**level
        inside = at.age // jnp.uint32(length) % jnp.uint32(BRANCH)
        node = at.slot - at.age % jnp.uint32(min(BRANCH * length, 2**32 - 1))
        signs = words(key, node, layout.size, level)
        ends = tuple(
            _part(signs, inside, n, length**0.5, None if level == levels - 1 else ends)
            for n in range(2)
        )
    return layout.unflatten(ends[0])


def _part(
    signs: UInt32[Array, " count"],
    inside: UInt32[Array, ""],
    more: int,
    unit: float,
    ends: tuple | None,
) -> Float[Array, " count"]:
    """Where a walk is after `inside` (at most 31) and `more` (0 or 1) of 32 steps.

    `ends` are where it is before the first and after the last, if that is known.
    """
    mask = (jnp.uint32(1 + more) << inside) - jnp.uint32(1)
    steps = inside.astype(jnp.float32) + more
    # A bit of 1 is the sign -1: of n bits the sum is n - 2 ones.
    walked = steps - 2 * _ones(signs & mask)
    if ends is None:
        return unit * walked
    share = steps / BRANCH
    bridge = walked - share * (BRANCH - 2 * _ones(signs))
    return ends[0] + (ends[1] - ends[0]) * share + unit * bridge


def _ones(words: UInt32[Array, " count"]) -> Float[Array, " count"]:
    return jax.lax.population_count(words).astype(jnp.float32)
