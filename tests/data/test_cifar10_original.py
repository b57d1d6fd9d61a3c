"""CIFAR-10 as its author distributes it: Python 2 pickles, read without trust."""

import hashlib
import io
import os
import pickle
import tarfile
import tracemalloc

import numpy as np
import pytest

from plexgrad.data import batches, load, pickled
from plexgrad.data.batches import FOLDER, META, TEST, TRAIN
from plexgrad.data.cifar10 import ARCHIVE

CLASSES = tuple("abcdefghij")


class Python2Pickler(pickle._Pickler):
    """Pickles bytes and text as Python 2 did, which made the original files."""

    def save_string(self, data):
        raw = data if isinstance(data, bytes) else data.encode()
        if len(raw) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(raw)]) + raw)
        else:
            self.write(pickle.BINSTRING + len(raw).to_bytes(4, "little") + raw)
        self.memoize(data)

    dispatch = {**pickle._Pickler.dispatch, bytes: save_string, str: save_string}


def as_python_2(content):
    buffer = io.BytesIO()
    Python2Pickler(buffer, protocol=2).dump(content)
    return buffer.getvalue().replace(b"numpy._core", b"numpy.core")


def batch_of(seed, n=4):
    draw = np.random.default_rng(seed)
    rows = draw.integers(0, 256, (n, 3072), np.uint8)
    return {b"data": rows, b"labels": draw.integers(0, 10, n).tolist()}


@pytest.fixture
def original(tmp_path):
    """A folder that holds small original batches; the batches by name."""
    made = {name: batch_of(seed) for seed, name in enumerate((*TRAIN, TEST))}
    place = tmp_path / "cifar-10" / FOLDER
    place.mkdir(parents=True)
    for name, content in made.items():
        (place / name).write_bytes(as_python_2(content))
    names = [name.encode() for name in CLASSES]
    (place / META).write_bytes(as_python_2({b"label_names": names}))
    return made


def test_original_batches_are_read_in_order(original, tmp_path):
    data = load("cifar-10", tmp_path)
    assert data.sizes == (20, 4)
    assert data.shape == (32, 32, 3)
    assert data.classes == CLASSES
    assert data.spec == {"name": "cifar-10", "source": "original"}
    assert "original Python batches, NOT those published (MD5)" in data.source
    red = original[TRAIN[2]][b"data"][1][:1024].reshape(32, 32)
    assert np.allclose(data.x_train[9, :, :, 0] * 255, red)
    labels = original[TEST][b"labels"]
    assert data.y_test.argmax(axis=1).tolist() == labels


def test_the_original_archive_reads_like_the_folder(original, tmp_path):
    place = tmp_path / "cifar-10"
    unpacked = load("cifar-10", place / FOLDER)
    with tarfile.open(place / ARCHIVE.file, "w:gz") as archive:
        archive.add(place / FOLDER, FOLDER)
    for path in (place / FOLDER).iterdir():
        path.unlink()
    (place / FOLDER).rmdir()
    packed = load("cifar-10", tmp_path)
    assert np.array_equal(packed.x_train, unpacked.x_train)
    assert np.array_equal(packed.y_test, unpacked.y_test)
    assert "original Python batches, NOT those published (SHA-256)" in packed.source

    whole = (place / ARCHIVE.file).read_bytes()
    (place / ARCHIVE.file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=f"{ARCHIVE.file} must be a whole tar archive"):
        load("cifar-10", tmp_path)


@pytest.mark.usefixtures("original")
def test_a_missing_batch_is_named(tmp_path):
    (tmp_path / "cifar-10" / FOLDER / "data_batch_3").unlink()
    with pytest.raises(FileNotFoundError, match=f"{FOLDER} must hold data_batch_3"):
        load("cifar-10", tmp_path)


class Call:
    """What an attacker puts into a pickle: a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, "posix.system"), (eval, "__builtin__.eval"), (np.load, "numpy.load")],
)
def test_a_pickle_that_calls_anything_is_refused(tmp_path, function, name):
    target = tmp_path / "was-here"
    data = as_python_2({b"data": Call(function, f"touch {target}")})
    with pytest.raises(ValueError, match=f"here must .* the forbidden name {name}"):
        pickled.read("here", data)
    assert not target.exists()


@pytest.mark.parametrize("data", [b"", b"not a pickle", pickle.dumps({1: 2})[:-3]])
def test_a_damaged_pickle_is_refused(data):
    with pytest.raises(ValueError, match="here must be a pickle of plain data"):
        pickled.read("here", data)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "must hold a dict, got list"),
        ({b"labels": [1]}, "must have an array of data, got None"),
        (
            {b"data": np.zeros((1, 3071), np.uint8), b"labels": [1]},
            r"must have data of shape \('n', 3072\), got \(1, 3071\)",
        ),
        (
            {b"data": np.zeros((1, 3072), np.int32), b"labels": [1]},
            "must be a pickle of .* got an array of something else than bytes",
        ),
        (
            {b"data": np.zeros((1, 3072), np.uint8), b"labels": [b"1"]},
            r"must have labels in a list of int, got \[b'1'\]",
        ),
        (
            {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]},
            "must hold 2 labels, one for each image, got 1",
        ),
    ],
)
@pytest.mark.usefixtures("original")
def test_a_batch_that_does_not_fit_is_refused(tmp_path, content, message):
    path = tmp_path / "cifar-10" / FOLDER / TEST
    path.write_bytes(as_python_2(content))
    with pytest.raises(ValueError, match=f"{FOLDER}: {TEST} {message}"):
        load("cifar-10", tmp_path)


@pytest.mark.usefixtures("original")
def test_class_names_that_are_none_are_refused(tmp_path):
    path = tmp_path / "cifar-10" / FOLDER / META
    path.write_bytes(as_python_2({b"label_names": [1]}))
    with pytest.raises(ValueError, match=r"must have label_names .* got \[1\]"):
        load("cifar-10", tmp_path)


@pytest.mark.usefixtures("original")
def test_a_label_without_a_class_is_refused(tmp_path):
    path = tmp_path / "cifar-10" / FOLDER / TEST
    path.write_bytes(as_python_2({**batch_of(0), b"labels": [0, 10, 1, 2]}))
    with pytest.raises(ValueError, match=r"\(test\) must hold labels .* got 10 at ind"):
        load("cifar-10", tmp_path)


def test_published_files_are_said_to_be(original, tmp_path, monkeypatch):
    place = tmp_path / "cifar-10" / FOLDER
    sums = {
        name: hashlib.md5((place / name).read_bytes()).hexdigest()
        for name in batches.PUBLISHED
    }
    monkeypatch.setattr(batches, "PUBLISHED", sums)
    assert "batches, those published (MD5)" in load("cifar-10", tmp_path).source
    again = {**original[TEST], b"labels": [1, 2, 3, 4]}
    (place / TEST).write_bytes(as_python_2(again))
    assert "batches, NOT those published (MD5)" in load("cifar-10", tmp_path).source


HELD = b"\x80\x02}"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x80\x02]r" + b"\0\0\0\x20.", id="a place of 2**29"),
        pytest.param(
            b"\x80\x02K\1\x85q\0" + b"h\0h\0\x86q\0" * 100 + b".",
            id="tuples in tuples",
        ),
        pytest.param(HELD + b"U\1ah\0s.", id="a place that was not filled"),
        pytest.param(b"\x80\x02]q\0h\0a.", id="a list in itself"),
        pytest.param(HELD + b"q\0U\1ah\0s.", id="a mapping in itself"),
        pytest.param(HELD + b"(U\1au.", id="a key without a value"),
        pytest.param(HELD + b"U\1aT\xff\xff\xff\x7f.", id="text beyond the end"),
        pytest.param(HELD + b"U\1aT\xff\xff\xff\xffs.", id="text of length -1"),
        pytest.param(b"\x80\x02" + b"(" * 300_000 + b".", id="marks without end"),
        pytest.param(b"\x80\x04\x95.", id="a later protocol"),
        pytest.param(
            b"\x80\x02cnumpy\nndarray\n(K\1tcnumpy\ndtype\nU\1OK\0K\1\x87R\x86R.",
            id="an array of objects",
        ),
        pytest.param(b"\x80\x02cnumpy\n" + b"a" * 10**6, id="a name without an end"),
    ],
)
def test_a_pickle_that_is_made_to_harm_is_refused_at_once(data):
    tracemalloc.start()
    with pytest.raises(ValueError, match="^here must .{,200}$"):
        pickled.read("here", data)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**16 + 32 * len(data)
