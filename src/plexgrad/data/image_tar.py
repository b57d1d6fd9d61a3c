"""A tar archive of images in folders `split/class/`, decoded once and then cached.

The split is `train` or `test`, the class is the folder's name, and labels count the
classes in alphabetical order. Such archives are how image datasets are passed on when
they are re-encoded; nothing is unpacked to disk.
"""

import contextlib
import io
import re
import tarfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from plexgrad.core.arrays import packed, unpacked
from plexgrad.core.files import write_atomically
from plexgrad.core.reading import file_bytes, shown_error
from plexgrad.data.dataset import Labelled
from plexgrad.data.download import file_sha256
from plexgrad.data.members import members

SPLITS = ("train", "test")
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
ABOUT = 2**14
"""Bytes that an image's file may have beside its pixels."""

FORMATS = ("JPEG", "PNG")
LAYOUT = re.compile(r"(?:.*/)?(train|test)/([^/]+)/([^/]+)")
IMAGE = re.compile(r"(?i).*\.(jpe?g|png)")

Image = UInt8[np.ndarray, "height width 3"]
Decoded = dict[tuple[str, str], dict[str, Image]]
"""Images by file, by split and class."""


@dataclass(frozen=True)
class Limits:
    """Images of a dataset, in all, and pixels along a side of each."""

    count: int
    side: int

    @property
    def bytes(self) -> int:
        """Of an image's file: as many as its pixels take, and what describes them."""
        return 3 * self.side**2 + ABOUT

    @property
    def members(self) -> int:
        """Of an archive, with its folders and what systems add to each file."""
        return 2 * self.count + 1000

    @property
    def total(self) -> int:
        """Bytes of an unpacked archive."""
        return self.count * (3 * self.side**2 + 4 * tarfile.BLOCKSIZE) + 2**20


def read(path: Path, limits: Limits) -> Labelled:
    """The dataset in an archive of images. Classes alternate in each split.

    Raises ValueError, naming the archive and the member, for an archive or an image
    that cannot be read or is beyond the limits, an image outside `split/class/`, images
    of different sizes, and splits with different classes.
    """
    decoded: Decoded = {}
    formats: set[str] = set()
    count = 0
    for name, content in members(path, limits.bytes, limits.members, limits.total):
        hidden = name.rpartition("/")[2].startswith(".")
        if hidden or not IMAGE.fullmatch(name):
            continue
        layout = LAYOUT.fullmatch(name)
        if layout is None:
            raise ValueError(
                f"{path} must hold images as split/class/file with a split of "
                f"train or test, got {name[:80]}"
            )
        if (count := count + 1) > limits.count:
            raise ValueError(f"{path} must hold at most {limits.count} images")
        split, label, file = layout.groups()
        image, format = _pixels(f"{path}: {name[:80]}", content(), limits.side)
        decoded.setdefault((split, label), {})[file] = image
        formats.add(format)
    train, test = (sorted({c for s, c in decoded if s == split}) for split in SPLITS)
    if not train or train != test:
        raise ValueError(
            f"{path} must hold the same classes in train and test, "
            f"got {train} and {test}"
        )
    x_train, y_train = _stacked(path, "train", train, decoded)
    x_test, y_test = _stacked(path, "test", train, decoded)
    encoding = (
        f"images re-encoded as {' and '.join(sorted(formats))} "
        f"({'lossless' if formats == {'PNG'} else 'lossy'})"
    )
    return Labelled(x_train, y_train, x_test, y_test, tuple(train), encoding)


def read_cached(path: Path, cache: Path, limits: Limits) -> Labelled:
    """As `read`, from the folder `cache` if the same archive was decoded before.

    The cached file is named by the archive's SHA-256. Warns if it cannot be written.
    """
    kept = cache / f"image-tar-{file_sha256(path)}.npz"
    # Not there yet, or damaged: it is made anew.
    with contextlib.suppress(OSError, ValueError, KeyError):
        return _unpacked(kept, limits)
    images = read(path, limits)
    try:
        write_atomically(kept, _packed(images))
    except OSError as error:
        warnings.warn(
            f"{path} is decoded again at every load, as {cache} must be writable, "
            f"got: {error}",
            stacklevel=2,
        )
    return images


def _pixels(name: str, data: bytes, side: int) -> tuple[Image, str]:
    # Imported here: it takes longer than the rest of the package.
    from PIL import Image as Pillow

    bombs = Pillow.DecompressionBombError, Pillow.DecompressionBombWarning
    try:
        with Pillow.open(io.BytesIO(data), formats=FORMATS) as image:
            if max(image.size) > side:  # known before a pixel is unpacked
                across, down = image.size
                raise ValueError(f"{across} by {down} pixels where {side} is the most")
            return np.array(image.convert("RGB")), str(image.format)
    except (OSError, SyntaxError, ValueError, *bombs) as error:
        raise ValueError(
            f"{name} must be an image, got: {shown_error(error)}"
        ) from error


def _stacked(
    path: Path, split: str, classes: list[str], decoded: Decoded
) -> tuple[UInt8[np.ndarray, "n height width 3"], Int64[np.ndarray, " n"]]:
    # Archives list one class after the other. A training loop that takes samples in
    # order must not see one class for thousands of steps, so classes take turns.
    turns = sorted(
        (turn, label, file)
        for label, name in enumerate(classes)
        for turn, file in enumerate(sorted(decoded[split, name]))
    )
    images = [decoded[split, classes[label]][file] for _, label, file in turns]
    shapes = sorted({image.shape for image in images})
    if len(shapes) > 1:
        raise ValueError(f"{path} must hold images of one size, got {shapes}")
    labels = np.array([label for _, label, _ in turns], np.int64)
    return np.stack(images), labels


def _packed(images: Labelled) -> bytes:
    arrays = {name: getattr(images, name) for name in ARRAYS}
    words = {"classes": np.array(images.classes), "encoding": np.array(images.encoding)}
    return packed({**arrays, **words})


def _unpacked(path: Path, limits: Limits) -> Labelled:
    most = limits.count * (3 * limits.side**2 + 8) + 2**20
    arrays = unpacked(file_bytes(path, most))
    classes = tuple(str(label) for label in arrays["classes"])
    parts = {name: arrays[name] for name in ARRAYS}
    return Labelled(**parts, classes=classes, encoding=str(arrays["encoding"]))
