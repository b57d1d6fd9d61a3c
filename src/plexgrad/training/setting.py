"""What a kernel of the fused loop computes, and its scratch memory, in plain numbers.

All of it is known when a run begins, but none of it is compiled in: one compiled kernel
serves every network, cost and clock.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from plexgrad.training.packing import aligned

INPUTS, OUTPUTS, COLUMNS, WEIGHTS, BIASES = range(5)
"""Columns of `Space.layers`: sizes, rows for the outputs, first rows of parameters."""

ROW = 64
"""Bytes of a row of sixteen lanes."""


class Setting(NamedTuple):
    """What a kernel computes; times are in slots.

    `hidden` and `output` are numbers of activations (see `training.twins.activate`),
    `rows` and `width` count rows of parameters and the most rows of activations.
    """

    wide: bool
    parameters: int
    rows: int
    depth: int
    width: int
    hidden: int
    output: int
    entropy: bool
    bias: float
    amplitude: float
    antithetic: bool
    batch: int
    size: int
    replacement: bool
    rounds: int
    tau_p: int
    tau_x: int
    tau_theta: int
    hold: int
    groups: int
    chunk: int
    segment: int
    per_segment: int
    per_window: int
    rate: float
    shrinkage: float
    momentum: float
    with_momentum: bool
    nesterov: bool


class Space(NamedTuple):
    """Scratch of one thread, by address: rows, a table, and what is there by now."""

    layers: int
    signs: int
    words: int
    rounds: int
    chosen: int
    x: int
    y: int
    base: int
    up: int
    down: int
    now: int


def layers(sizes: Sequence[int], wide: bool) -> np.ndarray:
    """The table of layers, (layers, 5)."""
    found, row = [], 0
    for inputs, outputs in pairwise(sizes):
        columns = outputs if wide else -(-outputs // 16)
        found.append((inputs, outputs, columns, row, row + inputs * columns))
        row += (inputs + 1) * columns
    return np.asarray(found, np.int64)


def scratch(
    setting: Setting, sizes: Sequence[int]
) -> tuple[Space, dict[str, np.ndarray]]:
    """The memory of one thread, and the arrays that must live as long as it."""
    table = layers(sizes, setting.wide)
    rows = {
        "layers": len(table),
        "signs": setting.rows,
        "words": 2 * -(-setting.parameters // 1024) + 1,
        "rounds": 2 * setting.rounds,
        "chosen": setting.batch + 4,
        "x": setting.batch * sizes[0],
        "y": setting.batch * int(table[-1, COLUMNS]),
        "base": setting.batch * int(table[0, COLUMNS]),
        "up": 2 * setting.width,
        "down": 2 * setting.width,
        "now": 1,
    }
    held = {name: aligned(np.zeros(16 * n, np.uint32)) for name, n in rows.items()}
    held["layers"].view(np.int64)[: table.size] = table.reshape(-1)
    places = {name: array.ctypes.data for name, array in held.items()}
    return Space(**places), held
