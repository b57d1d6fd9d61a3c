"""One bad reading: measured again, else skipped; no jump, and not the end of a run."""

from functools import cache

import jax
import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.bench import Bench
from plexgrad.lab.doubts import IN_A_ROW, NEW_LEVEL, Doubts, NothingRead
from plexgrad.lab.samples import Samples
from plexgrad.lab.spread import Spread
from plexgrad.lab.step_limit import ALONE, StepLimit

XOR = pg.data.load("xor")
SGD = pg.Rule("sgd", learning_rate=0.02)
ADAM = pg.Rule("adam", learning_rate=0.02)
OVERFLOW = 9.91e37


class Knobs:
    """Eight knobs of 0 to 5 V; readings with these numbers are spoilt."""

    def __init__(self, spoil=lambda number, cost: cost, noise=1e-3):
        self.theta, self.spoil, self.reads, self.sets = np.zeros(8), spoil, 0, []
        self.random, self.noise = np.random.default_rng(3), noise

    def set(self, theta):
        self.theta = theta.copy()
        self.sets.append(self.theta)

    def read(self):
        self.reads += 1
        cost = ((self.theta - 1.5) ** 2).mean() + self.noise * self.random.normal()
        return self.spoil(self.reads, cost)

    def device(self):
        knobs = lab.Knobs((8,), 0.0, 5.0, unit="V")
        return lab.Wrapped(self.set, self.read, knobs)

    @property
    def jump(self):
        """The farthest that two settings in a row lie apart."""
        return np.abs(np.diff(self.sets, axis=0)).max()


def run(knobs, rule=SGD, slots=300, said=None, **more):
    code = pg.codes.Rademacher(0.05)
    given = {
        "estimator": pg.estimators.WeightPerturbation(code, "antithetic"),
        "rule": rule,
        "slots": slots,
        "key": 1,
        "points": 2,
        "tell": ([] if said is None else said).append,
        **more,
    }
    # optax's Adam promotes its own counter.
    with jax.numpy_dtype_promotion("standard"):
        return lab.train(knobs.device(), None, **given)


@cache
def sound(rule):
    """The knobs and the last cost of a run in which nothing was wrong."""
    knobs = Knobs()
    return knobs, run(knobs, rule).final["train_cost"]


def spoilt(first, last, value):
    return lambda number, cost: value if first <= number <= last else cost


@pytest.mark.parametrize("rule", [SGD, ADAM], ids=["sgd", "adam"])
@pytest.mark.parametrize("value", [OVERFLOW, np.nan, 1000.0, -1000.0])
def test_one_bad_reading_is_measured_again(rule, value):
    (good, wanted), bad, said = sound(rule), Knobs(spoilt(101, 101, value)), []
    record = run(bad, rule, said=said)
    counts = record.extra["lab"]
    assert record.status == "finished"
    assert counts["asked_again"] in (1, 2)
    assert counts["skipped"] == counts["limited"] == 0
    assert "measured again" in said[0]
    assert bad.jump < 1.5 * good.jump
    np.testing.assert_allclose(record.final["train_cost"], wanted, atol=0.03)


@pytest.mark.parametrize("rule", [SGD, ADAM], ids=["sgd", "adam"])
@pytest.mark.parametrize("value", [OVERFLOW, np.inf])
def test_windows_that_stay_wrong_are_skipped_and_counted(rule, value):
    bad, said = Knobs(spoilt(101, 130, value)), []
    record = run(bad, rule, said=said)
    counts = record.extra["lab"]
    assert record.status == "finished"
    assert 1 <= counts["skipped"] < IN_A_ROW
    assert record.evaluations["updates"] == 300 - counts["skipped"]
    assert any("was skipped: its readings are not finite" in words for words in said)
    assert record.final["train_cost"] < 0.2 * record.curves["train_cost"][0]


def test_a_reading_that_stays_far_is_skipped():
    """Every second reading is far, so that no pair of a slot can be believed."""

    def spoil(number, cost):
        return 1000.0 if 101 <= number <= 110 and number % 2 else cost

    bad, said = Knobs(spoil), []
    record = run(bad, said=said)
    assert 1 <= record.extra["lab"]["skipped"] <= NEW_LEVEL
    assert any("lie too far apart" in words for words in said)
    assert bad.jump < 0.5


def test_a_reading_a_thousand_times_the_spread_puts_no_knob_on_its_rail():
    """With the guard on the spread out of the way, the limit on a step holds."""
    bad, said = Knobs(spoilt(101, 101, 30.0), noise=0.0), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spread, "far", lambda self, cost, groups: None)
        patch.setattr(Spread, "learn", lambda self: None)
        record = run(bad, said=said)
        free = Knobs(spoilt(101, 101, 30.0), noise=0.0)
        run(free, step_limit=0)
    assert free.jump > 2
    assert bad.jump < 1
    assert record.extra["lab"]["limited"] == 1
    assert record.spec["step_limit"] == ALONE
    assert said == ["a step was cut to 10 times the usual one, in window 49"]


def test_costs_that_have_changed_for_good_are_learnt_anew():
    def steep(number, cost):
        return cost if number <= 400 else cost + 1e4 * (bad.theta[0] - 1.5)

    bad = Knobs(steep)
    record = run(bad, ADAM)
    assert record.status == "finished"
    assert 1 <= record.extra["lab"]["skipped"] <= NEW_LEVEL
    assert bad.jump < 0.5


def test_a_run_that_can_learn_from_nothing_says_so():
    with pytest.raises(NothingRead, match=r"in 8 windows: costs must be finite"):
        run(Knobs(lambda number, cost: OVERFLOW))
    with pytest.raises(NothingRead, match="in 2 windows"):
        run(Knobs(lambda number, cost: np.nan), slots=2)


def test_a_run_whose_readings_stay_unread_has_diverged_where_they_began():
    record = run(Knobs(lambda number, cost: np.nan if number > 61 else cost))
    assert record.status == "diverged"
    assert record.diverged == {"0": 30}
    assert record.evaluations["updates"] == 30


@pytest.mark.parametrize("way", ["updates", "codes", "arrays"])
def test_where_nothing_is_wrong_nothing_is_changed(way):
    def go(**more):
        device = lab.EmulatedMLP([2, 2, 1], noise=1e-3)
        lab.train(
            device,
            XOR,
            estimator=pg.estimators.WeightPerturbation(pg.codes.Rademacher(0.02)),
            rule=pg.Rule("sgd", learning_rate=0.5),
            slots=400,
            key=2,
            crossing=way,
            points=2,
            **more,
        )
        return device.theta

    np.testing.assert_array_equal(go(), go(step_limit=0))


@pytest.mark.parametrize(("average", "wanted"), [("mean", 4.0), ("median", 2.0)])
def test_a_median_of_several_readings_does_not_see_the_odd_one(average, wanted):
    told = [1.0, 9.0, 2.0]
    knobs = Knobs(lambda number, cost: told[number - 1])
    with Bench(knobs.device()) as bench:
        samples = Samples(bench, None, "mse", 3, average)
        found = samples.measure(np.zeros((1, 8), np.float32), np.zeros((1, 1), int))
    assert found == [wanted]


@pytest.mark.parametrize("way", ["updates", "codes", "arrays"])
@pytest.mark.parametrize("average", ["mean", "median"])
def test_repeats_of_an_exact_chip_change_nothing(way, average):
    def go(**more):
        device = lab.EmulatedMLP([2, 2, 1])
        record = lab.train(
            device,
            XOR,
            estimator=pg.estimators.WeightPerturbation(
                pg.codes.Rademacher(0.02), "antithetic"
            ),
            rule=pg.Rule("sgd", learning_rate=0.5),
            slots=30,
            key=2,
            crossing=way,
            points=2,
            **more,
        )
        return device.theta, record

    (once, _), (often, record) = go(), go(repeats=3, average=average)
    np.testing.assert_array_equal(once, often)
    assert record.evaluations["total"] == 180


def test_doubts_go_on_from_a_checkpoint():
    with Bench(Knobs().device()) as bench:
        before, after = Doubts(bench, False), Doubts(bench, False)
        random = np.random.default_rng(0)
        for number in range(40):
            costs = random.normal(size=4).astype(np.float32)
            before.costs(lambda costs=costs: costs, 1)
            before.taken(costs if number != 20 else costs * np.nan, number)
        after.restore(before.state())
        for name, wanted in before.state().items():
            np.testing.assert_array_equal(after.state()[name], wanted)
        assert after.spread.limit == before.spread.limit < np.inf


def test_the_spread_is_not_moved_by_a_glitch_that_came_in():
    spread = Spread(False)
    for number in range(64):
        spread.far(np.array([0.5, 0.51 if number != 5 else 500.0]), 1)
        spread.learn()
    assert spread.limit == pytest.approx(1.0)
    assert spread.far(np.array([0.5, 3.0]), 1).all()
    assert spread.far(np.array([3.0, 3.01]), 1) is None


def test_costs_that_are_equal_or_alone_are_no_measure():
    """Errors that are counted, and pieces of one row: sound, and nothing is far."""
    spread = Spread(False)
    for number in range(200):
        wrong = 0.125 if number % 16 == 9 else 0.0
        for costs in ([0.0, wrong], [0.5]):
            assert spread.far(np.array(costs), 1) is None
            spread.learn()


def test_pieces_without_a_rest_skip_no_window():
    knobs = Knobs(noise=0.0)
    device = lab.Wrapped(knobs.set, knobs.read, lab.Knobs((8,), 0.0, 5.0), max_rows=2)
    record = lab.train(
        device,
        None,
        estimator=pg.estimators.WeightPerturbation(pg.codes.Rademacher(0.05)),
        rule=SGD,
        slots=60 * 16,
        clock=pg.Clock(16, 1, 16),
        key=1,
        points=2,
    )
    counts = record.extra["lab"]
    assert counts["skipped"] == counts["asked_again"] == 0


@pytest.mark.parametrize(
    ("rule", "number"),
    [(ADAM, 5), (SGD, 3), (SGD, 5), (SGD, 8)],
    ids=["adam-5", "sgd-3", "sgd-5", "sgd-8"],
)
def test_a_bad_reading_at_the_beginning_is_measured_again(rule, number):
    (good, wanted), bad = sound(rule), Knobs(spoilt(number, number, 1000.0))
    record = run(bad, rule)
    assert record.extra["lab"]["asked_again"] in (1, 2)
    assert bad.jump < 1.5 * good.jump
    np.testing.assert_allclose(record.final["train_cost"], wanted, atol=0.03)


def test_samples_that_cost_a_thousand_times_as_much_are_believed():
    spread = Spread(True)
    for _ in range(64):
        spread.far(np.array([1e-4, 1.1e-4, 1e-4, 1.2e-4]), 2)
        spread.learn()
    assert spread.far(np.array([1e-4, 1.1e-4, 5.0, 5.4]), 2) is None
    assert spread.far(np.array([1e-4, 1.1e-4, 5.0, 5400]), 2).tolist() == [
        *[False] * 2,
        *[True] * 2,
    ]


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"step_limit": 0.5}, "step_limit must be at least 1"),
        ({"step_limit": np.nan}, "step_limit must be"),
        ({"repeats": 0}, "repeats must be"),
        ({"average": "mode"}, "average must be one of"),
    ],
)
def test_bad_options_are_refused(more, said):
    with pytest.raises(ValueError, match=said):
        run(Knobs(), **more)


def test_a_meter_that_stands_still_is_no_measure_of_the_usual_step():
    limit = StepLimit(10)
    for _ in range(20):
        limit(np.float32([0.1]))
    for _ in range(2000):
        limit(np.float32([0.0]))
    assert limit(np.float32([0.5]))[1] == 0
    found, cut = limit(np.float32([5.0, -0.1]))
    assert cut == 1
    assert found[0] < 1.5
    assert found[1] == np.float32(-0.1)


@pytest.mark.parametrize("most", [10, 100])
@pytest.mark.parametrize("when", [0, 1, 2, 5, 8, 30])
def test_a_glitch_does_not_make_the_limit_loose(most, when):
    limit, again = StepLimit(most), StepLimit(most)
    for number in range(40):
        size = 1e5 if number == when else 0.1
        found, cut = limit(np.float32([size]))
        assert cut == (number == when >= 2)
        assert abs(found[0]) <= 10 * most * 0.1 or when < 2
        again.restore(limit.state())
        np.testing.assert_array_equal(again.state(), limit.state())
    assert limit.usual <= 0.1 * (1 + most / 4)
