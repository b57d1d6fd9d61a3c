"""Every slot is measured once, on its own sample, whatever the three time constants."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plexgrad.core.clock import MAX_SLOTS, Clock
from plexgrad.training.plan import Plan

tau = st.integers(1, 60)
clocks = st.builds(Clock, tau, tau, tau)


def chunks_of(plan, window):
    """Start, sample numbers and validity of every chunk of a window."""
    numbers = jnp.arange(plan.per_window, dtype=jnp.uint32)
    window = jnp.uint32(window)

    def chunk(number):
        start = plan.start(window, number)
        return start, plan.samples(start), plan.valid(number)

    return zip(*map(np.asarray, jax.vmap(chunk)(numbers)), strict=True)


def groups_of(plan, window):
    """The slots and the sample number of every group of every chunk."""
    each = plan.chunk // plan.groups
    for start, samples, valid in chunks_of(plan, window):
        slots = start + np.arange(plan.chunk)
        for number, sample in enumerate(samples):
            span = slice(number * each, (number + 1) * each)
            yield slots[span][valid[span]], sample


@given(clocks, st.integers(1, 80), st.booleans(), st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_a_window_is_measured_once_on_the_right_samples(clock, most, whole, window):
    plan = Plan.make(clock, most, whole)
    seen = []
    for slots, sample in groups_of(plan, window):
        assert (slots // clock.tau_x == sample).all()
        assert (slots // clock.tau_theta == window).all()
        seen.extend(slots.tolist())
    first = window * clock.tau_theta
    assert sorted(seen) == list(range(first, first + clock.tau_theta))


@given(clocks, st.integers(1, 80), st.booleans())
@settings(deadline=None, max_examples=40)
def test_chunks_are_small_enough_and_mask_no_more_than_their_end(clock, most, whole):
    plan = Plan.make(clock, most, whole)
    masks = [valid for _, _, valid in chunks_of(plan, 0)]
    assert (plan.groups if whole else plan.chunk) <= most
    assert plan.chunk == plan.groups * plan.hold or plan.groups == 1
    assert all(valid.any() for valid in masks)
    assert all((np.diff(valid.astype(int)) <= 0).all() for valid in masks)
    assert plan.ragged == any(not valid.all() for valid in masks)
    assert not (whole and plan.ragged)


def test_the_last_slots_of_the_longest_run_do_not_overflow():
    clock = Clock(tau_x=1000, tau_theta=1000)
    plan = Plan.make(clock, 300)
    window = MAX_SLOTS // 1000 - 1
    starts = [int(start) for start, _, _ in chunks_of(plan, window)]
    assert starts == [window * 1000 + n * 250 for n in range(4)]


@pytest.mark.parametrize(
    ("clock", "most", "chunk", "groups"),
    [
        (Clock(1, 1, 1), 100, 1, 1),
        (Clock(1, 1, 64), 100, 64, 64),
        (Clock(1, 64, 64), 100, 64, 1),
        (Clock(1, 1000, 1000), 300, 250, 1),
        (Clock(1, 4, 6), 100, 6, 3),
    ],
)
def test_small_windows_are_one_chunk_and_large_ones_even(clock, most, chunk, groups):
    plan = Plan.make(clock, most)
    assert (plan.chunk, plan.groups) == (chunk, groups)


def test_time_constants_beyond_31_bits_do_not_overflow():
    tau = 3_000_000_000
    plan = Plan.make(Clock(tau_x=tau, tau_theta=tau), 1000)
    last = jnp.uint32(plan.per_window - 1)
    start = int(plan.start(jnp.uint32(0), last))
    assert start + int(plan.valid(last).sum()) == tau
    assert int(plan.samples(jnp.uint32(start))[0]) == 0
