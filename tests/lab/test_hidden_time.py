"""Where the time of a run goes: training, scoring, loading, recoveries; a budget."""

import time

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.core.record import Record
from plexgrad.lab import scoring
from plexgrad.lab.bench import Bench
from plexgrad.lab.saved import Course
from plexgrad.lab.scoring import Budget, share_of
from plexgrad.report import summary_lines

XOR = pg.data.load("xor")


def chip(score_s=0.0, load_s=0.0):
    """An emulated chip that takes its time to be scored and loaded."""
    device = lab.EmulatedMLP([2, 2, 1])
    measure, load = device.measure, device.load_samples

    def slowly(what, shown, *more):
        # Scoring is a row at rest, of the samples of a whole split.
        if isinstance(what, np.ndarray) and not what.any():
            time.sleep(score_s)
        return measure(what, shown, *more)

    def loaded(*arrays):
        time.sleep(load_s)
        return load(*arrays)

    device.measure, device.load_samples = slowly, loaded
    return device


def run(device, **more):
    given = {
        "estimator": pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(0.02), "antithetic"
        ),
        "rule": pg.Rule("sgd", learning_rate=0.5),
        "slots": 40,
        "key": 1,
        "batch": 2,
        "points": 4,
        "tell": lambda said: None,
    }
    return lab.train(device, XOR, **{**given, **more})


def test_what_is_not_training_is_counted_apart_and_told():
    record = run(chip(score_s=0.01, load_s=0.05))
    counts, times = record.extra["lab"], record.extra["lab"]["time"]
    # Five points, each with both splits of four samples, and the confusions.
    assert counts["scored"] == 5 * 2 + 1
    assert counts["scored_readings"] == 4 * counts["scored"]
    assert counts["rows"] - counts["scored"] == record.evaluations["total"] == 80
    assert counts["readings"] == 2 * 80 + counts["scored_readings"]
    assert times["scoring_s"] > 0.1
    assert times["loading_s"] > 0.1
    assert times["training_s"] == record.throughput["seconds"]
    parts = [times[f"{name}_s"] for name in ("training", "scoring", "loading")]
    assert times["whole_s"] == pytest.approx(sum(parts))
    line = next(each for each in summary_lines(record) if each.startswith("  time"))
    for word in ("training", "scoring (11 evaluations, 44 readings)", "loading"):
        assert word in line


def test_recoveries_and_settling_are_parts_that_are_named():
    knobs = np.zeros(3)
    device = lab.Wrapped(
        lambda theta: knobs.__setitem__(slice(None), theta),
        lambda: float((knobs**2).sum()),
        lab.Knobs((3,), -1.0, 1.0),
        settle_s=1e-4,
    )
    failed = []

    def once(*args, measure=device.measure):
        if len(failed) < 1:
            failed.append(1)
            raise TimeoutError("no answer")
        return measure(*args)

    device.measure = once
    with Bench(device) as bench:
        bench.measure(np.full((2, 3), 0.1, np.float32), lab.Shown())
        assert bench.accounts.recover_s > 0
        assert bench.accounts.settle_s == pytest.approx(2e-4)


def test_points_beyond_the_budget_are_left_out_and_told(monkeypatch):
    monkeypatch.setattr(scoring, "FREE_S", 0.05)
    said = []
    record = run(chip(score_s=0.02), scoring=1e-3, tell=said.append)
    assert record.curves["slot"].tolist() == [0, 40]
    assert "confusion" not in record.extra
    assert said[0].startswith("the point at slot 10 is left out: scoring takes")
    assert record.spec["scoring"] == 1e-3


@pytest.mark.parametrize(
    "more", [{"scoring": 1}, {"points": [0, 10, 20, 30, 40]}], ids=["all", "named"]
)
def test_all_points_are_scored_where_that_is_asked_for(more, monkeypatch):
    monkeypatch.setattr(scoring, "FREE_S", 0.0)
    record = run(chip(score_s=0.01), **more)
    assert record.curves["slot"].tolist() == [0, 10, 20, 30, 40]


def test_what_is_left_includes_scoring():
    with Bench(chip()) as bench:
        course = Course(window=10, seconds=20.0, scores=[np.zeros(4)] * 2)
        bench.accounts.score_s = 6.0
        assert Budget(bench, course, 1.0).left_s(90, 5) == 180 + 15
        # A tenth of 200 s, but for the 6 that were: less than five times three.
        left = Budget(bench, course, 0.05).left_s(90, 5)
        assert left == pytest.approx(180 + 0.05 / 0.95 * 200 - 6)
        assert np.isnan(Budget(bench, Course(), 0.2).left_s(90, 5))


def test_a_watcher_hears_of_scoring_and_of_what_is_left(tmp_path):
    seen = []
    record = run(chip(), watch=seen.append, out=tmp_path)
    assert seen[-1].more["scored"] >= 8
    assert seen[-1].more["left_s"] == 0
    saved = Record.load(tmp_path).extra["lab"]["time"]
    assert saved == record.extra["lab"]["time"]


@pytest.mark.parametrize("wrong", [0, -0.1, 1.5, float("nan")])
def test_a_share_is_a_share(wrong):
    with pytest.raises(ValueError, match="scoring must be"):
        share_of(wrong, True)
