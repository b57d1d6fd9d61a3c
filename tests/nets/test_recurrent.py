"""Recurrent nets against NumPy, step by step and in closed form, and their scan."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plexgrad as pg
from plexgrad.core.probe import Slots
from plexgrad.nets import RNN, SSM

from .helpers import drawn, forward, samples, start

ACTIVATIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}
KINDS = pytest.mark.parametrize("cls", [RNN, SSM])
READS = pytest.mark.parametrize("read", ["last", "mean"])


def sequences(net, batch=3):
    return np.asarray(samples(net, batch)).reshape(batch, net.steps, net.sizes[0])


def affine(a, layer):
    return a @ np.float64(layer.weight) + np.float64(layer.bias)


@READS
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_elmans_net_agrees_with_numpy(activation, read):
    net = RNN(6, [2, 5, 3], activation, read, gain=1.5)
    params, x = drawn(net), sequences(net)
    cell, readout = params
    rows = []
    for sequence in np.float64(x):
        h, states = np.zeros(5), []
        for now in sequence:
            h = ACTIVATIONS[activation](affine(np.append(1.5 * now, h), cell))
            states.append(h)
        rows.append(affine(h if read == "last" else np.mean(states, 0), readout))
    np.testing.assert_allclose(forward(net, params, x), rows, rtol=1e-5, atol=1e-5)


@READS
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_state_space_is_a_sum_of_powers(activation, read):
    net = SSM(6, [2, 4, 5, 3], activation, read)
    params, x = drawn(net), sequences(net)
    modes, hidden, readout = params
    pole = np.exp(-np.exp(np.float64(modes.log_rate)) + 1j * np.float64(modes.angle))
    weight = np.float64(modes.weight)
    weight = np.sqrt(1 - np.abs(pole) ** 2) * (weight[:, :4] + 1j * weight[:, 4:])
    rows = []
    for sequence in np.float64(x):
        seen = []
        for last in range(1, 7):
            ages = np.arange(last)[::-1]
            h = np.sum(pole ** ages[:, None] * (sequence[:last] @ weight), axis=0)
            z = affine(np.concatenate([h.real, h.imag]), hidden)
            seen.append(ACTIVATIONS[activation](z))
        rows.append(affine(seen[-1] if read == "last" else np.mean(seen, 0), readout))
    np.testing.assert_allclose(forward(net, params, x), rows, rtol=1e-5, atol=1e-5)


@given(log_rate=st.floats(-12, 12), angle=st.floats(-10, 10))
@settings(max_examples=25)
def test_no_rate_makes_a_mode_unstable(log_rate, angle):
    net = SSM(400, [1, 1, 2, 1])
    modes, hidden, readout = drawn(net)
    modes = modes._replace(
        weight=jnp.ones((1, 2)),
        log_rate=jnp.full(1, log_rate, jnp.float32),
        angle=jnp.full(1, angle, jnp.float32),
    )
    # Two units that show the real part, each side of it.
    hidden = hidden._replace(
        weight=jnp.array([[1.0, -1.0], [0.0, 0.0]]), bias=jnp.zeros(2)
    )
    readout = readout._replace(weight=jnp.array([[1.0], [-1.0]]), bias=jnp.zeros(1))
    loudest = np.cos(angle * np.arange(400)[::-1])[None].astype(np.float32)
    shown = float(forward(net, (modes, hidden, readout), loudest)[0, 0])
    decay = np.exp(np.float64(np.float32(log_rate)))
    bound = np.sqrt(2) * np.sqrt(-np.expm1(-2 * decay)) / -np.expm1(-decay)
    assert abs(shown) <= bound * (1 + 1e-4)


@KINDS
@READS
def test_flat_samples_are_sequences_row_by_row(cls, read):
    net = cls(4, cls.demo().sizes, read=read)
    params, x = drawn(net), sequences(net)
    flat = forward(net, params, x.reshape(3, -1))
    np.testing.assert_array_equal(flat, forward(net, params, x))
    with pytest.raises(ValueError, match=r"\(4, 2\), got \(2, 4\)"):
        net(params, np.moveaxis(x, 1, 2))


@KINDS
@READS
def test_the_order_of_the_steps_matters_and_none_is_lost(cls, read):
    net = cls(7, cls.demo().sizes, activation="tanh", read=read)
    params, x = drawn(net), jnp.asarray(sequences(net))
    back = forward(net, params, x[:, ::-1])
    assert np.abs(forward(net, params, x) - back).max() > 1e-3
    slope = jax.grad(lambda x: jnp.sum(net(params, x) ** 2))(x)
    assert np.all(np.abs(slope).max((0, 2)) > 0)


@KINDS
@READS
def test_more_steps_are_no_more_operations(cls, read):
    sizes = []
    for steps in (3, 60):
        net = cls(steps, cls.demo().sizes, read=read)
        jaxpr = jax.make_jaxpr(net)(drawn(net), samples(net)).jaxpr
        assert [e.primitive.name for e in jaxpr.eqns].count("scan") == 1
        sizes.append(len(jaxpr.eqns))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("net", "parameters", "nodes"),
    [
        (RNN(32, [1, 16, 4]), 17 * 16 + 16 + 17 * 4, 32 * 16 + 4),
        (SSM(32, [1, 8, 16, 4]), 16 + 16 + 17 * 16 + 17 * 4, 32 * 16 + 16 + 4),
        (SSM(9, [2, 3, 5, 1], read="mean"), 12 + 6 + 35 + 6, 9 * (6 + 5) + 1),
    ],
)
def test_parameters_and_nodes_are_counted(net, parameters, nodes):
    assert (net.parameters, net.nodes, net.repeats) == (parameters, nodes, net.steps)
    assert net.inputs == net.steps * net.sizes[0]


def test_modes_start_spread_over_memories_and_angles():
    net = SSM(50, [1, 40, 2, 1])
    modes = start(net, jax.random.key(2))[0]
    memory = np.exp(-np.asarray(modes.log_rate))
    assert 1 <= memory.min() < 3
    assert 20 < memory.max() <= 50
    parts = np.asarray(modes.angle) * 40 / np.pi
    np.testing.assert_array_equal(np.floor(parts), np.arange(40))


@KINDS
def test_a_perturbed_net_tells_its_gradient(cls):
    net = cls(12, cls.demo().sizes, activation="tanh")
    chip, key = pg.chips.Simulated(net), jax.random.key(0)
    params, x = drawn(net), jnp.asarray(sequences(net, 4))
    y = jax.nn.one_hot(jnp.arange(4) % 2, 2)
    code = pg.codes.Sequential(1e-2)
    dither = pg.estimators.WeightPerturbation(code, "antithetic")
    probe = dither.ask(key, Slots.range(code.period(params)), params)
    batch = (x[None], y[None])
    told = dither.tell(probe, jax.jit(chip.measure)(params, probe, batch, key))
    exact = jax.jit(jax.grad(chip.loss))(params, (x, y))
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(exact))
    for one, other in zip(jax.tree.leaves(told), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3 * largest)


@KINDS
def test_params_of_another_depth_are_refused(cls):
    net = cls.demo()
    params = drawn(net)
    with pytest.raises(ValueError, match=f"hold {len(params)} layers, got 1"):
        net(params[:1], samples(net))


@pytest.mark.usefixtures("own_complaints")
@KINDS
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"steps": 0}, "steps must.*got 0"),
        ({"sizes": (1, 2)}, r"sizes must be \(features, .*outputs\), got \(1, 2\)"),
        ({"sizes": 3}, "sizes must be .*got 3"),
        ({"activation": "gelu"}, "activation must.*'gelu'"),
        ({"read": "first"}, "read must.*'first'"),
    ],
)
def test_wrong_fields_are_refused(cls, fields, message):
    with pytest.raises(ValueError, match=message):
        cls(**({"steps": 5, "sizes": cls.demo().sizes} | fields))


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize("fields", [{"gain": 0}, {"initial": "zeros"}])
def test_wrong_fields_of_elmans_net_are_refused(fields):
    with pytest.raises(ValueError, match=f"{next(iter(fields))} must"):
        RNN(5, [1, 2, 1], **fields)
