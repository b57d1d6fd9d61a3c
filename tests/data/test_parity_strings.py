"""Parity: the truth table, at every size a test can afford."""

import numpy as np
import pytest

from plexgrad.data import load


def test_xor_is_the_truth_table_of_exclusive_or():
    data = load("xor")
    assert data.x_train.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert data.y_train.tolist() == [[0], [1], [1], [0]]
    assert data.classes == ("even", "odd")


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_parity_holds_every_string_once_with_its_parity(bits):
    data = load("parity", bits=bits)
    rows = ["".join(str(int(bit)) for bit in row) for row in data.x_train]
    assert rows == [format(number, f"0{bits}b") for number in range(2**bits)]
    assert data.y_train[:, 0].tolist() == [row.count("1") % 2 for row in rows]


def test_the_test_set_is_the_training_set_and_the_source_says_so():
    data = load("parity")
    assert data.name == "parity-4"
    assert np.array_equal(data.x_train, data.x_test)
    assert np.array_equal(data.y_train, data.y_test)
    assert "test set is the training set" in data.source


def test_the_short_name_sets_the_bits():
    assert load("parity-6").spec == {"name": "parity", "bits": 6}
    assert load("parity-6").sizes == (64, 64)


@pytest.mark.parametrize("bits", [0, 17, 2.0, "4", True])
@pytest.mark.usefixtures("unchecked")
def test_other_numbers_of_bits_are_refused(bits):
    with pytest.raises(
        ValueError, match="bits must be an integer of at least 1 and at most 16, got"
    ):
        load("parity", bits=bits)
