"""Neurons with flaws: the paper's formula, its four spreads, fixed for a device."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.chips import ActivationVariation, Simulated
from plexgrad.core.layout import Layout
from plexgrad.core.probe import GradientProbe, Slots
from plexgrad.nets import CNN, MLP

from .flawed import DEVICE, devices, spread_of

SIGMA = 0.25
MLP_CHIP = Simulated(MLP([3, 4, 2], initial=(-1.0, 1.0)))
CHIP = ActivationVariation(MLP_CHIP, SIGMA)


def flaws(chip, key, layer, units):
    """x0, k, y0, L of the neurons of a layer, as the hooks tell them."""
    mine = chip.own(key)
    zero, one = jnp.zeros((1, units)), jnp.ones((1, units))
    at_zero, at_one = (chip.drive(layer, z, mine)[0] for z in (zero, one))
    offset, top = (chip.fire(layer, a, mine)[0] for a in (zero, one))
    slope = at_one - at_zero
    found = -at_zero / slope, slope, offset, top - offset
    return tuple(np.asarray(each) for each in found)


def test_an_output_is_the_papers_formula():
    params, x = (
        MLP_CHIP.init(jax.random.key(0)),
        np.random.default_rng(1).random((5, 3)),
    )
    a = x.astype(np.float32)
    for layer, (weight, bias) in enumerate(params):
        x0, k, y0, height = flaws(CHIP, DEVICE, layer, len(bias))
        z = a @ np.asarray(weight) + np.asarray(bias)
        a = height / (1 + np.exp(-k * (z - x0))) + y0
    found = CHIP.predict(params, x.astype(np.float32), DEVICE)
    np.testing.assert_allclose(found, a, rtol=1e-5)


def test_the_four_flaws_have_the_spread_and_are_independent():
    units = 4000
    x0, k, y0, height = flaws(CHIP, DEVICE, 0, units)
    found = np.stack([x0, k - 1, y0, height - 1])
    for each in found:
        spread_of(each, SIGMA)
    other = np.stack(flaws(CHIP, DEVICE, 1, units))
    many = np.abs(np.corrcoef(np.concatenate([found, other])) - np.eye(8))
    assert many.max() < 5 / units**0.5


def test_a_device_keeps_its_neurons_and_another_has_others():
    params, x = MLP_CHIP.init(jax.random.key(0)), jnp.ones((1, 3))
    tell = jax.vmap(lambda key: CHIP.predict(params, x, key)[0])
    found, again = tell(devices(500)), tell(devices(500))
    np.testing.assert_array_equal(found, again)
    assert len(np.unique(np.asarray(found)[:, 0])) == 500


def test_the_exact_gradient_goes_through_the_neurons():
    params, x = MLP_CHIP.init(jax.random.key(0)), jnp.ones((1, 2, 3))
    y = jnp.zeros((1, 2, 2))
    probe = GradientProbe(Slots.range(1))
    found = CHIP.measure(params, probe, (x, y), DEVICE).gradient

    def cost(params):
        return CHIP.score(params, x[0], y[0], DEVICE)[0]

    layout = Layout.of(params)
    expected = layout.flatten(jax.grad(cost)(params))
    np.testing.assert_allclose(layout.flatten(found), expected, rtol=1e-5)


def test_every_position_of_a_convolution_is_a_neuron():
    net = CNN([6, 6, 1], [2, "pool"], [3])
    chip = ActivationVariation(Simulated(net), SIGMA)
    params = net.init(jax.random.key(0))
    flat = jax.tree.map(jnp.zeros_like, params)
    x = jnp.zeros((2, 36))
    found = chip.predict(flat, x, DEVICE)
    # The flaws of the first layer do not reach the outputs, and samples are alike.
    np.testing.assert_array_equal(found[0], found[1])
    assert np.std(np.asarray(found[0])) > 0
    z = chip.drive(0, jnp.zeros((1, 4, 4, 2)), chip.own(DEVICE))
    assert len(np.unique(np.asarray(z))) == 32


@pytest.mark.usefixtures("own_complaints")
def test_a_negative_spread_is_refused():
    with pytest.raises(ValueError, match="sigma must be at least 0, got -0.1"):
        ActivationVariation(MLP_CHIP, -0.1)
