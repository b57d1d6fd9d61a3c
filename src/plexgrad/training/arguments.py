"""The arguments of a run: brought into one form, or refused by name."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from plexgrad.core.contracts import AbstractTrainable
from plexgrad.core.validate import int_at_least
from plexgrad.data import Dataset


def as_key(key: Any) -> Key[Array, ""]:
    """A threefry key from an integer, from its two words, or from itself."""
    if isinstance(key, Integral):
        number = int_at_least("key", key, 0, 2**32 - 1)
        return jax.random.key(number, impl="threefry2x32")
    if isinstance(key, Sequence):
        words = jnp.asarray(key, jnp.uint32)
        return jax.random.wrap_key_data(words, impl="threefry2x32")
    return key


def refuse_mismatch(chip: AbstractTrainable, data: Dataset) -> None:
    """Raise ValueError unless the network fits the data, sample by sample."""
    for what, mine, theirs in (
        ("inputs", chip.inputs, data.features),
        ("outputs", chip.outputs, data.outputs),
    ):
        if mine != theirs:
            raise ValueError(
                f"the network's {what} must match the data {data.name!r}: "
                f"{theirs}, got {mine}"
            )
    name = jax.random.key(0)
    params = jax.eval_shape(chip.init, name)
    jax.eval_shape(chip.score, params, data.x_train[:1], data.y_train[:1], name)
