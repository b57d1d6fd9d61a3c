"""Whatever ends a run, what there is of it is saved, and what is said is true."""

import signal

import numpy as np
import pytest

import plexgrad as pg
from plexgrad.core.files import NotWritten
from plexgrad.core.params import as_tree
from plexgrad.training import checkpoint
from plexgrad.training import run as run_module
from plexgrad.training.goals import Patience, Until
from plexgrad.training.progress import Progress

from .helpers import CHIP, same_record, trained

RUN = {"slots": 480, "points": 6, "seeds": 2}
MIDDLE = 240


@pytest.fixture(scope="module")
def whole():
    return trained(**RUN)


def at_middle(act):
    """A watcher that acts once, when the run has come half way."""
    done = []

    def watch(glance):
        if glance.slot >= MIDDLE and not done:
            done.append(True)
            return act()
        return None

    return watch


def failing(error):
    def act():
        raise error

    return act


def stopped_at_middle(record, whole):
    assert record.status == "stopped"
    count = len(record.curves["slot"])
    assert 1 < count < len(whole.curves["slot"])
    for name, curve in record.curves.items():
        np.testing.assert_array_equal(curve, whole.curves[name][:count])
    for name, values in record.final.items():
        np.testing.assert_array_equal(values, record.curves[name][-1])


@pytest.mark.parametrize(
    ("asks", "by", "why"),
    [
        ({"watch": at_middle(lambda: True)}, "watcher", "the watcher said so"),
        ({"watch": at_middle(lambda: "enough")}, "watcher", "enough"),
        ({"stop": lambda glance: glance.slot >= MIDDLE}, "stop", "the stop said so"),
        ({"stop": lambda glance: "far" * (glance.slot >= MIDDLE)}, "stop", "far"),
    ],
)
def test_who_asks_for_a_stop_gets_the_record(tmp_path, whole, asks, by, why):
    record = trained(**RUN, out=tmp_path, **asks)
    stopped_at_middle(record, whole)
    stopped_at_middle(pg.Record.load(tmp_path), whole)
    ended = record.extra["ended"]
    assert (ended["by"], ended["why"], ended["whole"]) == (by, why, True)
    assert ended["saved"] == record.evaluations["slots"]
    same_record(trained(**RUN, out=tmp_path, resume=True), whole)


@pytest.mark.parametrize(
    "act",
    [
        *(lambda n=n: signal.raise_signal(n) for n in (signal.SIGTERM, signal.SIGHUP)),
        lambda: signal.raise_signal(signal.SIGINT),
        failing(RuntimeError("a watcher of one's own")),
        failing(ZeroDivisionError()),
        failing(SystemExit(7)),
    ],
)
def test_signals_and_errors_are_raised_when_all_is_saved(tmp_path, whole, act):
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    kinds = KeyboardInterrupt, RuntimeError, ZeroDivisionError, SystemExit
    with pytest.raises(kinds):
        trained(**RUN, out=tmp_path, watch=at_middle(act))
    assert before == [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    record = pg.Record.load(tmp_path)
    stopped_at_middle(record, whole)
    assert record.extra["ended"]["whole"]
    same_record(trained(**RUN, out=tmp_path, resume=True), whole)


def test_an_error_before_the_first_slot_leaves_no_run_that_seems_to_go_on(
    tmp_path, monkeypatch
):
    def broken(*_):
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(run_module.Run, "step", broken)
        with pytest.raises(RuntimeError, match="no memory"):
            trained(**RUN, out=tmp_path)
    record = pg.Record.load(tmp_path)
    assert (record.status, record.final) == ("stopped", {})
    assert record.extra["ended"]["saved"] is None
    assert {path.name for path in tmp_path.iterdir()} == {"record.json"}


def full(*_, **__):
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_told_and_tried_again_and_measures_nothing_twice(
    tmp_path, whole, monkeypatch
):
    plain, calls = checkpoint.write_atomically, []

    def write(path, data, *before):
        calls.append(path.name)
        if len(calls) in (2, 3):
            full()
        plain(path, data, *before)

    monkeypatch.setattr(checkpoint, "write_atomically", write)
    with pytest.warns(NotWritten, match="cannot be written, .* the run goes on: "):
        record = trained(**RUN, out=tmp_path, checkpoint_s=1e-9)
    same_record(record, whole)
    assert len(calls) > 3
    assert record.evaluations == whole.evaluations


def test_without_any_room_the_record_is_still_given(tmp_path, whole, monkeypatch):
    monkeypatch.setattr(checkpoint, "write_atomically", full)
    monkeypatch.setattr("plexgrad.core.record.write_atomically", lambda *_: None)
    with pytest.warns(NotWritten):
        record = trained(**RUN, out=tmp_path, watch=at_middle(lambda: True))
    stopped_at_middle(record, whole)
    assert record.extra["ended"]["saved"] is None
    assert not record.extra["ended"]["whole"]


def test_a_watcher_that_cannot_write_ends_no_run(whole):
    with pytest.warns(NotWritten, match="a watcher cannot write, the run goes on"):
        same_record(trained(**RUN, watch=full), whole)


def glance(points, accuracy, cost=1.0, phase="train"):
    names = "train_cost", "train_accuracy", "test_cost", "test_accuracy"
    values = np.array([cost, accuracy, cost, accuracy], float)
    scores = {n: np.array([v, v]) for n, v in zip(names, values, strict=True)}
    one = np.array([cost])
    return Progress(
        phase, points, 99, 0, 0.0, one, one, 0, scores=scores, points=points
    )


def test_goals():
    until = Until.parse("test_accuracy=0.9")
    assert not until(glance(1, 0.89))
    assert until(glance(2, 0.9)) == "test_accuracy is 0.9, the goal was 0.9"
    assert not until(glance(2, 0.9, phase="backpropagation"))
    assert Until.parse("cost=0.1")(glance(1, 0.5, 0.05))
    assert not Until.parse("test_cost=0.1")(glance(1, 0.5, np.nan))
    patience = Patience(2)
    said = [patience(glance(n, a)) for n, a in enumerate([0.5, 0.7, 0.7, 0.6], 1)]
    assert said == [
        "",
        "",
        "",
        "the last 2 points were no better than the one before them",
    ]
    cost = Patience(2)
    assert not any(cost(glance(n, 0.5, 1 / n)) for n in range(1, 9))


@pytest.mark.parametrize(
    "text", ["test_accuracy", "speed=1", "cost=low", "cost=inf", "="]
)
def test_goals_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="until must be"):
        Until.parse(text)


def test_parameters_are_kept_by_leaf_path_and_can_be_started_from(tmp_path, whole):
    record = trained(**RUN, out=tmp_path / "one")
    shapes = {
        "0/weight": (2, 2, 2),
        "0/bias": (2, 2),
        "1/weight": (2, 2, 1),
        "1/bias": (2, 1),
    }
    assert {name: array.shape for name, array in record.params.items()} == shapes
    loaded = pg.Record.load(tmp_path / "one")
    for name, array in record.params.items():
        np.testing.assert_array_equal(loaded.params[name], array)
    tree = as_tree({n: a[1] for n, a in record.params.items()}, CHIP.net.init(pg_key()))
    cost, _ = CHIP.score(tree, *xor_set(), pg_key())
    np.testing.assert_allclose(cost, record.final["test_cost"][1], rtol=1e-6)
    for start in (tmp_path / "one", record, loaded.params):
        again = trained(**RUN, start=start)
        np.testing.assert_array_equal(
            again.curves["test_cost"][0], record.final["test_cost"]
        )
    again = trained(**RUN, start=str(tmp_path / "one"), out=tmp_path / "two")
    same_record(pg.rerun(pg.Record.load(tmp_path / "two")), again)


def pg_key():
    import jax

    return jax.random.key(0)


def xor_set():
    data = pg.data.load("xor")
    return data.x_test, data.y_test


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0/weight": None}, "params must have '0/weight'"),
        ({"0/bias": np.zeros(3)}, r"'0/bias' must have the shape \(2,\)"),
        (
            {"2/bias": np.zeros(3)},
            "must have the leaves of the network, got '2/bias' too",
        ),
        ({"0/bias": np.full(2, np.nan)}, "start must have finite parameters"),
        ({"0/bias": np.zeros((3, 2))}, "parameters of 1 or 2 seeds, got 3"),
    ],
)
def test_parameters_of_another_network_are_refused_by_their_path(
    whole, change, message
):
    params = {n: a for n, a in (whole.params | change).items() if a is not None}
    with pytest.raises(ValueError, match=message):
        trained(**RUN, start=params)


def test_the_best_point_is_kept_seed_by_seed_over_a_resume(tmp_path, whole):
    accuracy, cost = whole.curves["test_accuracy"], whole.curves["test_cost"]
    order = [
        max(range(len(cost)), key=lambda n: (accuracy[n, s], -cost[n, s]))
        for s in (0, 1)
    ]
    out = {"out": tmp_path, "keep": "best"}
    trained(**RUN, **out, watch=at_middle(lambda: True))
    record = trained(**RUN, **out, resume=True)
    assert record.extra["kept"]["slot"] == [int(whole.curves["slot"][n]) for n in order]
    again = trained(**RUN | {"slots": 8, "points": 1}, start=tmp_path)
    for seed, n in enumerate(order):
        assert again.curves["test_cost"][0, seed] == cost[n, seed]
