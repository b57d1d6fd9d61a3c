"""Laws of every cost, found by crawling, and each against its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import plexgrad.nets
from plexgrad.core.spec import concrete, from_spec, to_spec
from plexgrad.nets import CNN, MSE, AbstractCost, CrossEntropy, cost_named

KINDS = {cls.__name__: cls for cls in concrete(plexgrad.nets, AbstractCost)}
every_cost = pytest.mark.parametrize("cls", KINDS.values())


def _batch(batch=6, classes=4):
    outputs = 3 * jax.random.normal(jax.random.key(4), (batch, classes))
    return outputs, jax.nn.one_hot(jnp.arange(batch) % classes, classes)


def test_crawling_finds_the_costs():
    assert {MSE, CrossEntropy} <= set(KINDS.values())


@every_cost
def test_a_cost_is_a_scalar_with_a_finite_gradient(cls):
    cost, (outputs, targets) = cls.demo(), _batch()
    value, grad = jax.value_and_grad(cost)(outputs, targets)
    assert value.shape == ()
    assert value.dtype == jnp.float32
    assert jnp.all(jnp.isfinite(grad))
    assert jnp.any(grad != 0)


@every_cost
def test_the_gradient_survives_large_outputs(cls):
    outputs, targets = _batch()
    assert jnp.all(jnp.isfinite(jax.grad(cls.demo())(1e4 * outputs, targets)))


@every_cost
def test_a_batch_costs_the_mean_of_its_halves(cls):
    cost, (outputs, targets) = cls.demo(), _batch()
    halves = (cost(outputs[:3], targets[:3]) + cost(outputs[3:], targets[3:])) / 2
    assert float(cost(outputs, targets)) == pytest.approx(float(halves), rel=1e-6)
    assert cost.per_sample(outputs, targets).shape == (6,)


@every_cost
def test_costs_are_values(cls):
    cost = cls.demo()
    assert cost == cls.demo()
    assert hash(cost) == hash(cls.demo())
    assert from_spec(to_spec(cost), KINDS) == cost


@every_cost
def test_integer_targets_are_the_same_targets(cls):
    cost, (outputs, targets) = cls.demo(), _batch()
    whole = np.asarray(targets).astype(np.int8)
    assert float(cost(outputs, whole)) == float(cost(outputs, targets))
    assert float(cost.accuracy(outputs, whole)) == float(
        cost.accuracy(outputs, targets)
    )


@pytest.mark.usefixtures("own_complaints")
@every_cost
def test_unequal_shapes_are_refused(cls):
    cost, (outputs, targets) = cls.demo(), _batch()
    for wrong in (targets[:, 0], targets[:5], targets[:, :3]):
        with pytest.raises(ValueError, match="targets must have the outputs' shape"):
            cost(outputs, wrong)
        with pytest.raises(ValueError, match="targets must have the outputs' shape"):
            cost.accuracy(outputs, wrong)


def test_mse_is_the_sum_of_squares_over_the_outputs():
    outputs = jnp.array([[0.5, 1.0], [0.0, -1.0]])
    targets = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    assert float(MSE()(outputs, targets)) == ((0.25 + 1.0) / 2 + 4.0 / 2) / 2
    assert float(MSE()(outputs[:, :1], targets[:, :1])) == 0.125


@pytest.mark.parametrize("smoothing", [0.0, 0.01, 0.2])
def test_cross_entropy_agrees_with_optax(smoothing):
    outputs, targets = _batch()
    labels = optax.smooth_labels(targets, smoothing)
    expected = optax.softmax_cross_entropy(outputs, labels)
    cost = CrossEntropy(smoothing)
    np.testing.assert_allclose(cost.per_sample(outputs, targets), expected, rtol=1e-5)


def test_raw_smoothing_weighs_the_labels_by_more_than_one():
    zeros, targets = jnp.zeros((5, 10)), jax.nn.one_hot(jnp.arange(5), 10)
    fair = CrossEntropy(0.01)(zeros, targets)
    raw = CrossEntropy(0.01, raw_smoothing=True)(zeros, targets)
    assert float(fair) == pytest.approx(np.log(10), rel=1e-6)
    assert float(raw) == pytest.approx(1.09 * np.log(10), rel=1e-6)


def test_raw_smoothing_explains_the_published_starting_losses():
    net = CNN.vgg(2)
    x = np.random.default_rng(0).random((10, 784), np.float32)
    targets = np.eye(10, dtype=np.float32)

    @jax.jit
    def costs(key):
        outputs = net(net.init(key), x)
        raw = CrossEntropy(0.01, raw_smoothing=True)
        return jnp.stack([raw(outputs, targets), CrossEntropy(0.01)(outputs, targets)])

    seeds = np.stack([costs(jax.random.key(seed)) for seed in range(20)])
    train, test = np.mean(seeds, axis=0)
    assert train == pytest.approx(2.55, abs=0.1)
    assert test == pytest.approx(2.35, abs=0.1)
    assert train / test == pytest.approx(1.09, abs=0.001)


def test_cross_entropy_refuses_a_single_output():
    with pytest.raises(ValueError, match="outputs must be at least 2.*'mse'"):
        CrossEntropy()(jnp.ones((3, 1)), jnp.ones((3, 1)))


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan"), "0.1"])
def test_smoothing_outside_its_range_is_refused(smoothing):
    with pytest.raises(ValueError, match="label_smoothing must"):
        CrossEntropy(smoothing)


@every_cost
def test_accuracy_counts_where_the_largest_output_is_the_targets(cls):
    outputs = jnp.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.9, 0.1]])
    targets = jax.nn.one_hot(jnp.array([1, 0, 0, 0]), 2)
    accuracy = cls.demo().accuracy(outputs, targets)
    assert accuracy.dtype == jnp.float32
    assert float(accuracy) == 0.75


@every_cost
def test_a_single_output_is_read_against_one_half(cls):
    outputs = jnp.array([[0.4], [0.6], [0.7], [0.2]])
    targets = jnp.array([[0.0], [1.0], [0.0], [0.0]])
    assert float(cls.demo().accuracy(outputs, targets)) == 0.75


@every_cost
def test_nan_outputs_are_wrong(cls):
    cost, nan = cls.demo(), jnp.nan
    # A NaN is the largest for argmax and not above one half: both could look right.
    assert float(cost.accuracy(jnp.array([[nan, 1.0]]), jnp.array([[1.0, 0.0]]))) == 0
    assert float(cost.accuracy(jnp.array([[nan, 1.0]]), jnp.array([[0.0, 1.0]]))) == 0
    assert float(cost.accuracy(jnp.array([[nan]]), jnp.array([[0.0]]))) == 0


@pytest.mark.usefixtures("own_complaints")
def test_costs_are_found_by_name_or_are_themselves():
    assert cost_named("mse") == MSE()
    assert cost_named("cross_entropy") == CrossEntropy()
    smooth = CrossEntropy(0.01)
    assert cost_named(smooth) is smooth
    with pytest.raises(ValueError, match="cost must be.*'mse'.*'cross_entropy'.*'l1'"):
        cost_named("l1")
