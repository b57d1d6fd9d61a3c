"""One policy of readings: whatever a device answers is checked once, in the guard."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.bench import Bench
from plexgrad.lab.perturbations import Codes, Update
from plexgrad.lab.readings import AGAIN, Misread

XOR = pg.data.load("xor")
SHOWN = lab.Shown(XOR.x_train[None], XOR.y_train[None])
CODES = Codes((1, 2), 0, 3, 0.05, "antithetic")
ROWS = 6


class Liar:
    """A chip whose answers are made by `lie` for so many turns."""

    def __init__(self, lie, turns):
        self.chip = lab.EmulatedMLP([2, 2, 1])
        self.lie, self.turns, self.asked = lie, turns, 0

    def __getattr__(self, name):
        return getattr(self.chip, name)

    def measure(self, *what):
        return self._told(self.chip.measure(*what))

    def step(self, update, *what):
        self.chip.update(update)
        return self.measure(*what)

    def read_parameters(self):
        return self.chip.read_parameters()

    def _told(self, found):
        self.asked += 1
        return self.lie(found) if self.asked <= self.turns else found


def costs(make):
    """A lie about the costs."""

    def lie(found):
        with np.errstate(all="ignore"):
            return replace(found, cost=make(found.cost))

    return lie


def one(value):
    """A lie about the third cost."""
    return costs(lambda cost: np.where(np.arange(len(cost)) == 2, value, cost))


def other(**fields):
    """A lie about what comes with the costs."""
    return lambda found: replace(found, **fields)


MALFORMED = {
    "nothing": lambda found: None,
    "a plain array": lambda found: found.cost,
    "an object of another kind": lambda found: SimpleNamespace(costs=found.cost),
    "no costs": costs(lambda cost: None),
    "one cost less": costs(lambda cost: cost[:-1]),
    "one cost more": costs(lambda cost: np.append(cost, 0)),
    "one number": costs(lambda cost: cost[0]),
    "a column": costs(lambda cost: cost[:, None]),
    "no rows": costs(lambda cost: cost[:0]),
    "words": costs(lambda cost: np.array(["0.5"] * len(cost))),
    "bytes": costs(lambda cost: cost.tobytes()),
    "complex numbers": costs(lambda cost: cost + 0j),
    "objects": costs(lambda cost: cost.astype(object)),
    "truths": costs(lambda cost: cost > 0),
    "dates": costs(lambda cost: cost.astype("m8[s]")),
    "rows of different lengths": costs(lambda cost: [[1.0], [1.0, 2.0]]),
    "outputs of the wrong shape": other(outputs=np.zeros((ROWS, 4), np.float32)),
    "hits below zero": other(hits=np.full(ROWS, -1.0)),
    "more hits than samples": other(hits=np.full(ROWS, 5.0)),
    "hits that are not finite": other(hits=np.full(ROWS, np.nan)),
    "seconds below zero": other(device_seconds=-1.0),
    "seconds that are not finite": other(device_seconds=float("nan")),
    "a clock that nobody knows": other(clock="sundial"),
    "a time that is not finite": other(timestamp=float("inf")),
    "marks for too few parameters": other(saturated=np.zeros(3, bool)),
    "marks that are no truths": other(saturated=np.zeros(9)),
}
UNREAD = {
    "nan": one(np.nan),
    "inf": one(-np.inf),
    "an overflow mark": one(9.9e37),
    "a negative overflow mark": one(-9.9e37),
    "no number, in SCPI": one(9.91e37),
    "beyond float32": costs(lambda cost: cost.astype(np.float64) + 1e300),
}
LIES = MALFORMED | UNREAD

# Lies are built as a careless driver builds them, past the annotations.
pytestmark = pytest.mark.usefixtures("own_complaints")


def honest():
    return lab.EmulatedMLP([2, 2, 1]).measure(CODES, SHOWN)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_wrong_answer_is_asked_for_again(lie):
    said = []
    device = Liar(lie, 2)
    with Bench(device, tell=said.append) as bench:
        found = bench.measure(CODES, SHOWN)
        np.testing.assert_array_equal(found.cost, honest().cost)
        assert found.cost.dtype == np.float32
        assert bench.accounts.asked_again >= 2
        assert device.asked == 3
    assert "measured again" in said[0]


@pytest.mark.parametrize("lie", MALFORMED.values(), ids=MALFORMED)
def test_a_device_that_always_answers_wrongly_is_refused_with_what_it_said(lie):
    device = Liar(lie, 10**6)
    with Bench(device) as bench, pytest.raises(Misread, match="must"):
        bench.measure(CODES, SHOWN)
    assert device.asked == AGAIN + 1


@pytest.mark.parametrize("lie", UNREAD.values(), ids=UNREAD)
def test_a_row_that_is_never_read_is_nan_and_the_others_stand(lie):
    with Bench(Liar(lie, 10**6)) as bench:
        found = bench.measure(CODES, SHOWN)
    wrong = ~np.isfinite(found.cost)
    assert wrong[2]
    np.testing.assert_array_equal(found.cost[~wrong], honest().cost[~wrong])


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_update_is_made_once_though_its_answer_is_wrong(lie):
    device, twin = Liar(lie, 2), lab.EmulatedMLP([2, 2, 1])
    update = Update(CODES, np.float32([1, -2, 3]))
    twin.update(update)
    with Bench(device) as bench:
        bench.step(update, CODES, SHOWN)
        np.testing.assert_array_equal(device.chip.theta, twin.theta)
        np.testing.assert_array_equal(bench.shadow, twin.theta)


@pytest.mark.parametrize(
    "found",
    [None, np.zeros(8), np.full(9, np.nan), np.full(9, 9.91e37), ["0"] * 9],
    ids=["none", "too few", "nan", "overflow", "words"],
)
def test_parameters_that_are_none_are_refused(found):
    device = Liar(lambda told: told, 0)
    device.read_parameters = lambda: found
    with pytest.raises(Misread, match="parameters must"):
        Bench(device).open()
