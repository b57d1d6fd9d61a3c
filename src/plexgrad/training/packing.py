"""Where parameters lie in a kernel's rows of sixteen lanes, and the way there and back.

A row is one parameter of sixteen networks ("wide"), or sixteen outputs of one network's
weights from one input (see `training.forward`).
"""

from itertools import pairwise
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, PyTree


class Packing(NamedTuple):
    """Where the parameters of all seeds lie in a kernel's rows of sixteen lanes."""

    wide: bool
    seeds: int
    rows: int
    place: np.ndarray

    @classmethod
    def of(cls, sizes: tuple[int, ...], seeds: int, wide: bool) -> "Packing":
        """The packing of an MLP of these sizes."""
        if wide:
            count = sum((i + 1) * o for i, o in pairwise(sizes))
            return cls(wide, seeds, count, np.arange(count))
        place, rows = [], 0
        for inputs, outputs in pairwise(sizes):
            width = -(-outputs // 16)
            row = rows + np.arange(inputs + 1)[:, None] * width
            place.append((16 * row + np.arange(outputs)).reshape(-1))
            rows += (inputs + 1) * width
        return cls(wide, seeds, rows, np.concatenate(place))

    @property
    def units(self) -> int:
        """Rows of the packed arrays: networks, or groups of sixteen of them."""
        return -(-self.seeds // 16) if self.wide else self.seeds

    def pack(self, flat: np.ndarray) -> np.ndarray:
        """(seeds, parameters) as (units, rows x 16)."""
        if self.wide:
            return self.lanes(flat)
        packed = np.zeros((self.seeds, 16 * self.rows), flat.dtype)
        packed[:, self.place] = flat
        return packed

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        """The inverse of `pack`."""
        if not self.wide:
            return packed[:, self.place]
        many = packed.reshape(self.units, -1, 16).transpose(0, 2, 1)
        return many.reshape(self.units * 16, -1)[: self.seeds]

    def lanes(self, values: np.ndarray) -> np.ndarray:
        """(seeds, n) as (units, n x 16), every network in a lane, or in all of them."""
        if not self.wide:
            return np.repeat(values, 16, axis=1)
        # Lanes without a seed repeat the first one, so that nothing there is odd.
        extra = np.repeat(values[:1], self.units * 16 - self.seeds, axis=0)
        many = np.concatenate([values, extra]).reshape(self.units, 16, -1)
        return np.ascontiguousarray(many.transpose(0, 2, 1)).reshape(self.units, -1)

    def first(self, lanes: np.ndarray) -> np.ndarray:
        """(units, 16) as (seeds,)."""
        return lanes.reshape(-1)[: self.seeds].copy() if self.wide else lanes[:, 0]


def aligned(values: np.ndarray) -> np.ndarray:
    """A flat copy that begins where a cache line does, for loads of whole lines."""
    space = np.empty(values.size + 16, values.dtype)
    skip = -space.ctypes.data % 64 // values.itemsize
    copy = space[skip : skip + values.size]
    copy[:] = values.reshape(-1)
    return copy


def flattened(tree: PyTree) -> np.ndarray:
    """A tree of (seeds, *shape) as (seeds, parameters)."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    return np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)


def unflattened(flat: np.ndarray, like: PyTree) -> PyTree:
    """The inverse of `flattened`, placed on devices like another tree."""
    leaves, treedef = jax.tree.flatten(like)
    ends = np.cumsum([leaf.size // leaf.shape[0] for leaf in leaves])[:-1]
    parts = np.split(flat, ends, axis=1)
    made = [
        placed(part.reshape(leaf.shape), leaf)
        for part, leaf in zip(parts, leaves, strict=True)
    ]
    return jax.tree.unflatten(treedef, made)


def placed(values: np.ndarray, like: Array) -> Array:
    """A copy of values as an array of JAX, on the devices where another one is."""
    return jax.device_put(np.array(values), like.sharding)
