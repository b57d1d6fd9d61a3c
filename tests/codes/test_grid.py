"""Grid codes: crosstalk as the equation says, and a fast product that is exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.codes import Grid, RankOne
from plexgrad.core import bits
from plexgrad.core.layout import Layout

LIKE = {
    "a": (jax.ShapeDtypeStruct((6, 4), jnp.float32), jax.ShapeDtypeStruct((4,), "f4")),
    "b": jax.ShapeDtypeStruct((4, 3), jnp.float32),
    "tall": jax.ShapeDtypeStruct((5, 1), jnp.float32),
}
LAYOUT = Layout.of(LIKE)
KEY = jax.random.key(3)


def slots_of(start, count):
    return start + jnp.arange(count, dtype=jnp.uint32)


def signs(code, slots, key=KEY):
    """Signs of all parameters, in flat order, in every slot."""
    return LAYOUT.flatten(code.block(key, slots, LAYOUT)) / code.amplitude


def kinds_of_pairs():
    """Which pairs of different parameters share a row, a column, or neither."""
    leaf, row, column = [], [], []
    for number, (rows, columns) in enumerate(LAYOUT.matrices):
        place = np.indices((rows, columns)).reshape(2, -1)
        grid = min(rows, columns) > 1
        leaf += [number if grid else -1] * rows * columns
        row += list(place[0])
        column += list(place[1])
    leaf, row, column = (np.asarray(x) for x in (leaf, row, column))
    same = (leaf[:, None] == leaf) & (leaf >= 0) & ~np.eye(len(leaf), dtype=bool)
    same_row = same & (row[:, None] == row)
    same_column = same & (column[:, None] == column)
    neither = ~same_row & ~same_column & ~np.eye(len(leaf), dtype=bool)
    return {"row": same_row, "column": same_column, "neither": neither}


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize(("rows", "columns"), [(4, 8), (5, 3), (1, 6), (6, 1)])
def test_correlations_have_the_variance_of_the_equation(rows, columns, blocks):
    code, count = Grid(0.5, rows, columns), rows * columns * blocks
    keys = jax.random.split(jax.random.key(rows), 4000)

    @jax.jit
    @jax.vmap
    def gram(key):
        found = signs(code, slots_of(2 * count, count), key)
        return found.T @ found / jnp.float32(count)

    found = np.asarray(gram(keys))
    expected = {"row": 1 / columns, "column": 1 / rows, "neither": 1 / (rows * columns)}
    for kind, pairs in kinds_of_pairs().items():
        assert np.abs(found.mean(0)[pairs]).max() < 0.1
        measured = np.mean(found[:, pairs] ** 2)
        assert measured == pytest.approx(expected[kind] / blocks, rel=0.03), kind


@pytest.mark.parametrize(
    ("rows", "columns", "count"), [(4, 8, 32), (4, 8, 96), (8, 4, 16), (4, 6, 20)]
)
def test_the_excess_is_measured_on_a_linear_cost(rows, columns, count):
    code = Grid(1e-2, rows, columns)
    keys = jax.random.split(jax.random.key(count), 6000)
    windows = jnp.arange(len(keys), dtype=jnp.uint32)

    @jax.jit
    @jax.vmap
    def power(key, window):
        # The gradient is drawn too: the excess is that of the average one.
        gradient = jax.random.normal(jax.random.fold_in(key, 1), (LAYOUT.size,))
        slots = slots_of(window * jnp.uint32(count), count)
        signal = signs(code, slots, key) @ gradient * jnp.float32(code.amplitude)
        found = LAYOUT.flatten(code.demodulate(key, slots, signal, LAYOUT))
        return jnp.sum(found**2), jnp.sum(gradient**2)

    found, true = np.asarray(power(keys, windows))
    expected = 1 + code.excess(count, LAYOUT)
    assert found.mean() / true.mean() == pytest.approx(expected, rel=0.02)


def test_the_excess_of_whole_blocks_is_the_formula():
    code, size = Grid(1e-2, 32, 16), LAYOUT.size
    for blocks in (1, 4):
        expected = 0.0
        for n, m in LAYOUT.matrices:
            own = (1 + (n - 1) / 32) * (1 + (m - 1) / 16) - 1 + (size - n * m) / 512
            if min(n, m) == 1:
                own = (size - 1) / 512
            expected += n * m * own / blocks / size
        assert code.excess(512 * blocks, LAYOUT) == pytest.approx(expected)
    assert code.excess(1, LAYOUT) == pytest.approx(size - 1)
    # A block of one is a code drawn anew in each slot.
    one, random = Grid(1e-2, 1, 1), RankOne(1e-2)
    assert one.excess(77, LAYOUT) == pytest.approx(random.excess(77, LAYOUT))


def test_a_block_is_every_row_code_with_every_column_code():
    code = Grid(1.0, 4, 8)
    rows, columns = code.factors(KEY, slots_of(64, 32), LAYOUT)[0]
    rows = np.asarray(rows).reshape(4, 8, -1)
    columns = np.asarray(columns).reshape(4, 8, -1)
    assert (rows == rows[:, :1]).all()
    assert (columns == columns[:1]).all()
    assert len(np.unique(rows[:, 0], axis=0)) > 1
    other = code.factors(KEY, slots_of(96, 32), LAYOUT)[0]
    assert (np.asarray(other[0]).reshape(4, 8, -1) != rows).any()
    assert (np.asarray(other[1]).reshape(4, 8, -1) != columns).any()


def test_signs_of_different_kinds_come_from_different_words():
    one, vector = Grid(1.0, 1, 1), LAYOUT.matrices.index((1, 4))
    rows, columns = one.factors(KEY, slots_of(0, 40), LAYOUT)[0]
    # With blocks of one slot all three numbers are the slot: only the words differ.
    np.testing.assert_array_equal(rows, bits.signs(KEY, slots_of(0, 40), 6, 64))
    np.testing.assert_array_equal(columns, bits.signs(KEY, slots_of(0, 40), 4, 128))
    bias = one.factors(KEY, slots_of(0, 40), LAYOUT)[vector][1]
    np.testing.assert_array_equal(bias, bits.signs(KEY, slots_of(0, 40), 4))


@pytest.mark.parametrize("start", [0, 3, 32, 2**32 - 70])
@pytest.mark.parametrize("count", [15, 16, 17, 32, 64, 69])
def test_both_products_agree_wherever_a_window_begins(start, count):
    code = Grid(1e-2, 4, 8)
    signal = jax.random.normal(jax.random.key(1), (count,))
    random = np.random.default_rng(count)

    @jax.jit
    def demodulated(slots, signal):
        return LAYOUT.flatten(code.demodulate(KEY, slots, signal, LAYOUT))

    slots = slots_of(jnp.uint32(start), count)
    slow = signs(code, slots).T @ signal / jnp.float32(count * code.amplitude)
    np.testing.assert_allclose(demodulated(slots, signal), slow, rtol=1e-4, atol=1e-3)
    order = random.permutation(count)
    shuffled = demodulated(slots[order], signal[order])
    np.testing.assert_allclose(shuffled, slow, rtol=1e-4, atol=1e-3)
    held = demodulated(slots // jnp.uint32(3), signal)
    again = signs(code, slots // jnp.uint32(3)).T @ signal
    expected = again / jnp.float32(count * code.amplitude)
    np.testing.assert_allclose(held, expected, rtol=1e-4, atol=1e-3)


def test_slots_that_wrap_around_are_read_right():
    code, slots = Grid(1e-2, 4, 8), slots_of(jnp.uint32(2**32 - 21), 40)
    signal = jax.random.normal(jax.random.key(1), (40,))
    found = LAYOUT.flatten(code.demodulate(KEY, slots, signal, LAYOUT))
    slow = signs(code, slots).T @ signal / jnp.float32(40 * code.amplitude)
    np.testing.assert_allclose(found, slow, rtol=1e-4, atol=1e-3)


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize("name", ["rows", "columns"])
@pytest.mark.parametrize("bad", [0, -1, 2.5, 2**15 + 1, True])
def test_a_bad_size_is_refused_by_name(name, bad):
    with pytest.raises(ValueError, match=f"{name} must be an integer.*{bad}"):
        Grid(1e-2, **{name: bad})
