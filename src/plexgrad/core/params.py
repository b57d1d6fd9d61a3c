"""Trained parameters by the path of their leaf: as a tree, and as params.npz.

A path joins the names on the way to a leaf by slashes, such as `0/weight`. Every array
has a leading axis of seeds.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from plexgrad.core import arrays as archives
from plexgrad.core.files import write_atomically
from plexgrad.core.reading import file_bytes

FILE = "params.npz"
MOST = 2**36
"""Bytes of a file of parameters, at most."""

Named = dict[str, np.ndarray]


def named(tree: PyTree) -> Named:
    """The leaves of a tree by their paths."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in leaves
    }


def as_tree(params: Mapping[str, Any], like: PyTree) -> PyTree:
    """Named arrays as a tree of the structure of `like`, such as `net.init(key)`.

    Raises ValueError, naming the path, unless there is an array for every leaf, of its
    shape or with one more axis before it.
    """
    wanted, treedef = jax.tree_util.tree_flatten_with_path(like)
    found, names = [], set(params)
    for place, leaf in wanted:
        name = jax.tree_util.keystr(place, simple=True, separator="/")
        if name not in params:
            raise ValueError(
                f"params must have {name!r}, got {', '.join(sorted(names)) or 'none'}"
            )
        array, shape = np.asarray(params[name]), tuple(leaf.shape)
        if shape not in (array.shape, array.shape[1:]):
            raise ValueError(
                f"params of {name!r} must have the shape {shape} (for each seed), "
                f"got {array.shape}"
            )
        found.append(array)
        names.discard(name)
    if names:
        raise ValueError(
            f"params must have the leaves of the network, got {sorted(names)[0]!r} too"
        )
    return jax.tree_util.tree_unflatten(treedef, found)


def digest(params: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of names, shapes and numbers."""
    whole = hashlib.sha256()
    for name in sorted(params):
        array = np.ascontiguousarray(params[name])
        whole.update(f"{name} {array.dtype} {array.shape};".encode())
        whole.update(array.tobytes())
    return whole.hexdigest()


def save(folder: Path, params: Mapping[str, np.ndarray]) -> None:
    """Write them into a folder, whole or not at all."""
    write_atomically(folder / FILE, archives.packed(params))


def load(folder: Path) -> Named:
    """Read them from a folder.

    Raises FileNotFoundError or ValueError, naming the file.
    """
    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(f"no trained parameters at {path}")
    try:
        return archives.unpacked(file_bytes(path, MOST))
    except ValueError as error:
        raise ValueError(f"{path} must be parameters: {error}") from error
