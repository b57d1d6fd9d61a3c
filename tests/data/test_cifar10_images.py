"""CIFAR-10 as a tar archive of images: what is read, preferred and cached."""

import io
import tarfile

import numpy as np
import PIL.Image
import pytest

from plexgrad.data import catalogue, image_tar, load
from plexgrad.data.batches import FOLDER
from plexgrad.data.cifar10 import ARCHIVE

CLASSES = tuple("abcdefghij")


def picture(level, format="PNG", side=32):
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (side, side), (level, 0, 255)).save(buffer, format)
    return buffer.getvalue()


def pictures(classes=CLASSES, format="PNG"):
    """Members of an archive: two training images of each class, and one for test."""
    return {
        f"{split}/{name}/{number:04}.{format.lower()}": picture(
            10 * label + number, format
        )
        for split, count in (("train", 2), ("test", 1))
        for label, name in enumerate(classes)
        for number in range(count)
    }


def write_tar(path, members, mode="w:gz"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.xz"])
def test_images_are_read_class_after_class(tmp_path, ending):
    members = {f"some/where/{name}": data for name, data in pictures().items()}
    others = {"README.txt": b"hello", "train/a/._0000.png": b"no image"}
    mode = f"w:{ending.removeprefix('tar').removeprefix('.')}"
    write_tar(tmp_path / f"cifar-10-png.{ending}", {**members, **others}, mode)
    data = load("cifar-10", tmp_path)
    assert data.sizes == (20, 10)
    assert data.classes == CLASSES
    assert data.y_train.argmax(axis=1).tolist() == [*range(10), *range(10)]
    assert np.allclose(data.x_train[13] * 255, [31, 0, 255])
    assert data.spec == {"name": "cifar-10", "source": "images"}
    assert f"PNG (lossless), read from cifar-10-png.{ending}" in data.source


def test_jpeg_images_are_called_lossy(tmp_path):
    write_tar(tmp_path / "cifar10-jpeg.tgz", pictures(format="JPEG"))
    data = load("cifar-10", tmp_path)
    assert "re-encoded as JPEG (lossy)" in data.source
    assert np.abs(data.x_train[13, 0, 0] * 255 - [31, 0, 255]).max() < 5


def test_the_decoded_archive_is_cached_until_it_changes(
    tmp_path, cache_home, monkeypatch
):
    path = tmp_path / "cifar10.tar.gz"
    write_tar(path, pictures())
    first = load("cifar-10", tmp_path)
    (kept,) = (cache_home / "decoded").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(image_tar, "read", None)
        again = load("cifar-10", tmp_path)
    assert np.array_equal(first.x_train, again.x_train)
    assert (first.source, first.classes) == (again.source, again.classes)

    kept.write_bytes(b"damaged")
    assert np.array_equal(first.x_test, load("cifar-10", tmp_path).x_test)

    members = pictures()
    members["train/a/0000.png"] = picture(255)
    write_tar(path, members)
    assert load("cifar-10", tmp_path).x_train[0].min() == 0
    assert (load("cifar-10", tmp_path).x_train[0, :, :, 0] == 1).all()
    assert [item.name for item in tmp_path.iterdir()] == ["cifar10.tar.gz"]


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path, cache_home):
    write_tar(tmp_path / "cifar10.tar.gz", pictures())
    cache_home.mkdir()
    (cache_home / "decoded").write_text("in the way")
    with pytest.warns(UserWarning, match="decoded must be writable, got"):
        assert load("cifar-10", tmp_path).sizes == (20, 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"stray.png": picture(0)},
            "must hold images as split/class/file .* got stray.png",
        ),
        (
            {"train/a/0000.png": b"no"},
            r"train/a/0000.png must be an image, got: cannot",
        ),
        (
            {"train/a/0000.png": picture(0)[:50]},
            r"train/a/0000.png must be an image, got",
        ),
        (
            {"train/a/0000.png": picture(0, side=31)},
            "must hold images of one size, got",
        ),
        ({"train/k/0000.png": picture(0)}, r"the same classes in train and test, got"),
        (
            {"train/k/0000.png": picture(0), "test/k/0000.png": picture(0)},
            "must hold this number of classes: 10, got 11",
        ),
    ],
)
def test_an_archive_that_does_not_fit_is_refused(tmp_path, changes, message):
    path = tmp_path / "cifar10.tar.gz"
    write_tar(path, {**pictures(), **changes})
    with pytest.raises(ValueError, match=f"{path}.* {message}"):
        load("cifar-10", tmp_path)


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.xz"])
def test_a_damaged_archive_is_refused(tmp_path, ending):
    (tmp_path / f"cifar10.{ending}").write_bytes(b"no archive at all" * 99)
    with pytest.raises(ValueError, match=f"cifar10.{ending} must be a whole tar arch"):
        load("cifar-10", tmp_path)


def test_images_of_another_size_are_refused(tmp_path):
    members = {name: picture(0, side=16) for name in pictures()}
    write_tar(tmp_path / "cifar10.tar.gz", members)
    with pytest.raises(ValueError, match=r"of shape \(32, 32, 3\), got \(16, 16, 3\)"):
        load("cifar-10", tmp_path)


def test_two_archives_are_one_too_many(tmp_path):
    for name in ("cifar10-a.tar", "cifar10-b.tar", "cifar100.tar", "other.tar"):
        write_tar(tmp_path / name, pictures(), "w")
    with pytest.raises(
        ValueError, match="one tar archive of images, got cifar10-a.tar, cifar10-b.tar"
    ):
        load("cifar-10", tmp_path)


def test_the_original_is_preferred_and_either_can_be_asked_for(tmp_path):
    write_tar(tmp_path / "cifar10.tar.gz", pictures())
    (tmp_path / FOLDER).mkdir()
    for options in ({}, {"source": "original"}):
        with pytest.raises(FileNotFoundError, match=f"{FOLDER} must hold data_batch_1"):
            load("cifar-10", tmp_path, **options)
    assert load("cifar-10", tmp_path, source="images").sizes == (20, 10)
    with pytest.raises(ValueError, match="source must be one of 'auto', 'original'"):
        load("cifar-10", tmp_path, source="png")


def test_missing_files_say_what_is_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"{FOLDER}, {ARCHIVE.file} or a tar"):
        load("cifar-10", tmp_path)
    write_tar(tmp_path / "cifar10.tar.gz", pictures())
    with pytest.raises(FileNotFoundError, match=f"{FOLDER} or {ARCHIVE.file} in"):
        load("cifar-10", tmp_path, source="original")


def test_only_the_original_is_downloaded_and_only_if_nothing_is_there(tmp_path):
    def missing(**options):
        return catalogue.source("cifar-10", **options).missing(tmp_path)

    assert missing() == missing(source="original") == (ARCHIVE,)
    write_tar(tmp_path / "cifar10.tar.gz", pictures())
    assert missing() == missing(source="images") == ()
    assert missing(source="original") == (ARCHIVE,)


def test_the_real_images(real_folder, monkeypatch):
    before = sorted((real_folder / "cifar-10").iterdir())
    data = load("cifar-10", real_folder)
    assert data.sizes == (50_000, 10_000)
    assert data.shape == (32, 32, 3)
    assert (data.y_train.sum(axis=0) == 5000).all()
    assert (data.y_test.sum(axis=0) == 1000).all()
    assert data.classes[0] == "airplane"
    if data.spec["source"] == "images":
        assert "re-encoded as" in data.source
        # The second load must come from the cache, not from 60,000 files.
        monkeypatch.setattr(image_tar, "read", None)
        again = load(**data.spec, folder=real_folder)
        assert np.array_equal(again.x_test, data.x_test)
    assert sorted((real_folder / "cifar-10").iterdir()) == before
