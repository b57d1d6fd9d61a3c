"""Which samples are shown when."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.training.order import Order

KEY = jax.random.key(4)


def numbers(start, count):
    return jnp.asarray(np.arange(start, start + count), jnp.uint32)


@pytest.mark.parametrize(
    ("size", "batch"), [(1, 1), (4, 1), (7, 1), (60, 6), (64, 64), (1437, 1)]
)
def test_an_epoch_shows_every_sample_once(size, batch):
    order, per_epoch = Order(size, batch), size // batch
    for epoch in (0, 1, 2, 2**31 // per_epoch):
        shown = order.indices(KEY, numbers(epoch * per_epoch, per_epoch))
        assert sorted(np.asarray(shown).ravel()) == list(range(size))


def test_epochs_keys_and_positions_are_shuffled():
    order = Order(50, 1)
    epochs = np.asarray(order.indices(KEY, numbers(0, 200))).reshape(4, 50)
    other = np.asarray(order.indices(jax.random.key(5), numbers(0, 50))).ravel()
    for row in (*epochs[1:], other, np.arange(50)):
        assert (row == epochs[0]).mean() < 0.2


def test_what_is_left_over_differs_from_epoch_to_epoch():
    order = Order(7, 2)
    epochs = np.asarray(order.indices(KEY, numbers(0, 3 * 40))).reshape(40, 6)
    left = [set(range(7)) - set(row) for row in epochs.tolist()]
    assert all(len(each) == 1 for each in left)
    assert len({tuple(each) for each in left}) > 3


@pytest.mark.parametrize("sampling", ["epoch", "replacement"])
def test_the_order_goes_on_from_any_batch(sampling):
    order = Order(30, 4, sampling)
    indices = jax.jit(lambda numbers: order.indices(KEY, numbers))
    whole = np.concatenate([indices(numbers(n, 10)) for n in range(0, 50, 10)])
    for start in (1, 6, 7, 33, 40):
        part = indices(numbers(start, 10))
        np.testing.assert_array_equal(part, whole[start : start + 10])
        again = indices(numbers(start, 10)[::-1])
        np.testing.assert_array_equal(again, part[::-1])


def test_replacement_draws_every_sample_equally_often_and_repeats():
    order = Order(10, 5, "replacement")
    shown = np.asarray(order.indices(KEY, numbers(0, 4000)))
    share = np.bincount(shown.ravel(), minlength=10) / shown.size
    np.testing.assert_allclose(share, 0.1, atol=5 * (0.09 / shown.size) ** 0.5)
    distinct = np.array([len(set(row)) for row in shown.tolist()])
    assert distinct.min() < 5 < 4000 - np.sum(distinct == 5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": 0, "batch": 1}, "size must be .* got 0"),
        ({"size": 5, "batch": 0}, "batch must be .* got 0"),
        ({"size": 5, "batch": 6}, "batch must be .* at most 5, got 6"),
    ],
)
def test_wrong_sizes_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Order(**fields)


@pytest.mark.usefixtures("own_complaints")
def test_an_unknown_sampling_is_refused():
    with pytest.raises(ValueError, match="sampling must be one of 'epoch', .*'weekly'"):
        Order(5, 1, "weekly")
