"""The original CIFAR-10 files: Python 2 pickles of uint8 rows, read without trust.

They are read by `data.pickled`, which builds nothing that a file names. Layout: A.
Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html. The digests are the MD5 sums
that torchvision publishes; they tell a file from another, not from a forgery.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from plexgrad.core.reading import file_bytes, shown
from plexgrad.data import pickled
from plexgrad.data.dataset import Labelled
from plexgrad.data.download import file_sha256
from plexgrad.data.members import members

FOLDER = "cifar-10-batches-py"
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
META = "batches.meta"
SIDE = 32
MOST_IMAGES = 10_000
LARGEST = MOST_IMAGES * (3 * SIDE**2 + 128)
"""Bytes of a file: images, and for each a label and a file's name."""

MEMBERS = 100
"""Members of the archive, where 9 are expected."""

TOTAL = 8 * LARGEST
"""Bytes of the archive, unpacked."""

PUBLISHED = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    TEST: "40351d587109b95175f43aff81a1287e",
    META: "5ff9c542aee3614f3951f8cda6e48888",
}

Pair = tuple[UInt8[np.ndarray, "n 32 32 3"], Int64[np.ndarray, " n"]]


def read(path: Path, sha256: str) -> Labelled:
    """The dataset in the folder `cifar-10-batches-py`, or in the archive that holds it.

    Images have 32x32 pixels; `encoding` says whether the files are those published,
    for an archive by its SHA-256.
    Raises FileNotFoundError for a missing file, ValueError for one that is not what it
    should be, both naming the file.
    """
    found: dict[str, Pair] = {}
    names, same = None, True
    for name, content in _in_folder(path) if path.is_dir() else _in_archive(path):
        data = content()
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        same = same and digest == PUBLISHED[name]
        if name == META:
            names = _names(f"{path}: {name}", data)
        else:
            found[name] = _pair(f"{path}: {name}", data)
    for name in (*TRAIN, TEST):
        if name not in found:
            raise FileNotFoundError(f"{path} must hold {name}, got none")
    if names is None:
        raise FileNotFoundError(f"{path} must hold {META}, got none")
    how = "MD5"
    if path.is_file():
        how, same = "SHA-256", file_sha256(path) == sha256
    x_test, y_test = found.pop(TEST)
    images, labels = zip(*(found[name] for name in TRAIN), strict=True)
    return Labelled(
        np.concatenate(images),
        np.concatenate(labels),
        x_test,
        y_test,
        names,
        f"original Python batches, {'' if same else 'NOT '}those published ({how})",
    )


def _names(name: str, data: bytes) -> tuple[str, ...]:
    names = pickled.read(name, data).get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(n, bytes) for n in names):
        raise ValueError(
            f"{name} must have label_names in a list of bytes, got {shown(names)}"
        )
    try:
        return tuple(name.decode("ascii") for name in names)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} must have label_names in ASCII, got {shown(names)}"
        ) from error


def _pair(name: str, data: bytes) -> Pair:
    batch = pickled.read(name, data)
    rows, labels = batch.get(b"data"), batch.get(b"labels")
    width = 3 * SIDE**2
    if not isinstance(rows, np.ndarray):
        raise ValueError(f"{name} must have an array of data, got {shown(rows)}")
    if rows.shape[1:] != (width,):
        raise ValueError(
            f"{name} must have data of shape ('n', {width}), got {rows.shape}"
        )
    if not isinstance(labels, list) or any(type(label) is not int for label in labels):
        raise ValueError(
            f"{name} must have labels in a list of int, got {shown(labels)}"
        )
    if len(labels) != len(rows):
        raise ValueError(
            f"{name} must hold {len(rows)} labels, one for each image, "
            f"got {len(labels)}"
        )
    images = rows.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(labels, np.int64)


def _in_folder(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for name in PUBLISHED:
        if (path / name).is_file():
            yield name, lambda file=path / name: file_bytes(file, LARGEST)


def _in_archive(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for member, content in members(path, LARGEST, MEMBERS, TOTAL):
        folder, _, name = member.rpartition("/")
        if folder == FOLDER and name in PUBLISHED:
            yield name, content
