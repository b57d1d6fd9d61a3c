"""The bits of the core beside a second, independent implementation in NumPy."""

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plexgrad.core import bits
from plexgrad.core.clock import MAX_SLOTS

WORD = 0xFFFF_FFFF
any_word = st.integers(0, WORD)
signs = jax.jit(bits.signs, static_argnums=2)
shuffle = jax.jit(bits.shuffle, static_argnums=1)


def threefry_twin(key, counter):
    """Threefry-2x32-20 as Random123 defines it, in 64-bit lanes wrapped to 32 bits."""
    key = [np.uint64(word) for word in key]
    schedule = [key[0], key[1], np.uint64(0x1BD1_1BDA) ^ key[0] ^ key[1]]
    rotations = (13, 15, 26, 6, 17, 29, 16, 24)
    left, right = (np.asarray(word, np.uint64) for word in counter)
    left, right = (left + schedule[0]) & WORD, (right + schedule[1]) & WORD
    for number in range(20):
        left = (left + right) & WORD
        turn = np.uint64(rotations[number % 8])
        right = ((right << turn) & WORD) | (right >> (np.uint64(32) - turn))
        right = right ^ left
        if number % 4 == 3:
            injection = number // 4 + 1
            left = (left + schedule[injection % 3]) & WORD
            right = right + schedule[(injection + 1) % 3] + np.uint64(injection)
            right = right & WORD
    return left.astype(np.uint32), right.astype(np.uint32)


def signs_twin(key, slots, count):
    """Sign p of a slot: bit p % 32 of word p // 32; pair w // 2 makes word w."""
    item = np.arange(count)
    slot = np.asarray(slots, np.uint64)[:, None]
    even, odd = threefry_twin(key, (slot, item // 64))
    word = np.where(item // 32 % 2, odd, even)
    return np.where((word >> (item % 32).astype(np.uint32)) & 1, -1.0, 1.0)


def key_of(high, low):
    return jax.random.wrap_key_data(jnp.array([high, low], jnp.uint32))


def chi_square(counts):
    expected = counts.sum() / counts.size
    return float(((counts - expected) ** 2).sum() / expected)


KNOWN_ANSWERS = [
    ((0, 0), (0, 0), (0x6B20_0159, 0x99BA_4EFE)),
    ((WORD, WORD), (WORD, WORD), (0x1CB9_96FC, 0xBB00_2BE7)),
    (
        (0x1319_8A2E, 0x0370_7344),
        (0x243F_6A88, 0x85A3_08D3),
        (0xC492_3A9C, 0x483D_F7A0),
    ),
]


@pytest.mark.parametrize(("key", "counter", "answer"), KNOWN_ANSWERS)
def test_both_implementations_give_the_published_answers(key, counter, answer):
    high, low = (jnp.uint32(word) for word in counter)
    made = bits.threefry2x32(jnp.array(key, jnp.uint32), high, low)
    assert tuple(int(word) for word in made) == answer
    assert tuple(int(word) for word in threefry_twin(key, counter)) == answer


@given(key=st.tuples(any_word, any_word), counter=st.tuples(any_word, any_word))
@settings(deadline=None)
def test_words_equal_the_twins_everywhere(key, counter):
    high, low = (jnp.uint32(word) for word in counter)
    made = bits.threefry2x32(jnp.array(key, jnp.uint32), high, low)
    twin = threefry_twin(key, counter)
    assert [int(word) for word in made] == [int(word) for word in twin]


def test_words_equal_those_of_jax():
    key = jnp.array([7, 0xDEAD_BEEF], jnp.uint32)
    counters = jnp.arange(200, dtype=jnp.uint32) * jnp.uint32(0x9E37_79B9)
    made = jnp.concatenate(bits.threefry2x32(key, counters[:100], counters[100:]))
    assert (made == jax.extend.random.threefry_2x32(key, counters)).all()


@given(
    key=st.tuples(any_word, any_word),
    slots=st.tuples(any_word) | st.tuples(any_word, any_word, any_word),
    count=st.sampled_from([1, 32, 33, 200]),
)
@settings(deadline=None, max_examples=60)
def test_signs_equal_the_twins_at_any_slots_in_any_order(key, slots, count):
    made = signs(key_of(*key), jnp.array(slots, jnp.uint32), count)
    assert made.dtype == jnp.float32
    np.testing.assert_array_equal(made, signs_twin(key, slots, count))


@given(order=st.permutations(range(12)), width=st.sampled_from([1, 4, 12]))
@settings(deadline=None, max_examples=30)
def test_signs_do_not_depend_on_how_slots_are_blocked(order, width):
    key = jax.random.key(5)
    first = 2**31 - 6
    whole = np.asarray(signs(key, jnp.arange(12, dtype=jnp.uint32) + first, 70))
    slots = jnp.array(order, jnp.uint32) + jnp.uint32(first)
    blocks = [signs(key, part, 70) for part in slots.reshape(-1, width)]
    np.testing.assert_array_equal(np.concatenate(blocks), whole[list(order)])


def test_fewer_signs_are_the_beginning_of_more():
    slots = jnp.arange(5, dtype=jnp.uint32)
    few, many = (signs(jax.random.key(1), slots, count) for count in (37, 300))
    np.testing.assert_array_equal(few, many[:, :37])


def test_signs_are_the_same_under_jit_and_vmap():
    slots = jnp.arange(6, dtype=jnp.uint32)
    keys = jax.random.split(jax.random.key(2), 3)
    eager = jnp.stack([bits.signs(key, slots, 40) for key in keys])
    mapped = jax.jit(jax.vmap(lambda key: bits.signs(key, slots, 40)))(keys)
    np.testing.assert_array_equal(eager, mapped)


def test_signs_are_balanced_and_pairwise_uncorrelated():
    slots, count = 2**12, 96
    made = np.asarray(
        signs(jax.random.key(3), jnp.arange(slots, dtype=jnp.uint32), count)
    )
    assert set(np.unique(made)) == {-1.0, 1.0}
    spread = slots**-0.5
    assert abs(made.mean(axis=0)).max() < 5 * spread
    between_items = made.T @ made / slots - np.eye(count)
    assert abs(between_items).max() < 6 * spread
    for lag in (1, 2, 32, 1024):
        between_slots = made[lag:].T @ made[:-lag] / (slots - lag)
        assert abs(between_slots).max() < 6 * spread


def test_signs_of_different_keys_are_uncorrelated():
    slots = jnp.arange(4096, dtype=jnp.uint32)
    one, two = (np.asarray(signs(jax.random.key(s), slots, 64)) for s in (0, 1))
    assert abs(one.T @ two / 4096).max() < 6 / 4096**0.5


def test_static_signs_lie_in_a_slot_that_no_clock_reaches():
    key = jax.random.key(4)
    made = bits.static_signs(key, 77)
    twin = signs_twin(np.asarray(jax.random.key_data(key)), [WORD], 77)[0]
    np.testing.assert_array_equal(made, twin)
    assert bits.STATIC_SLOT > MAX_SLOTS


def test_uniform_lies_strictly_between_0_and_1():
    ends = bits.uniform(jnp.array([0, WORD], jnp.uint32))
    assert ends.dtype == jnp.float32
    assert 0.0 < float(ends[0]) < 1e-6
    assert 1.0 - 1e-6 < float(ends[1]) < 1.0


def test_uniform_is_uniform():
    words = bits.words(jax.random.key(6), jnp.arange(2**12, dtype=jnp.uint32), 16)
    drawn = np.asarray(bits.uniform(words)).ravel()
    counts, _ = np.histogram(drawn, bins=64, range=(0, 1))
    assert counts.sum() == drawn.size
    assert chi_square(counts) < 63 + 6 * (2 * 63) ** 0.5


@given(word=any_word)
@settings(deadline=None)
def test_mix_can_be_undone_so_it_is_a_bijection(word):
    mixed = int(bits.mix(jnp.uint32(word)))
    back = mixed ^ (mixed >> 16)
    back = back * pow(0x846C_A68B, -1, 2**32) & WORD
    back = back ^ (back >> 15) ^ (back >> 30)
    back = back * pow(0x7FEB_352D, -1, 2**32) & WORD
    assert back ^ (back >> 16) == word


def test_mix_has_no_collisions_on_a_sample():
    words = np.arange(2**18, dtype=np.uint32) * np.uint32(16_385)
    mixed = np.asarray(bits.mix(jnp.asarray(words)))
    assert len(np.unique(words)) == len(np.unique(mixed)) == 2**18


def seed(number):
    first, second = bits.key_words(jax.random.key(number))
    return bits.mix(first), bits.mix(second)


def test_shuffle_is_a_permutation_for_every_small_size():
    index = jnp.arange(200, dtype=jnp.uint32)
    for size in range(1, 201):
        sent = np.asarray(bits.shuffle(index % jnp.uint32(size), size, seed(size)))
        assert sorted(sent[:size]) == list(range(size)), size


@pytest.mark.parametrize("size", [1_000, 4_096, 65_537, 250_000])
def test_shuffle_is_a_permutation_for_large_sizes(size):
    sent = np.asarray(shuffle(jnp.arange(size, dtype=jnp.uint32), size, seed(1)))
    np.testing.assert_array_equal(np.sort(sent), np.arange(size))
    # A random permutation leaves index and image uncorrelated.
    assert abs(np.corrcoef(np.arange(size), sent)[0, 1]) < 5 * size**-0.5


@pytest.mark.parametrize("size", [2**31 + 11, 2**32 - 1])
def test_shuffle_stays_in_range_beyond_31_bits(size):
    near_both_ends = np.r_[0:1000, size - 1000 : size].astype(np.uint32)
    sent = np.asarray(shuffle(jnp.asarray(near_both_ends), size, seed(2)))
    assert sent.max() < size
    assert len(np.unique(sent)) == 2000


def test_shuffle_works_item_by_item():
    whole = shuffle(jnp.arange(50, dtype=jnp.uint32), 50, seed(3))
    alone = shuffle(jnp.uint32(17), 50, seed(3))
    assert int(alone) == int(whole[17])


def test_shuffles_of_different_keys_differ():
    index = jnp.arange(30, dtype=jnp.uint32)
    orders = {tuple(shuffle(index, 30, seed(s)).tolist()) for s in range(30)}
    assert len(orders) == 30


@pytest.mark.parametrize("size", [4, 10])
def test_shuffle_sends_every_index_everywhere_equally_often(size):
    keys = 20_000
    drawn = bits.words(jax.random.key(8), jnp.arange(keys, dtype=jnp.uint32), 2)
    index = jnp.arange(size, dtype=jnp.uint32)
    many = jax.vmap(lambda pair: shuffle(index, size, (pair[0], pair[1])))
    sent = np.asarray(many(drawn))
    counts = np.stack([(sent == place).sum(axis=0) for place in range(size)])
    freedom = (size - 1) ** 2
    assert chi_square(counts) < freedom + 6 * (2 * freedom) ** 0.5


def test_keys_that_are_not_threefry_are_refused():
    slots = jnp.arange(2, dtype=jnp.uint32)
    with pytest.raises(ValueError, match=r"key must be a threefry2x32 key.*got.*rbg"):
        bits.signs(jax.random.key(0, impl="rbg"), slots, 3)


def test_factors_are_the_signs_of_whole_words():
    key, slots = jax.random.key(5), jnp.array([3, 2**32 - 1, 7], jnp.uint32)
    counts = [(40, 33), (0, 5), (64, 1)]
    found = bits.sign_factors(key, slots, counts)
    row = 1.0 - 2.0 * np.unpackbits(
        np.asarray(bits.words(key, slots, 8)).view(np.uint8), axis=1, bitorder="little"
    )
    at = 0
    for pieces, lengths in zip(found, counts, strict=True):
        for piece, length in zip(pieces, lengths, strict=True):
            np.testing.assert_array_equal(piece, row[:, at : at + length])
            at += -(-length // 32) * 32
