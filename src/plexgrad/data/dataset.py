"""A dataset: samples, targets, and where both came from.

Targets are what an output layer should give: one-hot rows for classes (an
identification task with n classes has n outputs), one column of 0 and 1 for a yes-or-no
task such as parity.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64, Integer, UInt8


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test samples, in NumPy arrays.

    Inputs are in 0..1 as loaded. `classes` names the outputs in order, or the values 0
    and 1 of a single output. `source` says in a sentence or two who made the data,
    under which licence and how they are split; `plexgrad.data.load(**spec)` makes the
    same dataset wherever the files are.

    Raises ValueError unless all arrays are finite float32, inputs and targets have the
    same number of samples (at least 1), and both splits have the same shapes.
    """

    name: str
    x_train: Float32[np.ndarray, "train ..."] = field(repr=False)
    y_train: Float32[np.ndarray, "train outputs"] = field(repr=False)
    x_test: Float32[np.ndarray, "test ..."] = field(repr=False)
    y_test: Float32[np.ndarray, "test outputs"] = field(repr=False)
    classes: tuple[str, ...]
    source: str
    spec: dict[str, Any]

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            x, y = getattr(self, f"x_{split}"), getattr(self, f"y_{split}")
            _check_array(f"x_{split}", x)
            _check_array(f"y_{split}", y)
            if y.ndim != 2:
                raise ValueError(f"y_{split} must have 2 axes, got shape {y.shape}")
            if len(x) != len(y):
                raise ValueError(
                    f"x_{split} and y_{split} must have the same number of samples, "
                    f"got {len(x)} and {len(y)}"
                )
        for which in ("x", "y"):
            train, test = (
                getattr(self, f"{which}_train"),
                getattr(self, f"{which}_test"),
            )
            if train.shape[1:] != test.shape[1:]:
                raise ValueError(
                    f"{which}_train and {which}_test must have samples of one shape, "
                    f"got {train.shape[1:]} and {test.shape[1:]}"
                )
        names = 2 if self.outputs == 1 else self.outputs
        if len(self.classes) != names:
            raise ValueError(
                f"classes must hold {names} names for {self.outputs} outputs, "
                f"got {self.classes!r}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self.x_train.shape[1:]

    @property
    def features(self) -> int:
        """Numbers in one input."""
        return math.prod(self.shape)

    @property
    def outputs(self) -> int:
        """Numbers in one target."""
        return self.y_train.shape[1]

    @property
    def sizes(self) -> tuple[int, int]:
        """Training and test samples."""
        return len(self.x_train), len(self.x_test)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Colour images and the classes they belong to.

    `classes` names the labels; `encoding` says in words what the images were read from.
    """

    x_train: UInt8[np.ndarray, "train height width 3"]
    y_train: Int64[np.ndarray, " train"]
    x_test: UInt8[np.ndarray, "test height width 3"]
    y_test: Int64[np.ndarray, " test"]
    classes: tuple[str, ...]
    encoding: str


def one_hot(
    name: str, labels: Integer[np.ndarray, " n"], classes: int
) -> Float32[np.ndarray, "n classes"]:
    """Labels as rows of 0 with a single 1.

    Raises ValueError, naming the labels, for one outside 0..classes-1.
    """
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise ValueError(
            f"{name} must hold labels from 0 to {classes - 1}, "
            f"got {labels[wrong[0]]} at index {wrong[0]}"
        )
    return np.eye(classes, dtype=np.float32)[labels]


def _check_array(name: str, array: Any) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"{name} must be a float32 array, got {kind}")
    if array.ndim < 2 or array.size == 0:
        raise ValueError(
            f"{name} must hold at least 1 sample of at least 1 number, "
            f"got shape {array.shape}"
        )
    # The extremes carry any nan or inf, without a mask as large as the array.
    for extreme in (array.min(), array.max()):
        if not np.isfinite(extreme):
            raise ValueError(f"{name} must be finite, got {extreme}")
