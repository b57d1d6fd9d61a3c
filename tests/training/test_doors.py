"""Numbers that mean nothing are refused by name, whatever is called from Python."""

import inspect
import typing

import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.training.tune import tune
from tests.training.helpers import CHIP, DITHER, SGD, XOR, xor

GIVEN = {
    pg.train: xor(),
    tune: {"chip": CHIP, "data": XOR, "estimator": DITHER},
    lab.train: {"data": XOR, "estimator": DITHER, "rule": SGD, "slots": 40, "key": 0},
}
BAD = (-1, -1.5, float("nan"), float("inf"))


def numbers():
    """Every argument of these functions that takes a number, with bad ones."""
    for function in GIVEN:
        for name, hint in typing.get_type_hints(function).items():
            if {int, float} & {hint, *typing.get_args(hint)}:
                for number in BAD:
                    yield pytest.param(
                        function, name, number, id=f"{function.__module__}-{name}"
                    )


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(("function", "name", "number"), list(numbers()))
def test_a_number_that_means_nothing_is_refused_by_name(function, name, number):
    given = {**GIVEN[function], name: number}
    first = next(iter(inspect.signature(function).parameters))
    if first == "device":
        given["device"] = lab.EmulatedMLP([2, 2, 1])
    with pytest.raises((ValueError, TypeError), match=f"{name} .*got {number!r}"):
        function(**given)
