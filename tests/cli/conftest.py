"""Shared by the tests of the training loop."""

import jaxtyping
import pytest


@pytest.fixture
def own_complaints():
    """Runtime type checks off, as for a user: the room's own messages show."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
