"""Parameters, inputs and outputs in steps: the grid, the mean, the gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexgrad.chips import InputResolution, OutputResolution, Quantised, Simulated
from plexgrad.chips.converting import converted, step
from plexgrad.codes import Rademacher
from plexgrad.nets import MLP

from .flawed import CHIP, DEVICE, HELD, PARAMS, SLOPE, patterns, signal, write, writes

NET = Simulated(MLP([3, 4, 2], initial=(-1.0, 1.0)))
LOW, HIGH, BITS = -1.0, 1.0, 4
STEP = step(BITS, LOW, HIGH)
KEPT = Quantised(CHIP, BITS, LOW, HIGH)


def on_grid(values, low=LOW, unit=STEP):
    """Whether all values are codes of the converter."""
    codes = (np.asarray(values, float) - low) / unit
    np.testing.assert_allclose(codes, codes.round(), atol=1e-4)


@given(
    st.integers(1, 12),
    st.floats(-4, 0, width=32),
    st.floats(0.5, 4, width=32),
    st.floats(-6, 6, width=32),
)
def test_a_converter_is_off_by_half_a_step_at_most(bits, low, high, x):
    found = float(converted(jnp.float32(x), bits, low, high))
    unit = (high - low) / (2**bits - 1)
    assert abs(found - np.clip(x, low, high)) <= unit / 2 + 1e-5
    assert round((found - low) / unit) in range(2**bits)


def test_gradients_pass_the_steps_and_stop_at_the_ends():
    x = jnp.array([-2.0, -0.3, 0.2, 2.0])
    slope = jax.vmap(jax.grad(lambda v: converted(v, 3, -1.0, 1.0)))(x)
    np.testing.assert_array_equal(slope, [0, 1, 1, 0])


def test_parameters_are_held_in_steps_from_the_start_on():
    held = KEPT.settle(PARAMS, DEVICE)["w"]
    on_grid(held)
    np.testing.assert_allclose(held, HELD, atol=STEP / 2 + 1e-6)
    assert len(np.unique(np.asarray(held))) <= 2**BITS


def test_a_write_is_right_on_average():
    slots, update = range(1, 4001), 0.3 * STEP
    many = writes(KEPT, update, slots)
    on_grid(many)
    wanted = HELD + update
    inside = wanted < HIGH
    share = (wanted - LOW) / STEP % 1
    error = STEP * (share * (1 - share) / len(slots)) ** 0.5
    off = np.abs(many.mean(0) - wanted)
    assert np.all(off[inside] <= 5 * error[inside] + 1e-6)
    assert np.all(np.abs(many - wanted) <= STEP + 1e-6)


def test_a_write_to_the_nearest_level_loses_small_updates():
    nearest = Quantised(CHIP, BITS, LOW, HIGH, stochastic=False)
    held = nearest.settle(PARAMS, DEVICE)
    after = write(nearest, 0.4 * STEP, params=held)
    np.testing.assert_array_equal(after, held["w"])
    moved = write(nearest, 0.6 * STEP, params=held)
    np.testing.assert_allclose(moved, np.minimum(held["w"] + STEP, HIGH), atol=1e-6)


def test_beyond_the_range_a_write_saturates():
    np.testing.assert_allclose(write(KEPT, 3.0), HIGH, atol=1e-6)
    np.testing.assert_allclose(write(KEPT, -3.0), LOW, atol=1e-6)


def test_the_perturbation_has_a_path_of_its_own_or_not():
    held = KEPT.settle(PARAMS, DEVICE)
    found, _ = signal(KEPT, params=held)
    np.testing.assert_allclose(found, patterns() @ SLOPE, rtol=1e-3, atol=1e-5)
    same = Quantised(CHIP, BITS, LOW, HIGH, perturbed=True)
    small, _ = signal(same, params=held, code=Rademacher(0.4 * STEP))
    np.testing.assert_allclose(small, 0, atol=1e-6)
    code = Rademacher(0.9 * STEP)
    whole, _ = signal(same, "baseline", params=held, code=code)
    within = np.asarray(held["w"])
    summed = jnp.asarray(within + patterns(code))
    rounded = np.asarray(converted(summed, BITS, LOW, HIGH)) - within
    np.testing.assert_allclose(whole, rounded @ SLOPE, rtol=1e-4, atol=1e-5)


def test_inputs_are_rounded_and_saturate():
    params = NET.init(jax.random.key(0))
    chip = InputResolution(NET, 2, 0.0, 3.0)
    x = jnp.array([[0.4, 1.6, 2.4], [-3.0, 9.0, 1.0]])
    rounded = jnp.array([[0.0, 2.0, 2.0], [0.0, 3.0, 1.0]])
    found = chip.predict(params, x, DEVICE)
    np.testing.assert_array_equal(found, NET.predict(params, rounded))


def test_outputs_are_rounded_before_the_cost():
    params = NET.init(jax.random.key(0))
    chip = OutputResolution(NET, 5)
    x, y = jnp.ones((2, 3)), jnp.zeros((2, 2))
    found = chip.predict(params, x, DEVICE)
    on_grid(found, 0.0, 1 / 31)
    np.testing.assert_allclose(found, NET.predict(params, x), atol=0.5 / 31 + 1e-6)
    cost = chip.score(params, x, y, DEVICE)[0]
    assert float(cost) == pytest.approx(float(jnp.mean(found**2)), rel=1e-5)


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize("cls", [Quantised, InputResolution, OutputResolution])
def test_a_converter_that_is_none_is_refused(cls):
    with pytest.raises(ValueError, match="bits must be .* at most 16, got 17"):
        cls(NET, 17)
    with pytest.raises(ValueError, match="bits must be .* got 0"):
        cls(NET, 0)
    with pytest.raises(ValueError, match="low must be below high=1.0, got 1.0"):
        cls(NET, 4, 1.0, 1.0)
