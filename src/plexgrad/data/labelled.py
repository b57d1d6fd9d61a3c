"""Images with labels as they come from files: bytes and integers, not yet a dataset."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8


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
