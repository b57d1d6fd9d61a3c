"""MNIST and Fashion-MNIST: 28x28 grey images in four IDX files, official split.

LeCun, Cortes and Burges 1998; Xiao, Rasul and Vollgraf 2017 (arXiv:1708.07747). The
checksums are SHA-256 of the unpacked files, computed from copies whose unpacked MD5
sums equal the published ones.
"""

import abc
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float32

from plexgrad.data.dataset import Dataset, one_hot
from plexgrad.data.download import Remote, sha256
from plexgrad.data.folders import Folder, destination, not_found, places
from plexgrad.data.idx import decode, unpacked
from plexgrad.data.source import AbstractSource

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
"""The original names, in the order in which the checksums are listed."""

SHAPE = (28, 28)

MOST = tuple(16 + count * size for count in (60_000, 10_000) for size in (28 * 28, 1))
"""Bytes that each file may hold: those published have as many, labels 8 less."""


@dataclass(frozen=True)
class AbstractIdxSource(AbstractSource):
    """Two pairs of IDX files, images and labels, packed by gzip or plain."""

    classes: ClassVar[tuple[str, ...]]
    url: ClassVar[str]
    checksums: ClassVar[tuple[str, str, str, str]]

    @classmethod
    @abc.abstractmethod
    def origin(cls) -> str:
        """Who made the images, under which licence."""

    @classmethod
    def remotes(cls) -> tuple[Remote, ...]:
        """The public files."""
        return tuple(
            Remote(f"{cls.url}/{file}", checksum, packed=True, most=most)
            for file, checksum, most in zip(FILES, cls.checksums, MOST, strict=True)
        )

    def place(self, folder: Folder | None) -> Path:
        for place in places(self.name, folder):
            if any(_file(place, file) for file in FILES):
                return place
        return destination(self.name, folder)

    def missing(self, folder: Folder | None) -> tuple[Remote, ...]:
        place = self.place(folder)
        return tuple(r for r in self.remotes() if _file(place, r.file) is None)

    def load(self, folder: Folder | None) -> Dataset:
        place = self.place(folder)
        paths = []
        for file in FILES:
            path = _file(place, file)
            if path is None:
                raise not_found(self.name, file, folder)
            paths.append(path)
        contents = list(map(unpacked, paths, MOST))
        published = self._published(paths, contents)
        x_train, y_train = self._pair(paths[:2], contents[:2])
        x_test, y_test = self._pair(paths[2:], contents[2:])
        source = (
            f"{self.origin()} Official split, {len(x_train)} training and "
            f"{len(x_test)} test images; the files are "
            f"{'' if published else 'NOT '}those published (SHA-256)."
        )
        return Dataset(
            self.name, x_train, y_train, x_test, y_test, self.classes, source, self.spec
        )

    def _published(self, paths: list[Path], contents: list[bytes]) -> bool:
        digests = tuple(sha256(content) for content in contents)
        # All of the family use the same file names: a folder is easily mistaken.
        for other in AbstractIdxSource.__subclasses__():
            for path, mine, theirs in zip(paths, digests, other.checksums, strict=True):
                if other is not type(self) and mine == theirs:
                    raise ValueError(
                        f"{path} must be a file of {self.name}, "
                        f"got that of {other.name}"
                    )
        return digests == self.checksums

    def _pair(
        self, paths: list[Path], contents: list[bytes]
    ) -> tuple[Float32[np.ndarray, "n 28 28"], Float32[np.ndarray, "n classes"]]:
        images, labels = map(decode, map(str, paths), contents)
        for path, array, shape in zip(
            paths, (images, labels), (SHAPE, ()), strict=True
        ):
            if array.dtype != np.uint8:
                raise ValueError(f"{path} must hold uint8, got {array.dtype}")
            if array.ndim != 1 + len(shape) or array.shape[1:] != shape:
                raise ValueError(
                    f"{path} must have shape {('n', *shape)}, got {array.shape}"
                )
        if len(images) != len(labels):
            raise ValueError(
                f"{paths[1]} must hold {len(images)} labels, one for each image in "
                f"{paths[0].name}, got {len(labels)}"
            )
        targets = one_hot(str(paths[1]), labels, len(self.classes))
        return images / np.float32(255), targets


@dataclass(frozen=True)
class Mnist(AbstractIdxSource):
    """MNIST: handwritten digits, 28x28 pixels, 60,000 and 10,000 images."""

    name: ClassVar[str] = "mnist"
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")
    url: ClassVar[str] = "https://ossci-datasets.s3.amazonaws.com/mnist"
    checksums: ClassVar[tuple[str, str, str, str]] = (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    )

    @classmethod
    def origin(cls) -> str:
        return (
            "MNIST handwritten digits (LeCun, Cortes and Burges 1998; CC BY-SA 3.0, "
            "as TensorFlow states it)."
        )


@dataclass(frozen=True)
class FashionMnist(AbstractIdxSource):
    """Fashion-MNIST: articles of clothing, 28x28 pixels, 60,000 and 10,000 images."""

    name: ClassVar[str] = "fashion-mnist"
    classes: ClassVar[tuple[str, ...]] = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    url: ClassVar[str] = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
    checksums: ClassVar[tuple[str, str, str, str]] = (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    )

    @classmethod
    def origin(cls) -> str:
        return "Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, Zalando SE; MIT licence)."


def _file(place: Path, file: str) -> Path | None:
    for path in (place / file, place / file.removesuffix(".gz")):
        if path.is_file():
            return path
    return None
