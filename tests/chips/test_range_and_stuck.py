"""Knobs that end, and knobs that do not move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.chips import LimitedRange, Simulated, Stuck
from plexgrad.codes import Walsh
from plexgrad.core.layout import Layout
from plexgrad.core.probe import GradientProbe, Slots

from .flawed import (
    CHIP,
    DEVICE,
    HELD,
    PARAMS,
    SIZE,
    SLOPE,
    gradient,
    patterns,
    signal,
    write,
    written,
)


def test_parameters_end_where_the_range_does():
    chip = LimitedRange(CHIP, 0.5)
    held = np.clip(HELD, -0.5, 0.5)
    np.testing.assert_array_equal(chip.settle(PARAMS, DEVICE)["w"], held)
    np.testing.assert_array_equal(write(chip, 9.0), np.full(SIZE, 0.5, np.float32))
    uneven = LimitedRange(CHIP, 0.5, -0.1)
    np.testing.assert_array_equal(write(uneven, -9.0), np.float32([-0.1] * SIZE))


def test_at_the_end_a_perturbation_acts_on_one_side():
    chip = LimitedRange(CHIP, 0.5)
    held = chip.settle(PARAMS, DEVICE)
    ended = np.abs(HELD) > 0.5
    found, _ = signal(chip, "baseline", params=held)
    within = np.asarray(held["w"])
    offset = np.clip(patterns() + within, -0.5, 0.5) - within
    np.testing.assert_allclose(found, offset @ SLOPE, rtol=1e-4, atol=1e-5)
    share = np.where(ended, 0.5, 1.0)
    found = gradient(chip, params=held, code=Walsh(0.01))
    np.testing.assert_allclose(found, share * SLOPE, atol=2e-3)


@pytest.mark.usefixtures("own_complaints")
def test_a_range_that_is_none_is_refused():
    with pytest.raises(ValueError, match="high must be above low=1, got 0.5"):
        LimitedRange(CHIP, 0.5, 1.0)
    with pytest.raises(ValueError, match="high must be above low=1, got -1"):
        LimitedRange(CHIP, -1.0)
    with pytest.raises(ValueError, match="high must be given with low, got low=-1"):
        LimitedRange(CHIP, low=-1.0)
    with pytest.raises(ValueError, match="low must be a finite number, got 'deep'"):
        LimitedRange(CHIP, 1.0, "deep")  # type: ignore[arg-type]


def stuck(chip, key=DEVICE):
    """Which parameters a large update does not move."""
    return np.asarray(write(chip, 5.0, key) != HELD + 5.0)


def test_a_share_is_stuck_the_same_ones_for_the_life_of_a_device():
    chip, many = Stuck(CHIP, 0.3), 4000
    free = written(chip, 5.0, many) == HELD + 5.0
    assert 1 - free.mean() == pytest.approx(0.3, abs=5 * 0.46 / free.size**0.5)
    assert len(np.unique(free, axis=0)) > many / 2
    np.testing.assert_array_equal(stuck(chip), write(chip, 5.0, slot=99) < 4)


def test_a_stuck_parameter_is_never_moved():
    chip, held = Stuck(CHIP, 0.5), PARAMS
    still = stuck(chip)
    assert 0 < still.sum() < SIZE
    for slot in range(1, 20):
        held = {"w": write(chip, 0.1, slot=slot, params=held)}
    np.testing.assert_array_equal(held["w"][still], HELD[still])
    np.testing.assert_allclose(held["w"][~still], HELD[~still] + 1.9, rtol=1e-5)
    np.testing.assert_allclose(gradient(chip), np.where(still, 0, SLOPE), atol=1e-3)


def test_a_level_holds_from_the_start():
    chip = Stuck(CHIP, 0.5, level=-2.0)
    held = chip.settle(PARAMS, DEVICE)
    still = np.asarray(held["w"] == -2.0)
    np.testing.assert_array_equal(still, stuck(Stuck(CHIP, 0.5)))
    np.testing.assert_array_equal(write(chip, 1.0, params=held)[still], -2.0)
    np.testing.assert_array_equal(held["w"][~still], HELD[~still])
    _, cost = signal(chip, params=PARAMS)
    level = np.where(still, -2.0, HELD)
    assert cost == pytest.approx(float(level @ SLOPE), rel=1e-4)


def test_the_exact_gradient_knows_the_level_and_the_range():
    net = Simulated.demo()
    params = net.init(jax.random.key(0))
    batch = jnp.ones((1, 4, 3)), jnp.zeros((1, 4, 2))
    chip = LimitedRange(net, 1e-6)
    found = chip.measure(params, GradientProbe(Slots.range(1)), batch, DEVICE)
    flat = Layout.of(params).flatten(found.gradient)
    beyond = np.abs(Layout.of(params).flatten(params)) > 1e-6
    np.testing.assert_array_equal(np.asarray(flat)[beyond], 0)
