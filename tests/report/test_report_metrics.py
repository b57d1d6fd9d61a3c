"""metrics.csv: every number comes back as it was."""

import csv

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plexgrad.report import write_metrics


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def column(rows, name, shape):
    cells = [float(row[name]) if row[name] else np.nan for row in rows]
    return np.reshape(cells, shape)


@settings(
    max_examples=30,
    deadline=None,
    # Each example writes the file anew.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    values=arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(1, 3)),
        elements=st.floats(allow_infinity=False),
    )
)
def test_round_trip(values, make_record, tmp_path):
    points, seeds = values.shape
    record = make_record(points=points, seeds=seeds, reference=False)
    record.curves = {
        "slot": np.arange(points) * 256,
        "evaluations": np.arange(points) * 512,
        "cost": values,
    }
    rows = read(write_metrics(record, tmp_path))
    np.testing.assert_array_equal(column(rows, "cost", values.shape), values)
    slots = column(rows, "slot", values.shape)
    np.testing.assert_array_equal(slots[:, 0], record.curves["slot"])
    assert [row["seed"] for row in rows[:seeds]] == [str(s) for s in range(seeds)]


def test_both_methods_stand_in_one_table(make_record, tmp_path):
    record = make_record(points=6, seeds=3)
    rows = read(write_metrics(record, tmp_path))
    assert len(rows) == 2 * 6 * 3
    for name, each in (
        ("weight perturbation", record),
        ("backpropagation", record.reference),
    ):
        mine = [row for row in rows if row["method"] == name]
        spent = column(mine, "evaluations", (6, 3))
        np.testing.assert_array_equal(spent[:, 1], each.curves["evaluations"])
        accuracy = column(mine, "test_accuracy", (6, 3))
        np.testing.assert_array_equal(accuracy, each.curves["test_accuracy"])
    # Backpropagation has no angle to itself: those cells are empty.
    assert {row["gradient_cosine"] for row in rows[6 * 3 :]} == {""}


@pytest.mark.parametrize("curves", [{}, {"slot": np.array([]), "cost": np.array([])}])
def test_nothing_measured_is_a_table_without_rows(make_record, tmp_path, curves):
    record = make_record(points=2, reference=False, curves=curves)
    assert read(write_metrics(record, tmp_path)) == []
