"""The clock beside brute force counting."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plexgrad.core.clock import MAX_SLOTS, Clock

tau = st.integers(1, 40)


@given(tau_x=tau, tau_theta=tau, slots=st.integers(0, 500))
@settings(deadline=None)
def test_counts_equal_those_of_a_loop(tau_x, tau_theta, slots):
    clock = Clock(tau_x=tau_x, tau_theta=tau_theta)
    samples = updates = baselines = 0
    for slot in range(slots):
        samples += slot % tau_x == 0
        updates += slot % tau_theta == tau_theta - 1
        baselines += slot % tau_x == 0 or slot % tau_theta == 0
    assert clock.samples(slots) == samples
    assert clock.updates(slots) == updates
    assert clock.baselines(slots) == baselines


@given(tau_x=tau, tau_theta=tau, slots=st.integers(1, 500))
@settings(deadline=None)
def test_tau_p_leaves_the_counts_alone(tau_x, tau_theta, slots):
    clocks = [Clock(tau_p, tau_x, tau_theta) for tau_p in (1, 7)]
    assert clocks[0].baselines(slots) == clocks[1].baselines(slots)
    assert clocks[0].samples(slots) == clocks[1].samples(slots)
    assert clocks[0].updates(slots) == clocks[1].updates(slots)


def test_counts_do_not_overflow_at_the_longest_run():
    clock = Clock(tau_x=MAX_SLOTS, tau_theta=MAX_SLOTS - 1)
    assert clock.baselines(MAX_SLOTS) == 2
    assert Clock().baselines(MAX_SLOTS) == MAX_SLOTS == 2**32 - 2


def test_a_clock_is_a_static_argument():
    assert hash(Clock(1, 2, 3)) == hash(Clock(tau_theta=3, tau_x=2))
    assert Clock(1, 2, 3) == Clock(tau_theta=3, tau_x=2)
    assert Clock() == Clock(tau_p=1, tau_x=1, tau_theta=1)


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize("name", ["tau_p", "tau_x", "tau_theta"])
@pytest.mark.parametrize(
    "value",
    [0, -1, 1.0, 2.5, float("nan"), True, None, "3", MAX_SLOTS + 1, np.float32(3)],
    ids=repr,
)
def test_bad_time_constants_are_refused_by_name_and_value(name, value):
    rule = re.escape(f"{name} must be an integer of at least 1 and at most {MAX_SLOTS}")
    with pytest.raises(ValueError, match=f"{rule}, got {re.escape(repr(value))}$"):
        Clock(**{name: value})


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize("slots", [-1, 1.5, None])
def test_bad_slots_are_refused_by_name_and_value(slots):
    with pytest.raises(ValueError, match=f"slots must be .* 0, got {slots}"):
        Clock().baselines(slots)


@pytest.mark.usefixtures("own_complaints")
def test_whole_numbers_of_numpy_are_taken():
    clock = Clock(tau_theta=np.int64(10))
    assert clock == Clock(tau_theta=10)
    assert clock.updates(100) == 10
