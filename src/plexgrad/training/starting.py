"""Parameters to start a run from: those of another run, or arrays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from plexgrad.core.contracts import AbstractTrainable
from plexgrad.core.params import as_tree, digest, load, named
from plexgrad.core.record import Record


def found(start: Any) -> dict[str, np.ndarray]:
    """Arrays by leaf path from a record, a run's folder, such arrays, or a tree.

    Raises FileNotFoundError or ValueError, naming the file.
    """
    if isinstance(start, str | Path):
        return load(Path(start))
    if isinstance(start, Record):
        return start.params
    if isinstance(start, Mapping) and all(hasattr(a, "shape") for a in start.values()):
        return dict(start)
    return named(start)


def started(
    start: Any, chip: AbstractTrainable, seeds: int
) -> tuple[PyTree, dict[str, str]]:
    """Parameters of all seeds, and what a spec says of them.

    Raises ValueError unless they have the paths and shapes of the chip's own, for so
    many seeds or for one.
    """
    arrays = found(start)
    like = jax.eval_shape(chip.init, jax.random.key(0))
    tree = as_tree(arrays, like)

    def each(wanted: Any, array: np.ndarray) -> np.ndarray:
        if array.shape == wanted.shape:
            array = array[None]
        if len(array) not in (1, seeds):
            raise ValueError(
                f"start must have parameters of 1 or {seeds} seeds, got {len(array)}"
            )
        if not np.isfinite(array).all():
            raise ValueError("start must have finite parameters")
        whole = np.broadcast_to(array, (seeds, *wanted.shape))
        return np.ascontiguousarray(whole, wanted.dtype)

    place = {"run": str(start)} if isinstance(start, str | Path) else {}
    return jax.tree.map(each, like, tree), {**place, "digest": digest(arrays)}
