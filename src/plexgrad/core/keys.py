"""Keys: the one kind of random key that all codes, samples and chips are named by."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from plexgrad.core.validate import int_at_least


def as_key(key: Any) -> Key[Array, ""]:
    """A threefry key from an integer, from its two words, or from itself.

    Raises TypeError for anything else.
    """
    if isinstance(key, Integral):
        number = int_at_least("key", key, 0, 2**32 - 1)
        return jax.random.key(number, impl="threefry2x32")
    if isinstance(key, Sequence) and not isinstance(key, str | bytes):
        words = jnp.asarray(key, jnp.uint32)
        return jax.random.wrap_key_data(words, impl="threefry2x32")
    if not isinstance(key, jax.Array):
        raise TypeError(
            f"key must be a jax.random.key, an integer or its two words, got {key!r}"
        )
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        # What jit makes of an integer, and the words that jax.random.PRNGKey gives.
        made = jax.random.key if key.ndim == 0 else jax.random.wrap_key_data
        return made(key, impl="threefry2x32")
    return key
