r"""A converter between numbers and codes: $2^b$ equal steps from `low` to `high`.

What lies beyond the range saturates. Gradients pass the steps as if there were none
("straight through": Bengio, Leonard and Courville 2013, arXiv 1308.3432) and vanish
beyond the range.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from plexgrad.core.validate import finite, positive_int

MOST_BITS = 16
"""Finer steps would drown in the rounding of float32."""


def check(bits: object, low: object, high: object) -> None:
    """Raise ValueError unless this is a converter; `bits` may be None, an ideal one."""
    if bits is not None:
        positive_int("bits", bits, MOST_BITS)
    if finite("low", low) >= finite("high", high):
        raise ValueError(f"low must be below high={high}, got {low!r}")


def step(bits: int, low: float, high: float) -> float:
    """The distance of two codes."""
    return (high - low) / (2**bits - 1)


def converted(
    x: Float[Array, "*shape"],
    bits: int,
    low: float,
    high: float,
    dither: Float[Array, "*shape"] | float = 0.5,
) -> Float[Array, "*shape"]:
    """The numbers that the codes of `x` stand for.

    `dither` is what is added, in steps, before rounding down: 0.5 rounds to the nearest
    code, a uniform number in (0, 1) to either neighbour so that the mean is `x`.
    """
    unit = step(bits, low, high)
    codes = (jnp.clip(x, low, high) - low) / unit
    return low + unit * _down(codes, jnp.asarray(dither, codes.dtype))


@jax.custom_jvp
def _down(codes: Array, dither: Array) -> Array:
    return jnp.floor(codes + dither)


@_down.defjvp
def _straight(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    return _down(*primals), tangents[0]
