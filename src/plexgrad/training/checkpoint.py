"""Checkpoints: everything a run needs to go on bit for bit, in one file.

Written whole or not at all, so a run killed at any moment resumes from the last one.
Arrays are kept by their place in the state, and checked against the shape and type that
the run's own spec gives them.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from plexgrad.core.record import write_atomically


def save(path: Path, state: PyTree, progress: dict[str, Any]) -> None:
    """Write a state (a tree of arrays) and named arrays of progress to `path`."""
    leaves = jax.tree.leaves(state)
    arrays = {f"state_{n}": np.asarray(leaf) for n, leaf in enumerate(leaves)}
    arrays |= {f"progress_{key}": np.asarray(v) for key, v in progress.items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    write_atomically(path, buffer.getvalue())


def load(path: Path, like: PyTree) -> tuple[PyTree, dict[str, np.ndarray]]:
    """The state and the progress in `path`; `like` has the state's structure.

    Raises ValueError, naming the file, if it is damaged or of another run.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, ValueError, EOFError, KeyError) as error:
        raise ValueError(f"{path} must be a checkpoint: {error}") from error
    leaves, treedef = jax.tree.flatten(like)
    found = [arrays.get(f"state_{n}") for n in range(len(leaves))]
    extra = f"state_{len(leaves)}" in arrays
    for number, (leaf, array) in enumerate(zip(leaves, found, strict=True)):
        wanted = (tuple(leaf.shape), np.dtype(leaf.dtype))
        got = None if array is None else (array.shape, array.dtype)
        if extra or got != wanted:
            raise ValueError(
                f"{path} must hold the state of this run: "
                f"array {number} must be {wanted}, got {got}"
            )
    progress = {
        name.removeprefix("progress_"): array
        for name, array in arrays.items()
        if name.startswith("progress_")
    }
    return jax.tree.unflatten(treedef, found), progress
