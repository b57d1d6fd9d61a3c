"""Whether a perturbation survives the floats that it is added to.

A float of value x moves in steps of `np.spacing(x)`. An offset below such a step is
rounded away, one of a few steps is made wrong, and the gradient with it. Parameters of
fewer bits than float32 are measured as float32, so that only their values limit them;
parameters too large for a perturbation are refused, with numbers.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import PyTree

from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout

ROOM = 4
"""Steps of a float that an offset must take: it is then made to within 1/8."""


def widened(tree: PyTree) -> PyTree:
    """Leaves of fewer bits than float32 as float32, the others as they are."""

    def widen(leaf: Any) -> Any:
        found = getattr(leaf, "dtype", None)
        narrow = found is not None and jnp.finfo(found).bits < 32
        return jnp.asarray(leaf, jnp.float32) if narrow else leaf

    return jax.tree.map(widen, tree)


def refuse_lost(code: AbstractCode, params: PyTree) -> None:
    """Raise ValueError, with numbers, if a parameter would swallow its perturbation.

    Nothing is said of arrays that are being traced: they have no values yet.
    """
    leaves = jax.tree.leaves(widened(params))
    if not any(isinstance(leaf, Tracer) for leaf in leaves):
        sizes = [np.abs(np.asarray(jnp.asarray(leaf))) for leaf in leaves]
        most = [size.max() if size.size else size.dtype.type(0) for size in sizes]
        _refuse_lost_at(code, Layout.of(params), most)


def _refuse_lost_at(code: AbstractCode, layout: Layout, most: list) -> None:
    named = jax.tree_util.tree_leaves_with_path(layout.assemble(most))
    for (path, size), offset in zip(named, code.offsets(layout), strict=True):
        step = float(np.spacing(size))
        if np.isfinite(step) and offset < ROOM * step:
            name = jax.tree_util.keystr(path) or "params"
            raise ValueError(
                f"amplitude must move parameters by {ROOM} steps of their floats: "
                f"{name} holds {float(size):g}, where {np.asarray(size).dtype} makes "
                f"steps of {step:.3g}, got offsets of {offset:.3g}"
            )
