"""Codes of a shift register: maximal, the same by every way, and nearly orthogonal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexgrad.lab import messages, shifts
from plexgrad.lab.perturbations import REFERENCES, Codes

registers = st.integers(1, shifts.MASK)


def test_the_register_comes_back_after_all_its_states_and_not_before():
    assert shifts.shifted_by(1, 0) == 1
    factors = (3, 5, 17, 257, 65537)
    assert int(np.prod(factors, dtype=object)) == shifts.PERIOD
    for prime in factors:
        assert shifts._applied(power(shifts.PERIOD // prime), 1) != 1
    assert shifts._applied(power(shifts.PERIOD), 1) == 1


def power(count):
    """Where each bit alone is after so many shifts, without taking the remainder."""
    images = tuple(1 << bit for bit in range(shifts.BITS))
    for step in range(shifts.BITS):
        if count >> step & 1:
            doubled = shifts._doublings(step)
            images = tuple(shifts._applied(doubled, image) for image in images)
    return images


@given(registers, st.integers(0, 300))
def test_a_jump_is_as_many_single_shifts(register, count):
    walked = register
    for _ in range(count):
        walked = shifts.shifted(walked)
    assert shifts.shifted_by(register, count) == walked


@given(registers, st.integers(1, 500))
def test_outputs_are_the_bits_that_leave(register, count):
    told, bits = shifts.outputs(register, count), []
    for _ in range(count):
        bits.append(register >> 31)
        register = shifts.shifted(register)
    assert told.tolist() == bits


@pytest.mark.parametrize("kind", shifts.KINDS)
def test_patterns_do_not_depend_on_where_a_range_begins(kind):
    whole = Codes((0xBEEF1234, 0), 0, 90, 0.5, kind=kind).patterns(9)
    later = Codes((0xBEEF1234, 7), 50, 40, 0.5, kind=kind).patterns(9)
    np.testing.assert_array_equal(whole[50:], later)
    held = Codes((0xBEEF1234, 0), 50, 40, 0.5, hold=3, kind=kind).patterns(9)
    np.testing.assert_array_equal(held, whole[np.arange(50, 90) // 3])
    assert set(np.unique(whole)) == {-0.5, 0.5}


@pytest.mark.parametrize("kind", shifts.KINDS)
def test_codes_are_nearly_orthogonal(kind):
    slots = 2**14
    signs = Codes((0xBEEF1234, 0), 0, slots, 1, kind=kind).patterns(32)
    gram = signs.T @ signs / slots
    # Five standard deviations of independent signs.
    assert np.abs(gram - np.eye(32)).max() < 5 / slots**0.5
    assert np.abs(signs.mean(axis=0)).max() < 5 / slots**0.5


def test_a_key_of_zero_stands_for_one():
    zero = Codes((0, 5), 0, 8, 1, kind="lfsr").patterns(40)
    np.testing.assert_array_equal(
        zero, Codes((1, 5), 0, 8, 1, kind="lfsr").patterns(40)
    )


def test_taps_are_for_32_parameters_at_most():
    with pytest.raises(ValueError, match="32 at most for taps, got 33"):
        Codes((1, 2), 0, 8, 1, kind="taps").patterns(33)


@pytest.mark.parametrize("kind", ["rademacher", *shifts.KINDS])
@pytest.mark.parametrize("reference", REFERENCES)
def test_codes_survive_the_wire(kind, reference):
    codes = Codes((1, 2), 3, 4, 0.5, reference, 2, kind)
    assert messages.read_codes(messages.Reader(messages.codes(codes))) == codes
