"""The MNIST family: four files, their agreement, and where they are looked for."""

import numpy as np
import pytest

from plexgrad.data import load
from plexgrad.data.idx import decode
from plexgrad.data.mnist import FILES, FashionMnist, Mnist

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILES


def test_pixels_are_scaled_and_labels_are_one_hot(idx_contents, write_idx):
    data = load("mnist", write_idx(idx_contents))
    pixels = decode("train", idx_contents[TRAIN_IMAGES])
    labels = decode("test", idx_contents[TEST_LABELS])
    assert data.sizes == (5, 3)
    assert data.shape == (28, 28)
    assert np.allclose(data.x_train * 255, pixels)
    assert data.y_test.argmax(axis=1).tolist() == labels.tolist()
    assert data.spec == {"name": "mnist"}
    assert "NOT those published" in data.source


def test_the_folder_may_be_the_parent_or_the_datasets_own(
    idx_contents, write_idx, monkeypatch
):
    parent = write_idx(idx_contents)
    own = load("mnist", parent / "mnist")
    monkeypatch.setenv("PLEXGRAD_DATA", str(parent))
    assert np.array_equal(own.x_train, load("mnist").x_train)
    monkeypatch.setenv("PLEXGRAD_DATA", str(parent / "mnist"))
    assert np.array_equal(own.x_train, load("mnist").x_train)


def test_the_cache_is_searched_after_the_named_folder(
    idx_contents, write_idx, monkeypatch, cache_home
):
    cache_home.mkdir()
    (write_idx(idx_contents) / "mnist").rename(cache_home / "mnist")
    monkeypatch.setenv("PLEXGRAD_DATA", str(cache_home.parent / "nothing"))
    assert load("mnist").sizes == (5, 3)


def test_plain_files_are_read_too(idx_contents, tmp_path):
    for file, content in idx_contents.items():
        (tmp_path / file.removesuffix(".gz")).write_bytes(content)
    assert load("fashion-mnist", tmp_path).classes[9] == "Ankle boot"


def test_missing_files_say_how_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        load("fashion-mnist", tmp_path)
    for help_text in (
        TRAIN_IMAGES,
        str(tmp_path / "fashion-mnist"),
        "PLEXGRAD_DATA",
        "load('fashion-mnist', download=True)",
        "plexgrad data fetch fashion-mnist",
    ):
        assert help_text in str(error.value)


def test_one_missing_file_is_named(idx_contents, write_idx):
    del idx_contents[TEST_LABELS]
    with pytest.raises(FileNotFoundError, match=TEST_LABELS):
        load("mnist", write_idx(idx_contents))


def bad(file, array, message):
    return pytest.param(file, array, message, id=message.split(",")[0])


@pytest.mark.parametrize(
    ("file", "array", "message"),
    [
        bad(TRAIN_IMAGES, np.zeros((5, 28, 28), np.int16), "hold uint8, got int16"),
        bad(
            TRAIN_IMAGES,
            np.zeros((5, 784), np.uint8),
            r"have shape \('n', 28, 28\), got \(5, 784\)",
        ),
        bad(
            TEST_IMAGES,
            np.zeros((3, 28, 27), np.uint8),
            r"have shape \('n', 28, 28\), got \(3, 28, 27\)",
        ),
        bad(
            TEST_LABELS,
            np.zeros((3, 1), np.uint8),
            r"have shape \('n',\), got \(3, 1\)",
        ),
        bad(
            TRAIN_LABELS,
            np.zeros(4, np.uint8),
            f"hold 5 labels, one for each image in {TRAIN_IMAGES}, got 4",
        ),
        bad(
            TEST_LABELS,
            np.array([0, 9, 10], np.uint8),
            "hold labels from 0 to 9, got 10 at index 2",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(
    idx_contents, write_idx, encode_idx, file, array, message
):
    idx_contents[file] = encode_idx(array)
    folder = write_idx(idx_contents)
    with pytest.raises(ValueError, match=f"{folder / 'mnist' / file} must {message}"):
        load("mnist", folder)


def test_a_file_without_images_is_refused(idx_contents, write_idx, encode_idx):
    idx_contents[TEST_IMAGES] = encode_idx(np.zeros((0, 28, 28), np.uint8))
    idx_contents[TEST_LABELS] = encode_idx(np.zeros(0, np.uint8))
    with pytest.raises(ValueError, match="x_test must hold at least 1 sample"):
        load("mnist", write_idx(idx_contents))


@pytest.mark.parametrize("kind", [Mnist, FashionMnist])
def test_real_files_are_those_published(real_folder, kind):
    data = load(kind.name, real_folder)
    assert data.sizes == (60_000, 10_000)
    assert data.x_train.min() == 0
    assert data.x_train.max() == 1
    assert len(data.classes) == data.outputs == 10
    # The checksums are of these very bytes, so this also proves the list of them.
    assert "the files are those published" in data.source


def test_real_labels_have_the_known_counts(real_folder):
    fashion = load("fashion-mnist", real_folder)
    assert (fashion.y_train.sum(axis=0) == 6000).all()
    assert (fashion.y_test.sum(axis=0) == 1000).all()


def test_files_of_another_dataset_are_not_taken_for_it(real_folder):
    with pytest.raises(
        ValueError, match="must be a file of mnist, got that of fashion-mnist"
    ):
        load("mnist", real_folder / "fashion-mnist")
