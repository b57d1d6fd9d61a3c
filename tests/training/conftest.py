"""Shared by the tests of the training loop."""

import jax
import pytest


@pytest.fixture
def lenient():
    """JAX's own promotion: optax relies on it wherever it counts steps."""
    with jax.numpy_dtype_promotion("standard"):
        yield
