"""The checks of a dataset, and what it says about itself."""

import numpy as np
import pytest

from plexgrad.data import Dataset
from plexgrad.data.dataset import one_hot


def fields(**changes):
    good = {
        "name": "small",
        "x_train": np.zeros((4, 3, 2), np.float32),
        "y_train": np.ones((4, 2), np.float32),
        "x_test": np.zeros((1, 3, 2), np.float32),
        "y_test": np.ones((1, 2), np.float32),
        "classes": ("no", "yes"),
        "source": "Made here.",
        "spec": {"name": "small"},
    }
    return {**good, **changes}


def test_a_dataset_counts_itself():
    data = Dataset(**fields())
    assert data.shape == (3, 2)
    assert data.features == 6
    assert data.outputs == 2
    assert data.sizes == (4, 1)
    assert "x_train" not in repr(data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"x_train": np.zeros((4, 3, 2))},
            "x_train must be a float32 array, got float64",
        ),
        ({"y_test": [[1.0, 0.0]]}, "y_test must be a float32 array, got list"),
        (
            {"x_test": np.zeros((0, 3, 2), np.float32)},
            r"x_test must hold at least 1 sample .* got shape \(0, 3, 2\)",
        ),
        (
            {"x_train": np.full((4, 3, 2), np.nan, np.float32)},
            "x_train must be finite, got nan",
        ),
        (
            {"y_train": np.full((4, 2), -np.inf, np.float32)},
            "y_train must be finite, got -inf",
        ),
        (
            {"y_train": np.ones((3, 2), np.float32)},
            "x_train and y_train must have the same number of samples, got 4 and 3",
        ),
        (
            {"y_test": np.ones((1, 2, 1), np.float32)},
            r"y_test must have 2 axes, got shape \(1, 2, 1\)",
        ),
        (
            {"x_test": np.zeros((1, 2, 3), np.float32)},
            r"x_train and x_test must have samples of one shape, got \(3, 2\) and",
        ),
        (
            {"y_test": np.ones((1, 3), np.float32)},
            r"y_train and y_test must have samples of one shape, got \(2,\) and \(3,\)",
        ),
        ({"classes": ("one",)}, "classes must hold 2 names for 2 outputs"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_bad_dataset_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Dataset(**fields(**changes))


def test_one_output_has_two_class_names():
    y = {"y_train": np.ones((4, 1), np.float32), "y_test": np.ones((1, 1), np.float32)}
    assert Dataset(**fields(**y)).outputs == 1
    with pytest.raises(ValueError, match="classes must hold 2 names for 1 outputs"):
        Dataset(**fields(**y, classes=("yes",)))


def test_one_hot_puts_a_one_where_the_label_says():
    rows = one_hot("labels", np.array([2, 0], np.uint8), 3)
    assert rows.dtype == np.float32
    assert rows.tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize("label", [-1, 3])
def test_one_hot_refuses_a_label_without_a_column(label):
    message = f"here must hold labels from 0 to 2, got {label} at index 1"
    with pytest.raises(ValueError, match=message):
        one_hot("here", np.array([0, label]), 3)
