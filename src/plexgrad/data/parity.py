"""Parity of n bits, exclusive or at n = 2: the smallest tasks no linear network solves.

Source of the task and of its use as train and test set alike: McCaughan et al. 2023
(doi:10.1063/5.0157645).
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from plexgrad.core.validate import positive_int
from plexgrad.data.dataset import Dataset
from plexgrad.data.folders import Folder
from plexgrad.data.source import AbstractSource

MOST_BITS = 16
"""Longest string; all 2**16 of them fill 4 MiB."""

CLASSES = ("even", "odd")


@dataclass(frozen=True)
class Parity(AbstractSource):
    """All strings of n bits; the target is 1 where the number of ones is odd.

    `bits` is n. Raises ValueError unless it is an integer from 1 to 16.
    """

    name: ClassVar[str] = "parity"
    bits: int = 4

    def __post_init__(self) -> None:
        positive_int("bits", self.bits, MOST_BITS)

    @classmethod
    def options_in(cls, name: str) -> dict[str, Any] | None:
        if match := re.fullmatch(rf"{cls.name}-(\d+)", name, re.ASCII):
            return {"bits": int(match[1])}
        return super().options_in(name)

    def load(self, folder: Folder | None) -> Dataset:
        return _dataset(f"{self.name}-{self.bits}", self.bits, self.spec)


@dataclass(frozen=True)
class Xor(AbstractSource):
    """Exclusive or: the parity of two bits."""

    name: ClassVar[str] = "xor"

    def load(self, folder: Folder | None) -> Dataset:
        return _dataset(self.name, 2, self.spec)


def bit_strings(bits: int) -> Float32[np.ndarray, "strings bits"]:
    """All strings of `bits` bits in counting order, the most significant bit first."""
    numbers = np.arange(2**bits)[:, None]
    return (numbers >> np.arange(bits)[::-1] & 1).astype(np.float32)


def _dataset(name: str, bits: int, spec: dict[str, Any]) -> Dataset:
    x = bit_strings(bits)
    y = x.sum(axis=1, keepdims=True) % 2
    source = (
        f"All {len(x)} strings of {bits} bits, made by rule. "
        f"The test set is the training set, as in McCaughan et al. 2023."
    )
    return Dataset(name, x, y, x.copy(), y.copy(), CLASSES, source, spec)
