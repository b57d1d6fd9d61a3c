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

    Its covariance is that of Brownian motion, min(age, age'), at any two ages of one
    parameter. The walk over $32^n$ slots is divided in 32 parts, these again, and so
    on; the 32 signs of one word, less their mean, are the bridge between the ends of a
    part, as in Levy's construction. So an age needs one word in 32 levels rather than a
    sum over all slots before it.
    """
    layout = Layout.of(like)
    count, began = layout.size, at.slot - at.age
    levels = 1
    while BRANCH**levels <= at.span:
        levels += 1
    whole = gaussian(words(key, began, count, levels))
    left, right = jnp.zeros(count), whole * jnp.float32(BRANCH ** (levels / 2))
    for level in reversed(range(levels)):
        length = BRANCH**level
        inside = at.age // jnp.uint32(length) % jnp.uint32(BRANCH)
        node = at.slot - at.age % jnp.uint32(min(BRANCH * length, 2**32 - 1))
        signs = words(key, node, count, level)
        share = inside.astype(jnp.float32) / BRANCH
        step = (right - left) / BRANCH
        low = left + (right - left) * share
        unit = jnp.float32(length**0.5)
        first, second = (jnp.uint32(n) << inside for n in (1, 2))
        left = low + unit * _bridge(signs, first - jnp.uint32(1), share)
        share = share + 1 / BRANCH
        right = low + step + unit * _bridge(signs, second - jnp.uint32(1), share)
    return layout.unflatten(left)


def _bridge(
    signs: UInt32[Array, " count"], mask: UInt32[Array, ""], share: Float[Array, ""]
) -> Float[Array, " count"]:
    """The sum of the signs under the mask, less this share of the sum of all."""
    under, ones = (
        jax.lax.population_count(word).astype(jnp.float32)
        for word in (signs & mask, signs)
    )
    # A bit of 1 is the sign -1: of n bits the sum is n - 2 ones.
    return 2 * (share * ones - under)
