"""NIST7x7, re-created: the letters N, I, S and T in a field of 7 by 7 pixels.

McCaughan et al. 2023 (doi:10.1063/5.0157645) train a 49-4-4 network on such images,
which are not distributed. Their number, 44,136 = 4 letters x 9 positions x
(1 + 49 + 1,176), gives a recipe away: 5x5 glyphs at all nine positions with none, one
or two pixels flipped. The glyphs here are our own, so this is a re-creation.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool

from plexgrad.data.dataset import Dataset
from plexgrad.data.folders import Folder
from plexgrad.data.source import AbstractSource

SIDE = 7
"""Pixels along a side of the field."""

GLYPHS = {
    "N": "#...# ##..# #.#.# #..## #...#",
    "I": "##### ..#.. ..#.. ..#.. #####",
    "S": ".#### #.... .###. ....# ####.",
    "T": "##### ..#.. ..#.. ..#.. ..#..",
}
"""The letters, row by row."""


@dataclass(frozen=True)
class Nist7x7(AbstractSource):
    """Letters N, I, S, T in 7x7 pixels with up to two flipped; a re-creation."""

    name: ClassVar[str] = "nist7x7"

    def load(self, folder: Folder | None) -> Dataset:
        pixels = images()
        x = pixels.astype(np.float32)
        y = np.tile(np.eye(len(GLYPHS), dtype=np.float32), (len(x) // len(GLYPHS), 1))
        source = (
            f"A re-creation of NIST7x7 (McCaughan et al. 2023), whose images are not "
            f"distributed: {len(x)} images made by plexgrad from its own glyphs. "
            f"The test set is the training set, as in the paper."
        )
        classes = tuple(GLYPHS)
        return Dataset(self.name, x, y, x.copy(), y.copy(), classes, source, self.spec)


def images() -> Bool[np.ndarray, "images 7 7"]:
    """Every image once per way to make it, one letter after the other in turn.

    Letters alternate so that any run of consecutive images is balanced.
    """
    pixels = SIDE**2
    shape = (-1, 1, 1, SIDE, SIDE)
    return (_flips(pixels).reshape(shape) ^ _letters()).reshape(-1, SIDE, SIDE)


def _letters() -> Bool[np.ndarray, "positions letters 7 7"]:
    glyphs = np.array(
        [
            [[p == "#" for p in row] for row in glyph.split()]
            for glyph in GLYPHS.values()
        ]
    )
    _, height, width = glyphs.shape
    corners = [
        (top, left)
        for top in range(SIDE - height + 1)
        for left in range(SIDE - width + 1)
    ]
    field = np.zeros((len(corners), len(glyphs), SIDE, SIDE), bool)
    for place, (top, left) in enumerate(corners):
        field[place, :, top : top + height, left : left + width] = glyphs
    return field


def _flips(pixels: int) -> Bool[np.ndarray, "flips pixels"]:
    one = np.eye(pixels, dtype=bool)
    first, second = np.triu_indices(pixels, k=1)
    return np.concatenate([np.zeros((1, pixels), bool), one, one[first] | one[second]])
