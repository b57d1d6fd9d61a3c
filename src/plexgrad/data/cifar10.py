"""CIFAR-10: 32x32 colour photographs of ten classes, official split.

A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009. Read from
the original Python batches (unpacked, or in their archive), or from a tar archive of
the images. The archive's SHA-256 is the one that Keras and torchvision publish.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from plexgrad.core.validate import one_of
from plexgrad.data import batches, image_tar
from plexgrad.data.dataset import Dataset, one_hot
from plexgrad.data.download import Remote, file_sha256
from plexgrad.data.folders import Folder, cache, not_found, places
from plexgrad.data.source import AbstractSource

ARCHIVE = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    most=170_498_071,
)
IMAGES = re.compile(r"(?i)cifar-?10(?!\d).*\.(tar(\.(gz|xz|bz2))?|tgz|txz)")
CLASSES = 10
SHAPE = (32, 32, 3)
LIMITS = image_tar.Limits(count=60_000, side=32)

WANTED = {
    "auto": f"{batches.FOLDER}, {ARCHIVE.file} or a tar archive of images",
    "original": f"{batches.FOLDER} or {ARCHIVE.file}",
    "images": "one tar archive of images named cifar-10*.tar.*",
}
"""The options of `source`, and what each looks for."""


@dataclass(frozen=True)
class Cifar10(AbstractSource):
    """CIFAR-10: colour photographs, 32x32 pixels, 50,000 and 10,000 images.

    `source` is "original" (the Python batches), "images" (a tar archive of images
    whose name starts with cifar10 or cifar-10), or "auto": the first of the two that is
    found. Raises ValueError for another word.
    """

    name: ClassVar[str] = "cifar-10"
    source: str = "auto"

    def __post_init__(self) -> None:
        one_of("source", self.source, WANTED)

    def missing(self, folder: Folder | None) -> tuple[Remote, ...]:
        wanted = self.source != "images" and self._found(folder) is None
        return (ARCHIVE,) if wanted else ()

    def load(self, folder: Folder | None) -> Dataset:
        found = self._found(folder)
        if found is None:
            raise not_found(self.name, WANTED[self.source], folder)
        kind, path = found
        if kind == "original":
            images, digest = batches.read(path, ARCHIVE.sha256), ""
        else:
            images = image_tar.read_cached(path, cache() / "decoded", LIMITS)
            digest = f" (SHA-256 {file_sha256(path)[:12]}...)"
        for rule, value, wanted in (
            ("images of shape", images.x_train.shape[1:], SHAPE),
            ("this number of classes:", len(images.classes), CLASSES),
        ):
            if value != wanted:
                raise ValueError(f"{path} must hold {rule} {wanted}, got {value}")
        source = (
            f"CIFAR-10 (Krizhevsky 2009; no licence stated): {images.encoding}, "
            f"read from {path.name}{digest}. Official split, "
            f"{len(images.x_train)} training and {len(images.x_test)} test images."
        )
        scale = np.float32(255)
        return Dataset(
            self.name,
            images.x_train / scale,
            one_hot(f"{path} (train)", images.y_train, CLASSES),
            images.x_test / scale,
            one_hot(f"{path} (test)", images.y_test, CLASSES),
            images.classes,
            source,
            replace(self, source=kind).spec,
        )

    def _found(self, folder: Folder | None) -> tuple[str, Path] | None:
        for kind, candidates in (("original", _originals), ("images", _image_tars)):
            if self.source in (kind, "auto"):
                for place in places(self.name, folder):
                    if paths := candidates(place):
                        return kind, paths[0]
        return None


def _originals(place: Path) -> list[Path]:
    own = place.name == batches.FOLDER
    unpacked, packed = place if own else place / batches.FOLDER, place / ARCHIVE.file
    return [unpacked] * unpacked.is_dir() + [packed] * packed.is_file()


def _image_tars(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    paths = [p for p in place.iterdir() if IMAGES.fullmatch(p.name) and p.is_file()]
    paths = [path for path in paths if path.name != ARCHIVE.file]
    if len(paths) > 1:
        names = ", ".join(sorted(path.name for path in paths))
        raise ValueError(f"{place} must hold one tar archive of images, got {names}")
    return paths
