"""Complaints: each names the value, the rule and what was given."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plexgrad.core import validate

NOT_NUMBERS = [True, False, None, "1", "", [1], (), {}, 1j, np.zeros(2), object()]


@given(
    value=st.integers(), least=st.integers(-5, 5), room=st.none() | st.integers(0, 9)
)
def test_int_at_least_takes_exactly_the_range(value, least, room):
    most = None if room is None else least + room
    inside = value >= least and (most is None or value <= most)
    if inside:
        assert validate.int_at_least("n", value, least, most) == value
    else:
        with pytest.raises(ValueError, match=rf"^n must be .*, got {value}$"):
            validate.int_at_least("n", value, least, most)


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 1.0, 2.5, math.nan, Fraction(3)])
def test_only_integers_are_integers(value):
    with pytest.raises(ValueError, match="^n must be an integer of at least 1, got"):
        validate.positive_int("n", value)


@pytest.mark.parametrize("value", [np.int8(3), np.uint64(3), 3])
def test_every_kind_of_integer_becomes_an_int(value):
    made = validate.positive_int("n", value)
    assert made == 3
    assert type(made) is int


def test_the_rule_names_both_ends():
    with pytest.raises(ValueError, match="of at least 1 and at most 10, got 11"):
        validate.positive_int("n", 11, 10)
    assert validate.positive_int("n", 10, 10) == 10


@given(st.floats() | st.integers())
def test_finite_takes_finite_numbers_only(value):
    if math.isfinite(value):
        assert validate.finite("x", value) == float(value)
    else:
        with pytest.raises(ValueError, match="^x must be a finite number, got"):
            validate.finite("x", value)


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 10**400, np.float32("inf")])
@pytest.mark.parametrize("check", [validate.finite, validate.positive])
def test_what_is_no_finite_number_is_refused(check, value):
    with pytest.raises(ValueError, match="^x must be a finite number, got") as caught:
        check("x", value)
    assert str(caught.value).endswith(repr(value))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_positive_means_above_0(value):
    if value > 0:
        assert validate.positive("x", value) == value
    else:
        with pytest.raises(ValueError, match="^x must be above 0, got"):
            validate.positive("x", value)


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), Fraction(1, 2)])
def test_every_kind_of_number_becomes_a_float(value):
    made = validate.positive("x", value)
    assert made == 0.5
    assert type(made) is float


@given(st.floats(-2, 3))
@example(0.0)
@example(1.0)
def test_in_range_is_open_above(value):
    if 0 <= value < 1:
        assert validate.in_range("x", value, 0.0, 1.0) == value
    else:
        with pytest.raises(ValueError, match=r"^x must be in \[0.0, 1.0\), got"):
            validate.in_range("x", value, 0.0, 1.0)


@pytest.mark.parametrize("allowed", [("one", "two"), {"one": 1, "two": 2}])
def test_one_of_takes_the_words_and_names_them(allowed):
    assert validate.one_of("word", "two", allowed) == "two"
    for value in ("three", "", None, 1, ["one"], {"one": 1}):
        with pytest.raises(ValueError, match="^word must be one of") as caught:
            validate.one_of("word", value, allowed)
        assert str(caught.value).endswith(f"'one', 'two', got {value!r}")
