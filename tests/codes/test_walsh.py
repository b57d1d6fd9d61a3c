"""Walsh codes: the allocation that the fast engines rely on, and the transform."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard

from plexgrad.codes import Walsh
from plexgrad.codes.walsh import allocate, fwht
from plexgrad.core.layout import Layout

SHAPES = st.lists(
    st.lists(st.integers(1, 12), min_size=1, max_size=3).map(tuple),
    min_size=1,
    max_size=5,
)


def layout_of(shapes):
    return Layout.of([jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes])


def indices(layout):
    """The Walsh index of every parameter, in flat order."""
    plan, found = allocate(layout), []
    for (rows, columns), base, rows_low in zip(
        layout.matrices, plan.base, plan.rows_low, strict=True
    ):
        low = base + np.arange(rows if rows_low else columns)
        high = np.arange(columns if rows_low else rows) << plan.low_bits
        grid = low[:, None] ^ high[None, :]
        found.append((grid if rows_low else grid.T).ravel())
    return np.concatenate(found)


@given(SHAPES)
def test_indices_are_distinct_non_zero_and_below_the_period(shapes):
    layout = layout_of(shapes)
    found = indices(layout)
    assert len(np.unique(found)) == layout.size
    assert found.min() > 0
    assert found.max() < allocate(layout).period


@settings(max_examples=25)  # each shape compiles
@given(SHAPES)
def test_the_bare_code_is_the_hadamard_row_of_its_index(shapes):
    layout = layout_of(shapes)
    code = Walsh(0.5, scramble=False)
    period = code.period(layout)
    slots = jnp.asarray([0, 1, period - 1, period, 3 * period + 5], jnp.uint32)
    block = code.block(jax.random.key(0), slots, layout)
    parity = [
        [(-1.0) ** (p & t).bit_count() for p in indices(layout).tolist()]
        for t in slots.tolist()
    ]
    np.testing.assert_array_equal(layout.flatten(block), 0.5 * np.asarray(parity))


@pytest.mark.parametrize(
    ("sizes", "period"),
    [
        ((784, 128, 10), 2**17),
        ((64, 32, 10), 2**12),
        ((49, 4, 4), 256),
        ((2, 2, 1), 16),
    ],
)
def test_periods_of_the_usual_networks(sizes, period):
    shapes = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        shapes += [(inputs, outputs), (outputs,)]
    assert Walsh().period(layout_of(shapes)) == period


def test_the_transform_is_the_hadamard_matrix():
    for bits in range(6):
        values = np.random.default_rng(bits).normal(size=2**bits).astype(np.float32)
        expected = hadamard(2**bits) @ values
        np.testing.assert_allclose(fwht(jnp.asarray(values)), expected, atol=1e-5)


def test_scrambling_keeps_slot_zero_from_aligning_all_codes():
    layout = layout_of([(64, 32)])
    slot = jnp.zeros(1, jnp.uint32)
    for scramble, aligned in ((False, True), (True, False)):
        code = Walsh(1.0, scramble=scramble)
        sign_sum = float(
            jnp.sum(layout.flatten(code.block(jax.random.key(3), slot, layout)))
        )
        assert (abs(sign_sum) == layout.size) == aligned
        assert abs(sign_sum) < 5 * math.sqrt(layout.size) or aligned
