"""A lab's own functions: how often knobs are set, and that they are left at rest."""

from contextlib import nullcontext

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.bench import Bench

PAIR = np.float32([[0.1] * 3, [-0.1] * 3])


class Bench3:
    """Three knobs whose every setting is written down."""

    def __init__(self, fails_at=0, **more):
        self.sets, self.reads, self.fails_at = [], 0, fails_at
        knobs = lab.Knobs((3,), -1.0, 1.0, unit="V", **more)
        self.device = lab.Wrapped(self.set, self.read, knobs)

    def set(self, theta):
        self.sets.append(theta.tolist())

    def read(self):
        self.reads += 1
        if self.reads == self.fails_at:
            raise RuntimeError("the meter is gone")
        return float(np.sum(np.square(self.sets[-1])))


def train(bench, slots=100, tau_theta=1):
    return lab.train(
        bench.device,
        None,
        estimator=pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(0.1), "antithetic"
        ),
        rule=pg.Rule("sgd", learning_rate=0.05),
        slots=slots,
        clock=pg.Clock(1, 1, tau_theta),
        key=0,
        points=[0, slots],
        start=np.full(3, 0.5, np.float32),
    )


@pytest.mark.parametrize("tau_theta", [1, 10])
def test_an_antithetic_slot_sets_the_knobs_twice(tau_theta):
    bench = Bench3()
    record = train(bench, tau_theta=tau_theta)
    # Beyond: when it is opened, and to score and rest at the end.
    assert len(bench.sets) <= 2 * 100 + 4
    assert bench.sets[-1] == bench.device.theta.tolist()
    # A row that is where the knobs are is no set, but counted as one.
    assert len(bench.sets) - 2 <= record.extra["lab"]["writes_max"] <= 2 * 100 + 4


def test_outside_of_a_run_it_rests_after_every_call():
    bench = Bench3()
    bench.device.open()
    bench.device.measure(PAIR, lab.Shown())
    assert bench.sets[-1] == [0.0] * 3
    bench.device.write_parameters(np.full(3, 0.5, np.float32))
    assert bench.sets[-1] == [0.5] * 3


@pytest.mark.parametrize("how", ["read", "close", "touch"])
def test_in_a_run_it_rests_when_it_is_read_or_left(how):
    bench = Bench3()
    with Bench(bench.device) as guard:
        guard.write(np.full(3, 0.5, np.float32))
        guard.measure(PAIR, lab.Shown())
        assert bench.sets[-1] == pytest.approx([0.4] * 3)
        {"read": guard.read_back, "touch": guard.touch, "close": int}[how]()
        assert how == "close" or bench.sets[-1] == [0.5] * 3
    assert bench.sets[-1] == [0.5] * 3
    assert not bench.device.lingers


def test_what_fails_leaves_it_at_rest():
    bench = Bench3(fails_at=40)
    with pytest.raises(RuntimeError, match="the meter is gone"):
        train(bench)
    assert bench.sets[-1] == bench.device.theta.tolist()


@pytest.mark.parametrize(("busy", "rests"), [(4, True), (10**6, False)])
def test_a_bus_that_is_busy_for_a_moment_is_asked_again(busy, rests):
    bench, left = Bench3(), [0]

    def set_knobs(theta):
        if left[0]:
            left[0] -= 1
            raise RuntimeError("the bus is busy")
        bench.set(theta)

    bench.device.set_knobs = set_knobs
    with (
        nullcontext() if rests else pytest.warns(UserWarning, match="brought to rest"),
        Bench(bench.device) as guard,
    ):
        guard.measure(PAIR, lab.Shown())
        left[0] = busy
    assert bench.device.rests == rests
    assert (bench.sets[-1] == [0.0] * 3) == rests
