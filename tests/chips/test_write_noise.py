"""Noise of a write: for every parameter its own, or one for all as in the paper."""

import numpy as np

from plexgrad.chips import WriteNoise

from .flawed import CHIP, HELD, spread_of, write, writes, written

SIGMA, MANY = 0.2, 2000
ONE = WriteNoise(CHIP, SIGMA)


def noise(chip):
    """(writes, parameters): what noise adds to writes in many slots."""
    return writes(chip, 0.5, range(1, MANY + 1)) - HELD - 0.5


def test_every_parameter_and_every_write_has_its_own_draw():
    found = noise(ONE)
    spread_of(found, SIGMA)
    between = np.corrcoef(found.T) - np.eye(found.shape[1])
    assert np.abs(between).max() < 5 / MANY**0.5
    later = np.sum(found[1:] * found[:-1]) / np.sum(found**2)
    assert abs(later) < 5 / found.size**0.5


def test_the_papers_noise_is_one_number_for_all():
    found = noise(WriteNoise(CHIP, SIGMA, shared=True))
    np.testing.assert_allclose(found, found[:, :1] * np.ones(found.shape), atol=1e-6)
    spread_of(found[:, 0], SIGMA)


def test_devices_differ():
    spread_of(written(ONE, 0.0, MANY) - HELD, SIGMA)


def test_two_of_them_add_their_variances():
    spread_of(noise(WriteNoise(ONE, SIGMA)), SIGMA * 2**0.5)


def test_a_write_can_be_made_again():
    np.testing.assert_array_equal(write(ONE, 0.5, slot=7), write(ONE, 0.5, slot=7))
