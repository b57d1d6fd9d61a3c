"""Whatever ends a run on a device: it is at rest, unperturbed, and the run is saved."""

import signal

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.core.record import Record
from plexgrad.lab import saved
from plexgrad.lab.bench import OtherChip
from plexgrad.lab.device import Identity, LinkLost

PAIRS = pg.estimators.WeightPerturbation(pg.codes.Rademacher(0.05), "antithetic")
MOMENTUM = pg.Rule("sgd", learning_rate=0.05, momentum=0.9)
SGD = pg.Rule("sgd", learning_rate=0.5)
XOR = pg.data.load("xor")


class Bowl:
    """Four knobs of an instrument, and a cost; what is set last stays set."""

    def __init__(self):
        self.knobs, self.reads, self.at = None, 0, {}

    def set(self, theta):
        self.knobs = np.array(theta)

    def read(self):
        self.reads += 1
        self.at.pop(self.reads, lambda: None)()
        return float(((self.knobs - 0.3) ** 2).sum())

    def device(self):
        knobs = lab.Knobs((4,), -1.0, 1.0, start=(-0.5, 0.5))
        return lab.Wrapped(self.set, self.read, knobs)


def run(bowl, **more):
    terms = {"estimator": PAIRS, "rule": MOMENTUM, "slots": 60, "key": 5, "points": 6}
    return lab.train(bowl.device(), None, **terms | more)


@pytest.fixture(autouse=True)
def _eager(monkeypatch):
    monkeypatch.setattr("plexgrad.lab.loop.WATCH_S", 0.0)


@pytest.fixture(scope="module")
def whole():
    """The record of the run when nothing ends it, and its last knobs."""
    bowl = Bowl()
    return run(bowl), bowl.knobs


def failing(error):
    def act():
        raise error

    return act


def full(*_, **__):
    raise OSError(28, "No space left on device")


ENDS = {
    **{
        name: lambda n=name: signal.raise_signal(getattr(signal, n))
        for name in ("SIGINT", "SIGTERM", "SIGHUP")
    },
    "RuntimeError": failing(RuntimeError("a driver's own")),
    "LookupError": failing(LookupError("no such channel")),
    "at once": failing(KeyboardInterrupt()),
}


@pytest.mark.parametrize("name", ENDS)
def test_in_the_midst_of_a_measurement(tmp_path, whole, name):
    bowl = Bowl()
    bowl.at = {67: ENDS[name]}
    with pytest.raises((KeyboardInterrupt, RuntimeError, LookupError, OSError)):
        run(bowl, out=tmp_path, patience_s=0.0)
    record = Record.load(tmp_path)
    assert record.status == "stopped"
    assert record.extra["ended"]["whole"]
    assert len(record.curves["slot"]) > 1
    np.testing.assert_array_equal(bowl.knobs, record.params["weights"][0])
    wanted, knobs = whole
    again = run(bowl, out=tmp_path, resume=True)
    np.testing.assert_array_equal(bowl.knobs, knobs)
    for curve in ("slot", "train_cost"):
        np.testing.assert_array_equal(again.curves[curve], wanted.curves[curve])


def test_a_second_interrupt_leaves_the_knobs_at_rest(tmp_path):
    bowl = Bowl()
    twice = lambda: [signal.raise_signal(signal.SIGTERM) for _ in range(2)]  # noqa: E731
    bowl.at = {67: twice}
    with pytest.raises(KeyboardInterrupt):
        run(bowl, out=tmp_path)
    params = Record.load(tmp_path).params["weights"][0]
    np.testing.assert_array_equal(bowl.knobs, params)


def test_a_full_disk_is_told_and_the_run_goes_on(tmp_path, whole, monkeypatch):
    plain, calls = saved.checkpoint.write_atomically, []

    def write(path, data, *before):
        calls.append(path)
        if len(calls) in (2, 3):
            full()
        plain(path, data, *before)

    monkeypatch.setattr(saved.checkpoint, "write_atomically", write)
    bowl = Bowl()
    with pytest.warns(UserWarning, match="the last one stays, and the run goes on"):
        record = run(bowl, out=tmp_path, checkpoint_s=1e-9)
    assert len(calls) > 4
    np.testing.assert_array_equal(bowl.knobs, whole[1])
    assert record.evaluations == whole[0].evaluations


def test_another_chip_is_not_written_to_and_the_run_is_saved(tmp_path):
    device = lab.EmulatedMLP([2, 2, 1])
    count = []

    def measure(*args, **more):
        count.append(1)
        if len(count) == 20:
            device.identity = Identity("x", "y", "another")
            raise LinkLost("cut")
        return lab.EmulatedMLP.measure(device, *args, **more)

    device.measure = device.step = measure
    device.identify = lambda: getattr(device, "identity", Identity("x", "y", "one"))
    writes = []
    terms = {"estimator": PAIRS, "rule": SGD, "slots": 60, "key": 5, "batch": 2}
    with pytest.raises(OtherChip):
        lab.train(device, XOR, **terms, crossing="arrays", out=tmp_path)
    assert not writes
    record = Record.load(tmp_path)
    assert (record.status, record.extra["ended"]["whole"]) == ("stopped", True)
    assert 0 < record.extra["ended"]["saved"] < 60


def test_an_answer_of_a_wrong_length_makes_no_update_twice(tmp_path):
    plain, device, calls = lab.EmulatedMLP([2, 2, 1]), lab.EmulatedMLP([2, 2, 1]), []
    step = device.step

    def once_short(*args):
        calls.append(1)
        found = step(*args)
        if len(calls) == 9:
            raise TypeError("costs must be 2 rows")
        return found

    terms = {"estimator": PAIRS, "rule": SGD, "slots": 60, "key": 5, "batch": 2}
    device.step = once_short
    with pytest.raises(TypeError):
        lab.train(device, XOR, **terms, out=tmp_path)
    device.step = step
    lab.train(device, XOR, **terms, out=tmp_path, resume=True)
    lab.train(plain, XOR, **terms)
    np.testing.assert_array_equal(device.theta, plain.theta)


def test_what_is_refused_after_the_claim_does_not_seem_to_go_on(tmp_path):
    bowl = Bowl()
    with pytest.raises(ValueError, match="start must"):
        run(bowl, start=(0.5, -0.5), out=tmp_path)
    assert Record.load(tmp_path).status == "stopped"


def test_a_finished_run_is_not_overwritten(tmp_path):
    run(Bowl(), out=tmp_path)
    before = (tmp_path / "record.json").read_bytes()
    with pytest.raises(ValueError, match="out must be a folder without a run"):
        run(Bowl(), out=tmp_path)
    assert (tmp_path / "record.json").read_bytes() == before


def test_stop_gives_the_record_and_best_is_set_on_the_device(tmp_path):
    bowl = Bowl()
    record = run(bowl, stop=lambda glance: glance.slot >= 30, out=tmp_path / "one")
    assert record.extra["ended"]["by"] == "stop"
    np.testing.assert_array_equal(record.params["weights"][0], bowl.knobs)
    rule = pg.Rule("sgd", learning_rate=2.0)  # too much: the last is not the best
    wild = Bowl()
    found = run(
        wild, rule=rule, keep="best", start=tmp_path / "one", out=tmp_path / "two"
    )
    place = found.curves["slot"].tolist().index(found.extra["kept"]["slot"][0])
    assert place == int(found.curves["train_cost"].argmin())
    best = found.curves["train_cost"][place, 0]
    assert best == pytest.approx(float(((wild.knobs - 0.3) ** 2).sum()))
    first = found.curves["train_cost"][0, 0]
    assert first == pytest.approx(float(((bowl.knobs - 0.3) ** 2).sum()))


@pytest.mark.parametrize("count", [3, 5])
def test_a_start_with_other_numbers_is_refused(tmp_path, count):
    with pytest.raises(ValueError, match=f"the 4 parameters of .*, got {count}"):
        run(Bowl(), start={"weights": np.zeros((1, count))})
