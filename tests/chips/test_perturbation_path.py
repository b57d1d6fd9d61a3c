"""A perturbation on its way: crosstalk, mismatch, bandwidth and delay."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.chips import Bandwidth, Crosstalk, PerturbationMismatch
from plexgrad.codes import Rademacher, Sinusoid, Walsh
from plexgrad.core.probe import PROMPT, Moment

from .flawed import (
    CHIP,
    DEVICE,
    HELD,
    PARAMS,
    SIZE,
    SLOPE,
    devices,
    gradient,
    patterns,
    signal,
    spread_of,
    write,
)

AT = Moment(jnp.uint32(1), jnp.uint32(1))


def test_crosstalk_is_a_matrix_on_what_is_held_and_added():
    leak = np.eye(SIZE) + 0.2 * (np.eye(SIZE, k=1) + np.eye(SIZE, k=-1))
    chip = Crosstalk(CHIP, 0.2)
    np.testing.assert_allclose(gradient(chip), leak.T @ SLOPE, rtol=1e-3, atol=1e-4)
    _, cost = signal(chip, "baseline")
    assert cost == pytest.approx(float(SLOPE @ (leak @ HELD)), rel=1e-4)
    # What is commanded is what is stored.
    np.testing.assert_array_equal(write(chip, 0.5), HELD + 0.5)


def test_leaves_do_not_leak_into_one_another():
    chip = Crosstalk(CHIP, 0.5)
    tree = {"a": jnp.array([[1.0, 0.0], [0.0, 0.0]]), "b": jnp.array([0.0, 4.0])}
    held, offset = chip.knobs(tree, tree, AT, DEVICE)
    np.testing.assert_allclose(held["a"], [[1.0, 0.5], [0.0, 0.0]])
    np.testing.assert_allclose(offset["b"], [2.0, 4.0])


def test_a_mismatch_multiplies_every_component_of_the_gradient():
    chip, ones = PerturbationMismatch(CHIP, 0.2), {"w": jnp.ones(SIZE)}
    held, gains = chip.knobs(PARAMS, ones, AT, chip.own(DEVICE))
    assert held is PARAMS
    np.testing.assert_allclose(gradient(chip), gains["w"] * SLOPE, rtol=1e-3, atol=1e-4)
    many = jax.vmap(lambda key: chip.knobs(PARAMS, ones, AT, key)[1]["w"])
    spread_of(many(devices(500)) - 1, 0.2)


def test_the_response_is_an_rc_filter_behind_a_delay():
    chip = Bandwidth(CHIP, 2.0, 3)
    lags, heights = zip(*chip.respond(PROMPT), strict=True)
    assert lags == tuple(range(3, 3 + len(lags)))
    assert sum(heights) == pytest.approx(1)
    ratios = np.divide(heights[1:], heights[:-1])
    np.testing.assert_allclose(ratios, np.exp(-1 / 2.0))
    assert heights[0] == pytest.approx(1 - np.exp(-1 / 2.0), rel=2e-3)
    left = np.exp(-len(lags) / 2.0)
    assert left < 1e-3 < left * np.exp(1 / 2.0) * 1.001


def test_two_filters_are_one_by_convolution():
    one, two = Bandwidth(CHIP, 1.5), Bandwidth(CHIP, 0.7, 2)
    both = Bandwidth(one, 0.7, 2)
    expected = np.convolve(one.taps, two.taps)
    found = dict(both.chip.respond(both.respond(PROMPT)))  # type: ignore[attr-defined]
    assert list(found) == list(range(2, 2 + len(expected)))
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-6)
    told, _ = signal(both, slots=40)
    drawn = patterns(slots=40) @ SLOPE
    late = np.convolve(drawn, np.concatenate([[0, 0], expected]))[:40]
    np.testing.assert_allclose(told, late, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("reference", ["baseline", "antithetic"])
@pytest.mark.parametrize("code", [Rademacher(0.1), Walsh(0.1), Sinusoid(0.1)])
def test_a_signal_is_the_codes_own_after_the_filter(reference, code):
    chip = Bandwidth(CHIP, 1.0, 1)
    found, _ = signal(chip, reference, code=code, slots=50)
    drawn = patterns(code, 50) @ SLOPE
    late = np.convolve(drawn, np.concatenate([[0], chip.taps]))[:50]
    np.testing.assert_allclose(found, late, rtol=1e-3, atol=1e-5)
    assert found[0] == pytest.approx(0, abs=1e-6)
    part, _ = signal(chip, reference, code=code, slots=7, start=20)
    np.testing.assert_allclose(part, late[20:27], rtol=1e-3, atol=1e-5)


def test_the_estimate_shrinks_to_the_part_that_acts_at_once():
    chip, slots = Bandwidth(CHIP, 1.0), 20_000
    found = gradient(chip, slots=slots, code=Rademacher(0.1))
    # The taps' other parts are noise, as that of other parameters is.
    error = 5 * np.linalg.norm(SLOPE) / slots**0.5
    np.testing.assert_allclose(found, chip.taps[0] * SLOPE, atol=error)


def test_a_pattern_that_is_held_has_time_to_arrive():
    chip = Bandwidth(CHIP, 1.0)
    found, _ = signal(chip, slots=40, hold=8)
    wanted = patterns(slots=5) @ SLOPE
    np.testing.assert_allclose(found[7::8], wanted, atol=2e-3 * np.abs(wanted).max())


@pytest.mark.usefixtures("own_complaints")
def test_a_bandwidth_that_is_none_is_refused():
    with pytest.raises(ValueError, match="tau must be at least 0, got -1"):
        Bandwidth(CHIP, -1.0)
    with pytest.raises(ValueError, match="tau must be at most .* got 1000000"):
        Bandwidth(CHIP, 1e9)
    with pytest.raises(ValueError, match="delay must be an integer .* got 1.5"):
        Bandwidth(CHIP, 1.0, 1.5)  # type: ignore[arg-type]
