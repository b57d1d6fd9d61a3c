"""The layerwise code: turns, norms, and law 8 of the two layers' own crosstalk."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.codes import Layerwise
from plexgrad.core.layout import Layout
from plexgrad.estimators import WeightPerturbation
from plexgrad.nets import CNN

LIKE = ((jnp.zeros((6, 4)), jnp.zeros(4)), (jnp.zeros((4, 3)), jnp.zeros(3)))
LAYOUT = Layout.of(LIKE)
SIZES = np.array([28, 15])
KEY = jax.random.key(2)


def slots(count, start=0):
    return start + jnp.arange(count, dtype=jnp.uint32)


def test_a_layer_is_what_one_node_of_the_tree_holds():
    code = Layerwise(0.1)
    assert code.layers(LIKE) == ((0, 1), (2, 3))
    assert code.sizes(LIKE) == (28, 15)
    named = {"b": {"w": jnp.zeros(2), "b": jnp.zeros(3)}, "a": jnp.zeros(4)}
    assert sorted(code.sizes(named)) == [4, 5]
    assert code.sizes(jnp.zeros((2, 2))) == (4,)


def test_the_layers_of_the_published_network_are_nine():
    net = CNN.vgg(2)
    like = jax.eval_shape(net.init, KEY)
    sizes = Layerwise(0.01).sizes(like)
    assert sizes == (20, 38, 76, 148, 296, 584, 584, 72, 90)
    assert sum(sizes) == net.parameters == 439 * 4 + 71 * 2 + 10


def test_slot_s_perturbs_layer_s_alone_with_the_whole_norm():
    block = np.asarray(LAYOUT.flatten(Layerwise(0.3).block(KEY, slots(6, 1), LIKE)))
    for slot, pattern in enumerate(block, 1):
        layer = slot % 2
        inside = np.zeros(43, bool)
        inside[28 * layer : 28 + 15 * layer] = True
        np.testing.assert_array_equal(pattern[~inside], 0)
        np.testing.assert_allclose(np.abs(pattern[inside]), 0.3 / SIZES[layer] ** 0.5)
        assert np.linalg.norm(pattern) == pytest.approx(0.3)


def test_a_layers_own_block_is_its_part_of_the_pattern():
    code = Layerwise(0.3)
    whole = jax.tree.leaves(code.block(KEY, slots(8), LIKE))
    for layer in (0, 1):
        mine = code.layer_block(KEY, slots(8)[layer::2], LIKE, layer)
        for leaf, part in zip(code.layers(LIKE)[layer], mine, strict=True):
            np.testing.assert_allclose(part, whole[leaf][layer::2], rtol=1e-6)


@partial(jax.jit, static_argnums=0)
def _estimates(turns, gradient):
    code = Layerwise(0.1)

    def one(key):
        chosen = slots(2 * turns)
        signal = LAYOUT.flatten(code.block(key, chosen, LIKE)) @ gradient
        return LAYOUT.flatten(code.demodulate(key, chosen, signal, LIKE))

    return jax.vmap(one)(jax.random.split(jax.random.key(4), 4000))


def gradient(share):
    """A gradient with this share of its square in the first layer."""
    drawn = np.random.default_rng(0).normal(size=43)
    for layer, part in ((slice(28), share), (slice(28, 43), 1 - share)):
        drawn[layer] *= (part / np.sum(drawn[layer] ** 2)) ** 0.5
    return drawn.astype(np.float32)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("turns", [2, 20])
def test_the_effective_size_weighs_layers_by_their_gradient(share, turns):
    true = gradient(share)
    found = np.asarray(_estimates(turns, jnp.asarray(true)))
    effective = share * 27 + (1 - share) * 14
    power = np.sum(found**2, axis=1)
    error = 4 * power.std() / len(power) ** 0.5
    assert power.mean() == pytest.approx(1 + effective / turns, abs=float(error))
    assert error < 0.15 * power.mean()
    np.testing.assert_allclose(found.mean(0), true, atol=0.02 * (43 / turns) ** 0.5)


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_rescaled_layers_have_the_gradients_norm_and_law_8s_angle(share):
    turns, true = 20, gradient(share)
    estimator = WeightPerturbation(Layerwise(0.1), shrink="norm")
    factors = estimator.shrinkage(2 * turns, LAYOUT)
    assert factors[:2] == pytest.approx([(1 + 27 / turns) ** -0.5] * 2)
    assert factors[2:] == pytest.approx([(1 + 14 / turns) ** -0.5] * 2)
    spans = [span.stop - span.start for span in LAYOUT.spans()]
    found = np.asarray(_estimates(turns, jnp.asarray(true))) * np.repeat(factors, spans)
    for layer, part in ((slice(28), share), (slice(28, 43), 1 - share)):
        power = np.mean(np.sum(found[:, layer] ** 2, axis=1))
        assert power == pytest.approx(part, rel=0.03)
    weights = np.array([share, 1 - share])
    law = np.sum(weights * (turns / (turns + SIZES - 1)) ** 0.5)
    assert np.mean(found @ true) == pytest.approx(law, rel=0.02)


def test_uneven_turns_cost_what_the_code_says():
    # After one slot of two, one layer has its whole estimate doubled, the other none.
    assert Layerwise(0.1).excesses(1, LIKE)[0] == pytest.approx(2 * 28 - 1)
    assert Layerwise(0.1).excesses(2, LIKE)[2] == pytest.approx(14)
