"""Checkpoints: everything a run needs to go on bit for bit, in one file.

Written whole or not at all, so a run killed at any moment resumes from the last one.
Arrays are kept by their place in the state, and checked against the shape and type that
the run's own spec gives them.
"""

import io
import itertools
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from plexgrad.core.files import write_atomically


def save(path: Path, state: PyTree, progress: dict[str, Any]) -> None:
    """Write a state (a tree of arrays) and named arrays of progress to `path`."""
    leaves = jax.tree.leaves(state)
    arrays = {f"state_{n}": np.asarray(leaf) for n, leaf in enumerate(leaves)}
    arrays |= {f"progress_{key}": np.asarray(v) for key, v in progress.items()}
    arrays["names"] = np.array(sorted(arrays))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    write_atomically(path, buffer.getvalue())


def load(
    path: Path, like: PyTree, content: bytes | None = None
) -> tuple[PyTree, dict[str, np.ndarray]]:
    """The state and the progress in `path`; `like` has the state's structure.

    `content` is what the file holds, where another process has read it.
    Raises ValueError, naming the file, if it is damaged or of another run.
    """
    data = io.BytesIO(path.read_bytes() if content is None else content)
    try:
        with np.load(data, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file["names"]}
    except Exception as error:  # an archive can be damaged in a dozen ways
        raise ValueError(f"{path} must be a checkpoint: {error}") from error
    leaves, treedef = jax.tree.flatten(like)
    count = sum(name.startswith("state_") for name in arrays)
    found = [arrays[f"state_{n}"] for n in range(count)]
    pairs = itertools.zip_longest(map(_form, leaves), map(_form, found))
    for number, (wanted, got) in enumerate(pairs):
        if got != wanted:
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


def _form(array: Any) -> str:
    return f"{np.dtype(array.dtype).name}{list(array.shape)}"
