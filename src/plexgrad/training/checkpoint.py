"""Checkpoints: everything a run needs to go on bit for bit, in one file.

Written whole or not at all, so a run killed at any moment resumes from the last one,
and sealed by a digest of its content; the one before is kept beside it, and used where
the newest is damaged. Arrays are kept by their place in the state, and checked against
the shape and type that the run's own spec gives them. The spec is in it too: a run goes
on without its record.
"""

import contextlib
import itertools
import json
import math
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from plexgrad.core import arrays as archives
from plexgrad.core.files import write_atomically
from plexgrad.core.reading import file_bytes, plain_json
from plexgrad.core.record import Record
from plexgrad.core.shape import mapping

CHECKPOINT = "checkpoint.npz"

ROOM = 2**32
"""Bytes that a checkpoint may have beside the state: curves, counts and the spec."""

SEALED = "sealed"
"""An array that says that the file must end in a digest; older ones have neither."""


def save(
    path: Path,
    state: PyTree,
    progress: Mapping[str, Any],
    spec: Mapping[str, Any] | None = None,
) -> None:
    """Write a state (a tree of arrays), named arrays of progress and a run's spec.

    What stood at `path` is kept as the `previous` one.
    """
    leaves = jax.tree.leaves(state)
    arrays = {f"state_{n}": np.asarray(leaf) for n, leaf in enumerate(leaves)}
    arrays |= {f"progress_{key}": np.asarray(v) for key, v in progress.items()}
    arrays |= {"spec": np.array(json.dumps(spec)), SEALED: np.array(True)}
    arrays["names"] = np.array(sorted(arrays))
    data = archives.packed(arrays)
    # Not kept before there is a new one: a full disk must cost no older one.
    write_atomically(path, data, _keep)


def load(
    path: Path, like: PyTree, content: bytes | None = None
) -> tuple[PyTree, dict[str, np.ndarray]]:
    """The state and the progress in `path`; `like` has the state's structure.

    `content` is what `read` gave, where that was before or in another process.
    Raises ValueError, naming the file, if it is damaged or of another run.
    """
    if content is None and (content := read(path, like)) is None:
        raise FileNotFoundError(f"no checkpoint at {path}")
    leaves, treedef = jax.tree.flatten(like)
    arrays = _arrays(path, content)
    count = sum(name.startswith("state_") for name in arrays)
    found = [arrays[f"state_{n}"] for n in range(count) if f"state_{n}" in arrays]
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


def read(path: Path, like: PyTree = ()) -> bytes | None:
    """What the newest whole checkpoint at `path` holds; None if there never was one.

    No more is read than a state `like` this one, and what is kept with it, can take.

    If that is not the last one written, a warning says so, and the damaged file is put
    aside under the name of `damaged`. Raises ValueError, naming the file, if no
    checkpoint is whole.
    """
    here = [each for each in (path, previous(path)) if each.is_file()]
    faults: list[ValueError] = []
    leaves = jax.tree.leaves(like)
    size = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)
    for each in here:
        try:
            content = file_bytes(each, size + ROOM)
            _refuse_damaged(each, content)
        except ValueError as error:
            faults.append(error)
            continue
        if faults:
            # Else the next save would keep it in the place of the good one.
            with contextlib.suppress(OSError):
                os.replace(path, damaged(path))
            said = f"{faults[0]}; the one before it is used, {each.name}"
            warnings.warn(said, stacklevel=1)
        return content
    if faults:
        raise faults[0]
    return None


def exists(folder: Path, name: str = CHECKPOINT) -> bool:
    """Whether a folder holds a checkpoint, whole or not, or the one before it."""
    return any(each.is_file() for each in (folder / name, previous(folder / name)))


def spec_of(place: Path, name: str = CHECKPOINT) -> dict[str, Any]:
    """The spec of the run in a folder, from its record or else from its checkpoint.

    The `place` is the folder or the record in it. A warning says so if it is not from
    the record. Raises FileNotFoundError or ValueError, naming the record, if neither
    has it.
    """
    fault: Exception
    try:
        return Record.load(place).spec
    except (FileNotFoundError, ValueError) as error:
        fault = error
    path = (place if place.is_dir() else place.parent) / name
    try:
        content = read(path)
        held = {} if content is None else _arrays(path, content)
        spec = plain_json(str(path), str(held.get("spec", "null")), nan=True)
        found = mapping(f"the spec in {path}", spec)
    except ValueError:
        raise fault from None
    warnings.warn(f"{fault}; the run goes on by what {path} says", stacklevel=1)
    return found


def forget(path: Path) -> None:
    """Take a checkpoint away, with those that are kept beside it."""
    for each in (path, previous(path), damaged(path)):
        each.unlink(missing_ok=True)


def previous(path: Path) -> Path:
    """Where the checkpoint before the newest is kept: checkpoint.previous.npz."""
    return path.with_suffix(f".previous{path.suffix}")


def damaged(path: Path) -> Path:
    """Where a damaged checkpoint is put aside: checkpoint.npz.damaged."""
    return path.with_name(f"{path.name}.damaged")


def _keep(path: Path) -> None:
    """Give what is at `path` its second name, without a moment in which it has none."""
    if not path.is_file():
        return
    # After a kill in between, both names may be of one file; a link would be left.
    if previous(path).is_file() and path.samefile(previous(path)):
        return
    # Named so that what a kill leaves of it is swept.
    second = previous(path).with_name(f".{previous(path).name}.00000000.part")
    try:
        second.unlink(missing_ok=True)
        os.link(path, second)
        os.replace(second, previous(path))
    except OSError:  # a file system without links
        write_atomically(previous(path), path.read_bytes())


def _refuse_damaged(path: Path, content: bytes) -> None:
    try:
        if archives.sealed(content):
            return
    except ValueError as error:
        raise ValueError(f"{path} must be a checkpoint: {error}") from error
    _arrays(path, content)


def _arrays(path: Path, content: bytes) -> dict[str, np.ndarray]:
    try:
        arrays = archives.unpacked(content)
        names = [str(name) for name in arrays["names"]]
        if SEALED in arrays and not archives.sealed(content):
            raise ValueError("it must end in its digest, got none")
        return {name: arrays[name] for name in names}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} must be a checkpoint: {error}") from error


def _form(array: Any) -> str:
    return f"{np.dtype(array.dtype).name}{list(array.shape)}"
