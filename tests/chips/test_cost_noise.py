"""Noise of every reading: its size by reference, what shares it, what it does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.chips import CostNoise
from plexgrad.codes import Rademacher
from plexgrad.estimators import WeightPerturbation

from .flawed import CHIP, PARAMS, SIZE, devices, each_slot, quickly, signal, spread_of

SIGMA, MANY = 0.3, 20_000
NOISY = CostNoise(CHIP, SIGMA)


def noise(reference, chip=NOISY, **changes):
    """What noise adds to the signal and to the cost."""
    settings = {"slots": MANY, "clock": each_slot()} | changes
    mine, bare = (signal(each, reference, **settings) for each in (chip, CHIP))
    return mine[0] - bare[0], mine[1] - bare[1]


@pytest.mark.parametrize(
    ("reference", "variance"), [("baseline", 2.0), ("antithetic", 0.5), ("direct", 1.0)]
)
def test_a_signal_has_the_noise_of_the_readings_it_is_made_of(reference, variance):
    found, cost = noise(reference, samples=MANY)
    spread_of(found, SIGMA * variance**0.5)
    assert np.corrcoef(found[1:], found[:-1])[0, 1] == pytest.approx(0, abs=0.03)
    assert abs(cost) < 5 * SIGMA / MANY**0.5


def test_the_papers_baseline_is_free_of_noise():
    free = CostNoise(CHIP, SIGMA, noiseless_baseline=True)
    found, cost = noise("baseline", free)
    spread_of(found, SIGMA)
    assert cost == 0


def test_slots_that_share_a_baseline_share_its_noise():
    windows, each = 2000, 8
    found, _ = noise("baseline", slots=windows * each, clock=each_slot(each))
    own = found.reshape(windows, each) - found.reshape(windows, each).mean(1)[:, None]
    spread_of(own, SIGMA * (1 - 1 / each) ** 0.5)
    # The noise of the window's mean: the baseline's, and that of eight readings.
    spread_of(found.reshape(windows, each).mean(1), SIGMA * (1 + 1 / each) ** 0.5)


def test_a_later_part_of_a_window_has_the_baseline_of_its_start():
    clock = each_slot(8)
    whole, _ = signal(NOISY, "baseline", slots=8, clock=clock)
    parts = [signal(NOISY, "baseline", slots=4, start=n, clock=clock) for n in (0, 4)]
    both = np.concatenate([part[0] for part in parts])
    np.testing.assert_allclose(both, whole, atol=1e-6)


@pytest.mark.parametrize("reference", ["antithetic", "baseline"])
def test_the_estimate_gets_the_variance_that_theory_says(reference):
    slots, delta = 16, 0.1
    estimator = WeightPerturbation(Rademacher(delta), reference)

    @quickly
    @jax.vmap
    def error(key):
        def gradient(chip):
            return chip.gradient(PARAMS, jnp.zeros(1), estimator, slots, key)["w"]

        return gradient(NOISY) - gradient(CHIP)

    many = np.asarray(error(devices(2000)))
    readings = {"antithetic": 0.5, "baseline": 2.0}[reference]
    expected = readings * SIZE * SIGMA**2 / (slots * delta**2)
    power = np.mean(np.sum(many**2, axis=1))
    assert power == pytest.approx(expected, rel=0.05)
    spread_of(many, (expected / SIZE) ** 0.5)
