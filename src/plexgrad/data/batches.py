"""The original CIFAR-10 files: Python 2 pickles of uint8 rows, read without trust.

A pickle can name any function to be called. The unpickler here knows three names, all
of which make an array; see "Restricting Globals" in the documentation of `pickle`.
Layout: A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import io
import pickle
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from plexgrad.data.dataset import Labelled

FOLDER = "cifar-10-batches-py"
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
META = "batches.meta"
SIDE = 32

_ARRAY_MAKERS = {
    "_reconstruct": np.empty(0).__reduce__()[0],
    "ndarray": np.ndarray,
    "dtype": np.dtype,
}
_ARRAY_MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")


def read(path: Path) -> Labelled:
    """The dataset in the folder `cifar-10-batches-py`, or in the archive that holds it.

    Images have 32x32 pixels. Raises FileNotFoundError for a missing file, ValueError
    for one that is not what it should be, both naming the file.
    """
    files = _in_folder(path) if path.is_dir() else _in_archive(path)
    for name in (*TRAIN, TEST, META):
        if name not in files:
            raise FileNotFoundError(f"{path} must hold {name}, got none")
    names = unpickled(f"{path}: {META}", files[META]).get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(n, bytes) for n in names):
        raise ValueError(
            f"{path}: {META} must have label_names in a list of bytes, "
            f"got {names!r:.80}"
        )
    pairs = [_pair(f"{path}: {name}", files[name]) for name in (*TRAIN, TEST)]
    images, labels = zip(*pairs, strict=True)
    return Labelled(
        np.concatenate(images[:-1]),
        np.concatenate(labels[:-1]),
        images[-1],
        labels[-1],
        tuple(name.decode() for name in names),
        "original Python batches",
    )


def unpickled(name: str, data: bytes) -> dict[bytes, Any]:
    """The mapping that a pickle holds, if it is made of plain data and arrays only.

    Raises ValueError, naming the file, for anything else.
    """
    try:
        content = _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
    # A damaged pickle can raise nearly anything.
    except Exception as error:
        raise ValueError(
            f"{name} must be a pickle of plain data and arrays, got: {error}"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{name} must hold a dict, got {type(content).__name__}")
    return content


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in _ARRAY_MODULES and name in _ARRAY_MAKERS:
            return _ARRAY_MAKERS[name]
        raise pickle.UnpicklingError(f"the forbidden name {module}.{name}")


def _pair(
    name: str, data: bytes
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], Int64[np.ndarray, " n"]]:
    batch = unpickled(name, data)
    rows, labels = batch.get(b"data"), batch.get(b"labels")
    width = 3 * SIDE**2
    if not isinstance(rows, np.ndarray):
        raise ValueError(f"{name} must have an array of data, got {rows!r:.80}")
    if rows.dtype != np.uint8 or rows.shape[1:] != (width,):
        raise ValueError(
            f"{name} must have uint8 data of shape ('n', {width}), "
            f"got {rows.dtype} of shape {rows.shape}"
        )
    if not isinstance(labels, list) or any(type(label) is not int for label in labels):
        raise ValueError(
            f"{name} must have labels in a list of int, got {labels!r:.80}"
        )
    if len(labels) != len(rows):
        raise ValueError(
            f"{name} must hold {len(rows)} labels, one for each image, "
            f"got {len(labels)}"
        )
    images = rows.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(labels, np.int64)


def _in_folder(path: Path) -> dict[str, bytes]:
    names = (*TRAIN, TEST, META)
    return {n: (path / n).read_bytes() for n in names if (path / n).is_file()}


def _in_archive(path: Path) -> dict[str, bytes]:
    files = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                content = archive.extractfile(member) if member.isfile() else None
                if folder == FOLDER and content is not None:
                    files[name] = content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} must be a whole tar archive, got: {error}; "
            f"delete it and download it again"
        ) from error
    return files
