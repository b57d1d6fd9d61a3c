"""NIST7x7 as re-created: the counts of the recipe and the two accuracies behind it."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from plexgrad.data import load
from plexgrad.data.nist7x7 import GLYPHS

BATCH = 500


@pytest.fixture(scope="module")
def letters():
    return load("nist7x7")


def test_the_images_are_as_many_as_the_recipe_says(letters):
    assert letters.x_train.shape == (4 * 9 * (1 + 49 + 49 * 48 // 2), 7, 7)
    assert letters.sizes == (44_136, 44_136)
    assert len(np.unique(letters.x_train.reshape(44_136, 49), axis=0)) == 44_082
    assert letters.classes == tuple("NIST")
    assert (letters.y_train.sum(axis=0) == 44_136 / 4).all()


def test_an_image_is_a_shifted_glyph_with_at_most_two_pixels_flipped(letters):
    flips = []
    for n in range(0, 44_136, 97):
        image, target = letters.x_train[n], letters.y_train[n]
        glyph = np.array([list(row) for row in GLYPHS["NIST"[target.argmax()]].split()])
        clean = [
            np.pad(glyph == "#", ((top, 2 - top), (left, 2 - left)))
            for top in range(3)
            for left in range(3)
        ]
        flips.append(min(int((image != field).sum()) for field in clean))
    assert set(flips) <= {0, 1, 2}


def test_letters_alternate(letters):
    assert letters.y_train[:8].argmax(axis=1).tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_the_source_calls_it_a_re_creation(letters):
    assert letters.source.startswith("A re-creation of NIST7x7")
    assert "test set is the training set" in letters.source


def accuracy(letters, sizes, rate, steps, seed):
    """Of a sigmoid network under Adam, backpropagation and cross-entropy."""
    x = jnp.asarray(letters.x_train.reshape(-1, sizes[0]))
    y = jnp.asarray(letters.y_train)
    key_start, key_batch = jax.random.split(jax.random.key(seed))
    draw = jax.nn.initializers.glorot_uniform()
    params = [
        (draw(jax.random.fold_in(key_start, n), pair), jnp.zeros((1, pair[1])))
        for n, pair in enumerate(itertools.pairwise(sizes))
    ]
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, steps))

    def logits(params, x):
        for weight, bias in params[:-1]:
            x = jax.nn.sigmoid(x @ weight + bias)
        return x @ params[-1][0] + params[-1][1]

    def cost(params, x, y):
        return optax.softmax_cross_entropy(logits(params, x), y).mean()

    @jax.jit
    def train(params, x, y):
        def step(carry, key):
            params, state = carry
            rows = jax.random.randint(key, (BATCH,), 0, len(x))
            gradient = jax.grad(cost)(params, x[rows], y[rows])
            update, state = optimiser.update(gradient, state)
            return (optax.apply_updates(params, update), state), None

        keys = jax.random.split(key_batch, steps)
        (params, _), _ = jax.lax.scan(step, (params, optimiser.init(params)), keys)
        return (logits(params, x).argmax(axis=1) == y.argmax(axis=1)).mean()

    # Inside optax, Adam multiplies a float by an int32 count.
    with jax.numpy_dtype_promotion("standard"):
        return float(train(params, x, y))


def test_a_linear_classifier_tops_out_where_the_original_does(letters):
    # The hint about the original is 93 %. This run gives 93.9 %; scikit-learn's
    # unregularised logistic regression is at 94.5 % after 2000 iterations.
    assert 0.925 < accuracy(letters, (49, 4), 0.1, 2000, seed=0) < 0.945


def test_the_papers_network_passes_99_percent(letters):
    # One of three starts must: measured, one in twelve stays at 98 to 99 %.
    runs = (accuracy(letters, (49, 4, 4), 0.05, 4000, seed) for seed in range(3))
    assert any(run > 0.99 for run in runs)
