"""Sinusoidal codes: their notes, and the sine made of adds and multiplies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.codes import Sinusoid
from plexgrad.codes.sinusoid import sine


@pytest.mark.parametrize("size", [1, 2, 3, 9, 220, 2410])
def test_frequencies_are_distinct_and_between_rest_and_half_the_slot_rate(size):
    code, like = Sinusoid(), jnp.zeros(size)
    frequency = np.asarray(code.notes(jax.random.key(size), like)[0])
    assert len(np.unique(frequency)) == size
    assert frequency.min() > 0
    assert frequency.max() < code.period(like) // 2


def test_the_period_is_the_smallest_power_of_two_with_room_for_all():
    assert [Sinusoid().period(jnp.zeros(n)) for n in (1, 2, 3, 4, 7, 8)] == [
        4,
        8,
        8,
        16,
        16,
        32,
    ]


def test_the_sine_is_a_sine():
    turns = np.random.default_rng(0).integers(0, 2**32, 10_000, dtype=np.uint32)
    turns[:5] = 0, 2**30, 2**31, 3 * 2**30, 2**32 - 1
    expected = np.sin(2 * np.pi * turns.astype(float) / 2**32)
    np.testing.assert_allclose(sine(jnp.asarray(turns)), expected, atol=3e-7)
