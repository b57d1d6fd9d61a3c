"""Loading by name: every dataset is found, and mistakes are answered with help."""

import json
import subprocess
import sys

import numpy as np
import pytest

import plexgrad.data
from plexgrad.data import catalogue, folders, load, names

MADE = ("digits", "iris", "nist7x7", "parity", "waveforms", "xor")
"""Datasets that need no file."""


def test_the_known_names():
    files = ("cifar-10", "fashion-mnist", "mnist")
    assert names() == tuple(sorted(MADE + files))
    assert sorted(plexgrad.data.__all__) == [
        "Dataset",
        "describe",
        "fetch",
        "load",
        "names",
        "source",
    ]


@pytest.mark.parametrize("name", names())
def test_every_dataset_describes_itself_in_a_line(name):
    line = catalogue.describe(name)
    assert line.endswith(".")
    assert "\n" not in line


@pytest.mark.parametrize("name", MADE)
def test_a_spec_reproduces_its_dataset(name):
    data = load(name, download=True)
    again = load(**json.loads(json.dumps(data.spec)))
    for part in ("x_train", "y_train", "x_test", "y_test"):
        assert np.array_equal(getattr(data, part), getattr(again, part))
    assert (again.name, again.source, again.spec) == (data.name, data.source, data.spec)
    assert data.x_train.min() == 0
    assert data.x_train.max() == 1


@pytest.mark.parametrize(
    ("name", "close"),
    [("MNIST", "mnist"), ("cifar10", "cifar-10"), ("nist7*7", "nist7x7")],
)
def test_an_unknown_name_is_answered_with_a_close_one(name, close):
    with pytest.raises(ValueError, match=f"did you mean '{close}'") as error:
        load(name)
    for known in names():
        assert known in str(error.value)


def test_a_name_like_nothing_is_answered_with_the_list():
    with pytest.raises(ValueError, match=r"name must be one of .*; got 'zebra'$"):
        load("zebra")


def test_unknown_options_are_refused():
    with pytest.raises(
        ValueError, match=r"options of parity must be among: bits; got bit, size"
    ):
        load("parity", size=3, bit=4)
    with pytest.raises(ValueError, match="options of xor must be among: no options"):
        load("xor", bits=2)


def test_an_option_given_twice_is_refused():
    with pytest.raises(
        ValueError, match="bits must be given once, got 'parity-4' and bits=5"
    ):
        load("parity-4", bits=5)


def test_folders_are_searched_in_the_order_promised(monkeypatch, tmp_path, cache_home):
    assert folders.roots(None) == (cache_home,)
    monkeypatch.setenv("PLEXGRAD_DATA", str(tmp_path))
    assert folders.roots(None) == (tmp_path, cache_home)
    assert folders.roots(tmp_path / "named") == (tmp_path / "named",)
    assert folders.places("mnist", tmp_path) == (tmp_path / "mnist", tmp_path)
    assert folders.destination("mnist", None) == tmp_path / "mnist"
    assert folders.destination("mnist", tmp_path / "mnist") == tmp_path / "mnist"


def test_a_relative_cache_folder_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folders.cache() == tmp_path / ".cache" / "plexgrad"


def test_importing_the_data_room_imports_nothing_heavy():
    heavy = ("sklearn", "PIL", "jax", "urllib.request")
    # A bare parent, as the real one imports the other rooms.
    code = (
        "import sys, types; parent = types.ModuleType('plexgrad'); "
        f"parent.__path__ = {plexgrad.__path__}; sys.modules['plexgrad'] = parent; "
        "import plexgrad.data; plexgrad.data.names(); "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
