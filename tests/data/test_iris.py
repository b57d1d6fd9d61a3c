"""The flowers inside scikit-learn: scaled by what is trained on, dealt in turn."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from plexgrad.data import load
from plexgrad.data.iris import in_turn


@pytest.fixture(scope="module")
def iris():
    return load("iris")


def test_the_split_is_stratified_and_leaves_nothing_out(iris):
    assert iris.sizes == (105, 45)
    assert iris.y_train.sum(axis=0).tolist() == [35, 35, 35]
    assert iris.y_test.sum(axis=0).tolist() == [15, 15, 15]
    assert sorted(in_turn(load_iris().target)) == list(range(150))


def test_species_take_turns(iris):
    for y in (iris.y_train, iris.y_test):
        np.testing.assert_array_equal(y.argmax(axis=1), np.arange(len(y)) % 3)


def test_lengths_are_scaled_by_the_training_set_only(iris):
    assert iris.x_train.min(axis=0).tolist() == [0, 0, 0, 0]
    assert iris.x_train.max(axis=0).tolist() == [1, 1, 1, 1]
    bunch = load_iris()
    order = in_turn(bunch.target)
    rows = bunch.data[order[45:]]
    span = rows.max(axis=0) - rows.min(axis=0)
    np.testing.assert_allclose(
        iris.x_train * span + rows.min(axis=0), rows, rtol=1e-6, atol=1e-6
    )


def test_classes_of_unequal_size_cannot_take_turns():
    with pytest.raises(ValueError, match=r"as many samples, got \[1, 2\]"):
        in_turn(np.array([0, 1, 1]))
