"""JAX in 64 bits for a while, whichever version of JAX there is."""

from typing import Any

import jax


def in_64_bits(wide: bool = True) -> Any:
    """A context in which JAX makes arrays of 64 bits where no type is given."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(wide)
    return jax.experimental.enable_x64(wide)  # before JAX 0.8
