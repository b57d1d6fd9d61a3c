"""A tar archive of images in folders `split/class/`, decoded once and then cached.

The split is `train` or `test`, the class is the folder's name, and labels count the
classes in alphabetical order. Such archives are how image datasets are passed on when
they are re-encoded; nothing is unpacked to disk.
"""

import io
import lzma
import re
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from plexgrad.core.files import write_atomically
from plexgrad.data.dataset import Labelled
from plexgrad.data.download import sha256

SPLITS = ("train", "test")
FORMATS = ("JPEG", "PNG")
LAYOUT = re.compile(r"(?:.*/)?(train|test)/([^/]+)/([^/]+)")
IMAGE = re.compile(r"(?i).*\.(jpe?g|png)")

Image = UInt8[np.ndarray, "height width 3"]
Decoded = dict[tuple[str, str], dict[str, Image]]
"""Images by file, by split and class."""


def read(path: Path) -> Labelled:
    """The dataset in an archive of images. Classes alternate in each split.

    Raises ValueError, naming the archive and the member, for an archive or an image
    that cannot be read, an image outside `split/class/`, images of different sizes, and
    splits with different classes.
    """
    decoded: Decoded = {}
    formats: set[str] = set()
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                hidden = member.name.rpartition("/")[2].startswith(".")
                content = archive.extractfile(member) if member.isfile() else None
                if content is None or hidden or not IMAGE.fullmatch(member.name):
                    continue
                layout = LAYOUT.fullmatch(member.name)
                if layout is None:
                    raise ValueError(
                        f"{path} must hold images as split/class/file with a split of "
                        f"train or test, got {member.name}"
                    )
                split, label, file = layout.groups()
                image, format = _pixels(f"{path}: {member.name}", content.read())
                decoded.setdefault((split, label), {})[file] = image
                formats.add(format)
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"{path} must be a whole tar archive, got: {error}") from error
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


def read_cached(path: Path, cache: Path) -> Labelled:
    """As `read`, from the folder `cache` if the same archive was decoded before.

    The cached file is named by the archive's SHA-256. Warns if it cannot be written.
    """
    kept = cache / f"image-tar-{sha256(path.read_bytes())}.npz"
    try:
        with np.load(kept, allow_pickle=False) as arrays:
            classes = tuple(str(label) for label in arrays["classes"])
            return Labelled(
                arrays["x_train"],
                arrays["y_train"],
                arrays["x_test"],
                arrays["y_test"],
                classes,
                str(arrays["encoding"]),
            )
    # Not there yet, or damaged: it is made anew.
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass
    images = read(path)
    try:
        write_atomically(kept, _packed(images))
    except OSError as error:
        warnings.warn(
            f"{path} is decoded again at every load, as {cache} must be writable, "
            f"got: {error}",
            stacklevel=2,
        )
    return images


def _pixels(name: str, data: bytes) -> tuple[Image, str]:
    # Imported here: it takes longer than the rest of the package.
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(data), formats=FORMATS) as image:
            return np.array(image.convert("RGB")), str(image.format)
    except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError) as error:
        raise ValueError(f"{name} must be an image, got: {error}") from error


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
    buffer = io.BytesIO()
    np.savez(
        buffer,
        x_train=images.x_train,
        y_train=images.y_train,
        x_test=images.x_test,
        y_test=images.y_test,
        classes=np.array(images.classes),
        encoding=np.array(images.encoding),
    )
    return buffer.getvalue()
