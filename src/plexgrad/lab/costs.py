"""Costs in NumPy, for devices that give outputs and for emulated ones.

The twins of `nets.costs`: mean squared error over a sample's outputs, and softmax
cross-entropy on logits.
"""

import numpy as np
from jaxtyping import Float32

from plexgrad.core.validate import one_of

COSTS = ("mse", "cross_entropy")


def per_sample(
    name: str,
    outputs: Float32[np.ndarray, "*rows batch outputs"],
    targets: Float32[np.ndarray, "*_ batch outputs"],
) -> Float32[np.ndarray, "*rows batch"]:
    """The cost of every sample. Raises ValueError for an unknown name."""
    one_of("cost", name, COSTS)
    if name == "mse":
        return np.mean((targets - outputs) ** 2, axis=-1)
    shifted = outputs - outputs.max(axis=-1, keepdims=True)
    logarithm = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -(targets * logarithm).sum(axis=-1)


def right(
    outputs: Float32[np.ndarray, "*rows batch outputs"],
    targets: Float32[np.ndarray, "*_ batch outputs"],
) -> np.ndarray:
    """Which samples are right, as `nets.costs` counts them."""
    if outputs.shape[-1] == 1:
        return (outputs[..., 0] > 0.5) == (targets[..., 0] > 0.5)
    return outputs.argmax(axis=-1) == targets.argmax(axis=-1)
