"""Parameters that move between writes: exponential, walk, stale baselines."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.chips import Drift, WriteNoise
from plexgrad.chips.draws import walk
from plexgrad.core.probe import Moment

from .flawed import (
    CHIP,
    DEVICE,
    HELD,
    KEY,
    PARAMS,
    SLOPE,
    each_slot,
    patterns,
    signal,
    spread_of,
    write,
    written,
)

AGES = (1, 2, 3, 7, 31, 32, 33, 64, 100, 500, 1023, 1024, 1500, 2000)
CELLS = jnp.zeros(20_000)


def test_relaxation_is_exponential_in_the_age():
    chip = Drift(CHIP, 0.01, rest=0.3)
    for age in (1, 10, 300):
        left = np.exp(-0.01 * age)
        expected = 0.3 + (HELD - 0.3) * left + 0.5
        np.testing.assert_allclose(write(chip, 0.5, age=age), expected, rtol=1e-5)


def test_a_tiny_rate_is_not_rounded_away():
    found = write(Drift(CHIP, 1e-9), 0.0, age=10, params={"w": jnp.zeros(3) + 1.0})
    np.testing.assert_array_equal(found, 1.0)
    for _ in range(3):
        moved = write(Drift(CHIP, 1e-6), 0.0, age=10, params={"w": jnp.zeros(3) + 1.0})
        np.testing.assert_allclose(1 - moved, 1e-5, rtol=0.02)


def test_writes_one_after_another_relax_as_one_long_wait():
    short, long = PARAMS, write(Drift(CHIP, 0.02), 0.0, age=60)
    for _ in range(6):
        short = {"w": write(Drift(CHIP, 0.02), 0.0, age=10, params=short)}
    np.testing.assert_allclose(short["w"], long, rtol=1e-5)


@pytest.fixture(scope="module")
def walks():
    """(ages, cells): one walk of every cell, at several ages."""

    @jax.jit
    def at(age):
        return walk(KEY, CELLS, Moment(jnp.uint32(5000) + age, age, 2000))

    return np.stack([at(jnp.uint32(age)) for age in AGES])


def test_a_walk_has_the_covariance_of_brownian_motion(walks):
    found = walks @ walks.T / walks.shape[1]
    expected = np.minimum(*np.meshgrid(AGES, AGES))
    error = np.sqrt(np.outer(AGES, AGES) + expected**2) / walks.shape[1] ** 0.5
    assert np.all(np.abs(found - expected) < 5 * error)
    assert np.all(np.abs(walks.mean(1)) < 5 * np.sqrt(AGES) / walks.shape[1] ** 0.5)


def test_steps_that_do_not_overlap_are_independent(walks):
    steps = np.diff(walks, axis=0) / np.sqrt(np.diff(AGES))[:, None]
    between = np.abs(np.corrcoef(steps) - np.eye(len(steps)))
    assert between.max() < 5 / walks.shape[1] ** 0.5


def test_short_walks_make_steps_of_one():
    def at(age):
        return walk(KEY, CELLS, Moment(jnp.uint32(70) + age, age, 31))

    places = jax.jit(jax.vmap(at))(jnp.arange(32, dtype=jnp.uint32))
    steps = np.diff(np.asarray(places), axis=0)
    np.testing.assert_array_equal(np.unique(steps), [-1, 1])
    assert np.abs(steps.mean(1)).max() < 5 / steps.shape[1] ** 0.5


def test_a_walk_starts_anew_at_every_write_and_for_every_device():
    def end(key, slot):
        return walk(key, jnp.zeros(4), Moment(jnp.uint32(slot), jnp.uint32(8), 8))

    assert not np.allclose(end(KEY, 8), end(KEY, 16))
    assert not np.allclose(end(KEY, 8), end(DEVICE, 8))
    start = walk(KEY, jnp.zeros(4), Moment(jnp.uint32(8), jnp.uint32(0), 8))
    np.testing.assert_array_equal(start, 0)


def test_diffusion_grows_with_the_root_of_the_age():
    chip = Drift(CHIP, sigma=0.02)
    for age in (1, 9, 50):
        spread_of(written(chip, 0.0, 800, age) - HELD, 0.02 * age**0.5)


@pytest.mark.parametrize("chip", [Drift(CHIP, 0.05), Drift(CHIP, 0.0, 0.03)])
def test_a_stale_baseline_is_read_as_signal(chip):
    clock, slots = each_slot(12), 12
    drifted = [
        np.asarray(chip.knobs(PARAMS, PARAMS, moment, chip.own(DEVICE))[0]["w"])
        for moment in (Moment(jnp.uint32(12 + n), jnp.uint32(n), 12) for n in range(12))
    ]
    since = (np.stack(drifted) - drifted[0]) @ SLOPE
    found, _ = signal(chip, "baseline", slots=slots, start=12, clock=clock)
    wanted = patterns(slots=slots, start=12) @ SLOPE
    np.testing.assert_allclose(found, wanted + since, rtol=1e-4, atol=1e-5)
    assert np.abs(since[1:]).min() > 0
    fresh, _ = signal(chip, "antithetic", slots=slots, start=12, clock=clock)
    np.testing.assert_allclose(fresh, wanted, rtol=1e-4, atol=1e-5)


def test_a_write_starts_where_the_last_slot_would_have_been():
    chip = Drift(CHIP, 0.05, 0.03)
    now = Moment(jnp.uint32(24), jnp.uint32(12), 12)
    drifted = chip.knobs(PARAMS, PARAMS, now, chip.own(DEVICE))[0]["w"]
    update = {"w": jnp.full_like(drifted, 0.5)}
    found = chip.write(PARAMS, update, DEVICE, now)["w"]
    np.testing.assert_allclose(found, drifted + 0.5, rtol=1e-6)


def test_drift_around_noise_moves_what_was_written_with_noise():
    outer = Drift(WriteNoise(CHIP, 0.1), 0.05)
    drifted = write(Drift(CHIP, 0.05), 0.5, age=7)
    noise = write(WriteNoise(CHIP, 0.1), 0.5, slot=7) - HELD - 0.5
    np.testing.assert_allclose(write(outer, 0.5, age=7), drifted + noise, rtol=1e-4)
