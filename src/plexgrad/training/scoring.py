"""Cost, accuracy and confusion of a network at rest on a whole data set.

Instrumentation: done with the perturbation off and the data at hand, and not counted as
the chip's evaluations.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PyTree

from plexgrad.core.contracts import AbstractTrainable
from plexgrad.core.resolution import widened
from plexgrad.training.programs import kept

STRIDE = 1000
"""Samples scored at once, which bounds the memory of the activations."""


def score(
    chip: AbstractTrainable,
    params: PyTree,
    key: Key[Array, ""],
    x: Float[Array, "n *x"],
    y: Float[Array, "n outputs"],
) -> Float[Array, "2"]:
    """Mean cost and accuracy over all samples. `key` names the chip."""

    def part(batch: tuple[Array, Array]) -> Float[Array, "2"]:
        told = jnp.stack(chip.score(widened(params), *batch, key))
        return told * jnp.float32(len(batch[0]))

    whole = len(x) // STRIDE * STRIDE
    total = jnp.zeros(2, jnp.float32)
    if whole:
        blocks = (
            x[:whole].reshape(-1, STRIDE, *x.shape[1:]),
            y[:whole].reshape(-1, STRIDE, y.shape[1]),
        )
        total = total + jnp.sum(jax.lax.map(part, blocks), axis=0)
    if whole < len(x):
        total = total + part((x[whole:], y[whole:]))
    return total / jnp.float32(len(x))


def confusion(
    chip: AbstractTrainable,
    params: PyTree,
    keys: Key[Array, " seeds"],
    x: np.ndarray,
    y: np.ndarray,
) -> Int[np.ndarray, "classes classes"]:
    """How often each true class (row) was taken for each class (column).

    `params` has a leading axis of seeds, over which the counts are summed; `keys` name
    their chips. One output
    column is read as two classes, split at 0.5.
    """
    classes = max(2, y.shape[1])
    outputs_of = partial(_outputs, chip)
    predict = kept(
        ("confusion", outputs_of),
        lambda: jax.jit(jax.vmap(outputs_of, in_axes=(0, 0, None))),
    )
    counts = np.zeros((classes, classes), int)
    for start in range(0, len(x), STRIDE):
        outputs = np.asarray(predict(params, keys, x[start : start + STRIDE]))
        true = _labels(y[start : start + STRIDE])
        for row in outputs:
            np.add.at(counts, (true, _labels(row)), 1)
    return counts


def _outputs(
    chip: AbstractTrainable, params: PyTree, key: Key[Array, ""], x: Array
) -> Array:
    return chip.predict(widened(params), x, key)


def _labels(outputs: np.ndarray) -> np.ndarray:
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0.5).astype(int)
    return outputs.argmax(axis=1)
