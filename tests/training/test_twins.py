"""The kernel's own functions: the bits of `core.bits`, and polynomials to rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.core import bits
from plexgrad.training.order import Order

numba = pytest.importorskip("numba")

from plexgrad.training import twins  # noqa: E402
from plexgrad.training.vectors import load, load_words, splat, store  # noqa: E402


@numba.njit
def mapped(function, x, out):
    for n in range(0, x.size, 16):
        store(out.ctypes.data + 4 * n, function(load(x.ctypes.data + 4 * n)))


@numba.njit
def drawn(key, slot, out):
    for pair in range(out.size // 32):
        high, low = splat(slot), splat(pair)
        one, two = twins.threefry(splat(key[0]), splat(key[1]), high, low)
        store(out.ctypes.data + 128 * pair, one)
        store(out.ctypes.data + 128 * pair + 64, two)


@numba.njit
def shuffled(key, epoch, size, table, index, out):
    low, high = splat(key[0]), splat(key[1])
    one, two = twins.shuffle_seed(low, high, splat(epoch))
    rounds = table.size // 32
    twins.prepare_shuffle(one, two, splat(size), rounds, table.ctypes.data)
    for n in range(0, index.size, 16):
        place = load_words(index.ctypes.data + 4 * n)
        chosen = twins.shuffle(place, splat(size), rounds, table.ctypes.data)
        store(out.ctypes.data + 4 * n, chosen)


def test_threefry_makes_the_words_of_core_bits():
    for seed, slot in ((0, 0), (1, 77), (2**32 - 1, 0xFFFFFFFE)):
        key = jax.random.key(seed)
        out = np.zeros(32 * 9, np.uint32)
        drawn(np.array(bits.key_words(key)), slot, out)
        wanted = bits.words(key, jnp.array([slot], jnp.uint32), 18)[0]
        np.testing.assert_array_equal(out.reshape(-1, 16)[:, 5], wanted)


@pytest.mark.parametrize("size", [1, 2, 19, 2**16, 60_000])
def test_the_shuffle_is_that_of_the_order(size):
    key, batch = jax.random.key(9), min(size, 320)
    numbers = jnp.array([3 * (size // batch)], jnp.uint32)
    wanted = Order(size, batch).indices(key, numbers)[0]
    table = np.zeros(32 * bits.rounds(size), np.uint32)
    index, out = np.arange(320, dtype=np.uint32), np.zeros(320, np.uint32)
    shuffled(np.array(bits.key_words(key)), 3, size, table, index, out)
    np.testing.assert_array_equal(out[:batch], wanted)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("exp", -86, 88.7), ("sigmoid", -60, 60), ("tanh", -12, 12), ("log", 1e-6, 1e6)],
)
def test_polynomials_are_good_to_rounding(name, low, high):
    x = np.linspace(low, high, 2**16).astype(np.float32)
    if name == "log":
        x = np.concatenate([x[x > 2], np.geomspace(1.01, 9, 4096)]).astype(np.float32)
        x = x[: x.size // 16 * 16]
    exact = {"sigmoid": lambda x: 1 / (1 + np.exp(-x))}.get(name, getattr(np, name, 0))
    out, wanted = np.zeros_like(x), exact(x.astype(float))
    mapped(getattr(twins, name), x, out)
    np.testing.assert_allclose(out, wanted, rtol=2e-7, atol=1e-37)


def test_polynomials_keep_what_is_not_a_number():
    odd = np.repeat(np.float32([np.nan, np.inf, -np.inf, 0.0]), 4)
    for name, wanted in (("sigmoid", [1, 0, 0.5]), ("tanh", [1, -1, 0])):
        out = np.zeros_like(odd)
        mapped(getattr(twins, name), odd, out)
        assert np.isnan(out[:4]).all()
        np.testing.assert_allclose(out[4::4], wanted, atol=1e-37)
