"""The digits inside scikit-learn: what is scaled, and what is held out."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from plexgrad.data import load


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def rows(x):
    return {row.tobytes() for row in x}


def test_no_test_image_is_in_the_training_set(digits):
    assert sum(digits.sizes) == 1797
    assert digits.x_train.shape[1:] == (8, 8)
    assert rows(digits.x_train).isdisjoint(rows(digits.x_test))


def test_every_class_gives_a_fifth_to_the_test_set(digits):
    train, test = digits.y_train.sum(axis=0), digits.y_test.sum(axis=0)
    assert np.abs(test - (train + test) / 5).max() <= 0.5


def test_pixels_and_labels_are_those_of_scikit_learn(digits):
    bunch = load_digits()
    label = {
        image.tobytes(): n for image, n in zip(bunch.images, bunch.target, strict=True)
    }
    for x, y in ((digits.x_train, digits.y_train), (digits.x_test, digits.y_test)):
        for image, target in zip(x, y, strict=True):
            original = (image * 16).astype(np.float64).tobytes()
            assert label[original] == target.argmax()
            assert target.sum() == 1


def test_the_source_says_how_the_split_was_made(digits):
    assert "20%, drawn with seed 0" in digits.source
