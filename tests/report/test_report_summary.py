"""The summary for the terminal and for scripts, and the numbers in both."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexgrad.report import summary_lines, tables, to_json_summary
from plexgrad.report.facts import updates_axis
from plexgrad.report.numbers import level_with_sd, seconds, short, spread


def test_lines_say_the_essentials(make_record):
    record = make_record()
    lines = summary_lines(record)
    text = "\n".join(lines)
    assert lines[0] == "digits by weight perturbation, 8 seeds, finished"
    assert f"{100 * record.final['test_accuracy'].mean():.1f} ±" in text
    assert "backpropagation" in text
    assert "800,000 per seed for 1,562 updates" in text
    assert "1.25 M evaluations/s in 5.1 s" in text
    assert all(len(line) < 100 and "\n" not in line for line in lines)


def test_effects_are_named_with_their_strengths(make_record):
    record = make_record(points=9)
    inside = {"kind": "CostNoise", "chip": record.spec["chip"], "sigma": 0.01}
    record.spec["chip"] = {
        **{"kind": "Quantised", "chip": inside, "bits": 6},
        **{"low": -4.0, "high": 4.0, "stochastic": True, "perturbed": False},
    }
    expected = ["cost noise (sigma 0.01)", "quantised (bits 6, low -4, high 4, "]
    expected[1] += "stochastic)"
    assert to_json_summary(record)["effects"] == expected
    assert [line.split(maxsplit=1) for line in summary_lines(record)[1:3]] == [
        ["effects", expected[0]],
        ["effects", expected[1]],
    ]


def test_warnings_come_first(make_record):
    lines = summary_lines(make_record(points=9, diverged={"10": 512, "2": 256}))
    assert lines[0].startswith(
        "warning: 2 of 8 seeds diverged: seed 2 at slot 256, seed 10 at slot 512"
    )


def test_json_summary_is_json_even_with_nan(make_record):
    record = make_record(points=9, status="diverged")
    record.final["test_cost"] = np.full(8, np.nan)
    record.throughput["updates_per_s"] = math.inf
    plain = json.loads(json.dumps(to_json_summary(record), allow_nan=False))
    own = plain["methods"]["weight perturbation"]
    assert own["final"]["test_accuracy"]["mean"] == pytest.approx(
        record.final["test_accuracy"].mean()
    )
    assert own["final"]["test_accuracy"]["seeds"] == 8
    assert own["final"]["test_cost"]["mean"] is None
    assert own["evaluations"]["per_seed"] == 800_000
    assert plain["methods"]["backpropagation"]["evaluations"]["per_seed"] == 1562
    assert plain["throughput"]["updates_per_s"] is None
    assert plain["warnings"] == ["The run diverged."]


def test_price_counts_evaluations_until_the_goal(make_record):
    record = make_record(points=3, seeds=2)
    record.curves["evaluations"] = np.array([0, 1000, 2000])
    record.curves["test_accuracy"] = np.array([[0.1, 0.1], [0.85, 0.5], [0.9, 0.6]])
    record.reference.final["test_accuracy"] = np.array([1.0, 1.0])
    table = tables.price(record)
    assert table is not None
    assert [row[2] for row in table.rows] == [
        "1 k (1 of 2 seeds)",
        "2 k (1 of 2 seeds)",
        "not reached",
        "not reached",
    ]


def test_comparison_counts_passes(make_record):
    rows = tables.comparison(make_record()).rows
    assert rows[0][:4] == ["weight perturbation", "1,562", "800,000", "0"]
    assert rows[1][:4] == ["backpropagation", "1,562", "1,562", "1,562"]


def test_settings_are_flat_and_complete(make_record):
    rows = dict(tables.settings(make_record()).rows)
    assert rows["chip.net.sizes"] == "64, 32, 10"
    assert rows["estimator.code"] == "Rademacher"
    assert rows["rule.options.learning_rate"] == "0.01"
    assert rows["slots"] == "400,000"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_spread_lies_between_its_ends(values):
    over = spread([*values, math.nan])
    slack = 1e-9 * max(1.0, abs(over.low), abs(over.high))
    assert over.low - slack <= over.mean <= over.high + slack
    assert (over.finite, over.seeds) == (len(values), len(values) + 1)
    assert math.isnan(over.sd) == (len(values) == 1)


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers() | st.none())
def test_any_number_can_be_printed(value):
    assert short(value)
    assert seconds(value)
    assert level_with_sd("test_cost", spread([value, 1.0]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1562, "1.56 k"),
        (999_999, "1 M"),
        (1_254_321, "1.25 M"),
        (6.4e9, "6.4 G"),
        (math.nan, "n/a"),
    ],
)
def test_short(value, text):
    assert short(value) == text


@pytest.mark.parametrize(
    ("metric", "values", "text"),
    [
        ("test_accuracy", [0.93, 0.95], "94.0 ± 1.4 %"),
        ("test_accuracy", [0.9401, 0.9402], "94.02 ± 0.01 %"),
        ("test_accuracy", [0.5], "50.0 %"),
        ("test_cost", [0.2, 0.3], "0.250 ± 0.071"),
        ("test_cost", [1e30, 3e30], "2e+30 ± 1.4e+30"),
        ("test_cost", [math.nan], "n/a"),
    ],
)
def test_level_with_sd(metric, values, text):
    assert level_with_sd(metric, spread(values)) == text


@pytest.mark.parametrize(
    ("value", "text"), [(5.1, "5.1 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_seconds(value, text):
    assert seconds(value) == text


def test_updates_follow_the_clock_when_a_window_shows_many_samples(make_record):
    record = make_record()
    clock = {"tau_p": 1, "tau_x": 1, "tau_theta": 256}
    slots = np.asarray(record.curves["slot"])
    for each in (record, record.reference):
        each.spec["clock"] = clock
        # Backpropagation passes forward once per sample here, not once per update.
        each.curves["evaluations"] = slots
        np.testing.assert_array_equal(updates_axis(each), slots // 256)
