"""The one flat parameter order: leaves in JAX's order, each row-major.

That order is also the chip's order. A `Layout` is static and hashable, so it travels
with a probe through jit. Seen as a matrix, a leaf's last axis counts its columns and
all other axes its rows, as in a dense layer (inputs, outputs) or a convolution
(height x width x inputs, outputs).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree


@dataclass(frozen=True)
class Layout:
    """Names, shapes and order of a network's parameters."""

    treedef: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[Any, ...]

    @classmethod
    def of(cls, like: "PyTree | Layout") -> "Layout":
        """The layout of a pytree of floating-point arrays (or of shapes)."""
        if isinstance(like, Layout):
            return like
        leaves, treedef = jax.tree.flatten(like)
        leaves = [x if hasattr(x, "shape") else jnp.asarray(x) for x in leaves]
        if not any(math.prod(leaf.shape) for leaf in leaves):
            raise ValueError(f"params must hold at least one number, got {like!r}")
        for leaf in leaves:
            if not jnp.issubdtype(leaf.dtype, jnp.floating):
                raise ValueError(f"params must be floating point, got {leaf.dtype}")
        return cls(
            treedef,
            tuple(tuple(leaf.shape) for leaf in leaves),
            tuple(jnp.dtype(leaf.dtype) for leaf in leaves),
        )

    @property
    def size(self) -> int:
        """P, the number of parameters."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def matrices(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of every leaf, seen as a matrix."""
        return tuple(
            (math.prod(shape[:-1]), shape[-1] if shape else 1) for shape in self.shapes
        )

    def spans(self) -> Iterator[slice]:
        """Where every leaf lies in the flat order."""
        start = 0
        for shape in self.shapes:
            stop = start + math.prod(shape)
            yield slice(start, stop)
            start = stop

    def unflatten(self, flat: Float[Array, "*lead P"]) -> PyTree:
        """A flat array (or a stack of them) as a tree of this layout."""
        lead = flat.shape[:-1]
        leaves = [
            flat[..., span].reshape(*lead, *shape).astype(dtype)
            for span, shape, dtype in zip(
                self.spans(), self.shapes, self.dtypes, strict=True
            )
        ]
        return jax.tree.unflatten(self.treedef, leaves)

    def flatten(self, tree: PyTree) -> Float[Array, "*lead P"]:
        """A tree of this layout (or a stack of them) as a flat array."""
        leaves = map(jnp.asarray, self.treedef.flatten_up_to(tree))
        flat = []
        for leaf, shape in zip(leaves, self.shapes, strict=True):
            lead = leaf.shape[: leaf.ndim - len(shape)]
            flat.append(jnp.reshape(leaf, (*lead, math.prod(shape))))
        return jnp.concatenate(flat, axis=-1)

    def widened(self) -> "Layout":
        """The same with leaves of float32 at least."""
        wide = (_wide(dtype) for dtype in self.dtypes)
        return Layout(self.treedef, self.shapes, tuple(wide))

    def cast(self, tree: PyTree) -> PyTree:
        """A tree of this layout with the leaves' own dtypes."""
        leaves = self.treedef.flatten_up_to(tree)
        pairs = zip(leaves, self.dtypes, strict=True)
        return self.assemble([jnp.asarray(leaf, dtype) for leaf, dtype in pairs])

    def assemble(self, leaves: list) -> PyTree:
        """Leaves in flat order, put back into the tree."""
        return jax.tree.unflatten(self.treedef, leaves)


def _wide(dtype: Any) -> Any:
    return dtype if jnp.finfo(dtype).bits >= 32 else jnp.dtype(jnp.float32)


def add(tree: PyTree, other: PyTree) -> PyTree:
    """Sum of two trees, leaf by leaf."""
    return jax.tree.map(jnp.add, tree, other)


def subtract(tree: PyTree, other: PyTree) -> PyTree:
    """Difference of two trees, leaf by leaf."""
    return jax.tree.map(jnp.subtract, tree, other)


def scale(tree: PyTree, factor: Float[Array, ""] | float) -> PyTree:
    """A tree times a scalar."""
    if isinstance(factor, np.generic):
        factor = factor.item()  # NumPy's numbers would promote the leaves
    return jax.tree.map(lambda leaf: leaf * factor, tree)


def scale_leaves(tree: PyTree, factors: tuple[float, ...]) -> PyTree:
    """A tree with each of its leaves times a factor of its own."""
    leaves, treedef = jax.tree.flatten(tree)
    pairs = zip(leaves, factors, strict=True)
    return jax.tree.unflatten(treedef, [leaf * factor for leaf, factor in pairs])


def dot(tree: PyTree, other: PyTree) -> Float[Array, ""]:
    """Inner product over all leaves."""
    products = jax.tree.map(lambda a, b: jnp.sum(a * b), tree, other)
    return jax.tree.reduce(jnp.add, products)


def cosine(tree: PyTree, other: PyTree) -> Float[Array, ""]:
    """Cosine of the angle between two trees seen as flat vectors."""
    norms = jnp.sqrt(dot(tree, tree)) * jnp.sqrt(dot(other, other))
    return dot(tree, other) / jnp.where(norms == 0, 1.0, norms)
