"""Laws of every network, found by crawling, and what all initialisations share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad.nets
from plexgrad.core.layout import Layout
from plexgrad.core.spec import concrete, from_spec, to_spec
from plexgrad.nets import CNN, MLP, RNN, SSM, AbstractLayered, AbstractNet, Affine

from .helpers import drawn, forward, samples, start

KINDS = {cls.__name__: cls for cls in concrete(plexgrad.nets, AbstractNet)}
every_net = pytest.mark.parametrize("cls", KINDS.values())


def test_crawling_finds_the_networks():
    assert {CNN, MLP, RNN, SSM} <= set(KINDS.values())


@every_net
def test_init_is_a_function_of_the_key(cls):
    net = cls.demo()
    one, same, other = (start(net, jax.random.key(k)) for k in (0, 0, 1))
    assert jax.tree.all(jax.tree.map(np.array_equal, one, same))
    assert not np.array_equal(one[0].weight, other[0].weight)


@every_net
def test_params_are_float32_layers_counted_by_the_net(cls):
    net = cls.demo()
    params = start(net, jax.random.key(0))
    kind = Affine if issubclass(cls, AbstractLayered) else tuple
    assert all(isinstance(layer, kind) and layer._fields for layer in params)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
    assert net.parameters == Layout.of(params).size


@every_net
def test_outputs_have_one_row_per_sample(cls):
    net = cls.demo()
    params = drawn(net)
    assert forward(net, params, samples(net)).shape == (3, net.outputs)
    assert forward(net, params, samples(net, 1)).shape == (1, net.outputs)


@every_net
def test_samples_do_not_see_each_other(cls):
    net = cls.demo()
    params, x = drawn(net), samples(net)
    np.testing.assert_allclose(
        forward(net, params, x)[1:], forward(net, params, x[1:]), rtol=1e-5
    )


@pytest.mark.usefixtures("own_complaints")
@every_net
def test_a_wrong_feature_count_is_refused_naming_both(cls):
    net = cls.demo()
    with pytest.raises(ValueError, match=rf"{net.inputs} features.*{net.inputs + 1}"):
        net(drawn(net), np.zeros((2, net.inputs + 1)))


@every_net
def test_bits_and_bytes_come_in_as_numbers(cls):
    net = cls.demo()
    params = drawn(net)
    bits = np.random.default_rng(0).integers(0, 2, (4, net.inputs), dtype=np.uint8)
    real = forward(net, params, bits.astype(np.float32))
    for same in (bits, bits.astype(bool)):
        np.testing.assert_allclose(forward(net, params, same), real, rtol=1e-6)


@every_net
def test_nets_are_values(cls):
    net = cls.demo()
    assert net == cls.demo()
    assert hash(net) == hash(cls.demo())
    assert from_spec(to_spec(net), KINDS) == net


@every_net
def test_vmap_over_stacked_params_is_one_net_per_row(cls):
    net = cls.demo()
    x = samples(net)
    many = [drawn(net, seed) for seed in range(4)]
    stack = jax.tree.map(lambda *leaves: np.stack(leaves), *many)
    rows = jax.jit(jax.vmap(net, in_axes=(0, None)))(stack, x)
    for row, params in zip(rows, many, strict=True):
        np.testing.assert_allclose(row, forward(net, params, x), rtol=1e-5, atol=1e-6)


@every_net
def test_gradient_reaches_every_layer(cls):
    net = cls.demo()
    x = samples(net)
    gradient = jax.jit(jax.grad(lambda params: jnp.sum(net(params, x) ** 2)))
    grads = gradient(drawn(net))
    for leaf in map(np.asarray, jax.tree.leaves(grads)):
        assert np.all(np.isfinite(leaf))
        assert np.any(leaf != 0)


@every_net
def test_the_same_net_is_not_traced_twice(cls):
    traces = []

    def forward(net, params, x):
        traces.append(net)
        return net(params, x)

    jitted = jax.jit(forward, static_argnums=0)
    for net in (cls.demo(), cls.demo()):
        jitted(net, drawn(net), samples(net))
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("net", "fans"),
    [
        (MLP([300, 200, 4], activation="relu"), 500),
        (CNN((5, 5, 40), (60,), (2,)), 9 * 100),
    ],
)
def test_glorot_uniform_has_its_bound_and_its_variance(net, fans):
    weight = np.asarray(start(net, jax.random.key(3))[0].weight)
    bound = np.sqrt(6 / fans)
    assert 0.99 * bound < np.max(np.abs(weight)) <= bound
    assert np.var(weight) == pytest.approx(2 / fans, rel=0.03)
    assert np.mean(weight) == pytest.approx(0, abs=0.03 * bound)


def test_glorot_biases_start_at_zero():
    for layer in start(CNN.demo(), jax.random.key(0)):
        assert not np.any(layer.bias)


@pytest.mark.parametrize("cls", [MLP, CNN])
def test_a_pair_draws_weights_and_biases_from_its_range(cls):
    first = ([60, 30, 2],) if cls is MLP else ((5, 5, 9), (30,), (2,))
    net = cls(*first, initial=[0.25, 0.75])
    layer = start(net, jax.random.key(5))[0]
    for values in (np.asarray(layer.weight), np.asarray(layer.bias)):
        assert values.min() >= 0.25
        assert values.max() <= 0.75
        assert np.ptp(values) > 0.4
        assert values.mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    "initial", ["uniform", (0, 1, 2), 0.5, (1.0, 1.0), (0.0, float("inf")), (0, "1")]
)
def test_an_unknown_init_is_refused(initial):
    with pytest.raises(ValueError, match=r"^initial must"):
        MLP([2, 1], initial=initial)


def test_the_flat_order_is_weight_then_bias_row_major_layer_by_layer():
    params = start(MLP([2, 3, 1], initial=(0, 1)), jax.random.key(0))
    layout = Layout.of(params)
    assert layout.shapes == ((2, 3), (3,), (3, 1), (1,))
    (w1, b1), (w2, b2) = params
    flat = np.concatenate([np.asarray(a).ravel() for a in (w1, b1, w2, b2)])
    np.testing.assert_array_equal(layout.flatten(params), flat)
    assert float(layout.flatten(params)[1]) == float(w1[0, 1])


def test_a_perturbation_made_flat_keeps_the_layers():
    net = MLP.demo()
    params = drawn(net)
    layout = Layout.of(params)
    again = layout.unflatten(layout.flatten(params))
    assert jax.tree.all(jax.tree.map(np.array_equal, again, params))
    assert jax.tree.structure(again) == jax.tree.structure(params)
