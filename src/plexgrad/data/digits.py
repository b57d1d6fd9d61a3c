"""Handwritten digits of 8 by 8 pixels, real and inside scikit-learn: no file needed.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998 (its test part, by 13 writers), as `sklearn.datasets.load_digits`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Integer

from plexgrad.data.dataset import Dataset, one_hot
from plexgrad.data.folders import Folder
from plexgrad.data.source import AbstractSource

SIDE = 8
"""Pixels along a side of an image."""

FULL_SCALE = 16
"""A pixel counts the dark points in a block of 4 by 4."""

TEST_SHARE = 0.2
SPLIT_SEED = 0


@dataclass(frozen=True)
class Digits(AbstractSource):
    """Handwritten digits, 8x8 pixels, from scikit-learn; a fixed 80/20 split."""

    name: ClassVar[str] = "digits"

    def load(self, folder: Folder | None) -> Dataset:
        # Imported here: it takes longer than the rest of the package.
        from sklearn.datasets import load_digits

        rows, labels = load_digits(return_X_y=True)
        classes = tuple(str(digit) for digit in np.unique(labels))
        x = (rows / FULL_SCALE).astype(np.float32).reshape(-1, SIDE, SIDE)
        y = one_hot("labels", labels, len(classes))
        test = held_out(labels)
        source = (
            f"{len(x)} handwritten digits (Alpaydin and Kaynak 1998, UCI, CC BY 4.0), "
            f"as distributed by scikit-learn. Fixed split by plexgrad: of each class "
            f"{TEST_SHARE:.0%}, drawn with seed {SPLIT_SEED}, are for testing; the "
            f"same 13 people wrote both parts."
        )
        return Dataset(
            self.name, x[~test], y[~test], x[test], y[test], classes, source, self.spec
        )


def held_out(labels: Integer[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which samples are for testing: the same share of each class, fixed for good."""
    # NumPy guarantees the stream of RandomState for all versions, of Generator not.
    draw = np.random.RandomState(SPLIT_SEED)
    test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = draw.permutation(np.flatnonzero(labels == label))
        test[members[: round(TEST_SHARE * len(members))]] = True
    return test
