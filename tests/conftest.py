"""Strict numerics for every test: no silent dtype or rank promotion."""

import jax
import jaxtyping
import pytest
from hypothesis import settings

# The first example of a shape compiles, so its time says nothing.
settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def own_complaints():
    """Runtime type checks off, as for a user: the product's own messages show."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
