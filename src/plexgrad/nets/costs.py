r"""What a network is trained to lower, and how often it is right.

Mean squared error, $\sum_j (y_j - \hat y_j)^2 / n$ for $n$ outputs, as in McCaughan et
al. 2023 (doi:10.1063/5.0157645), and softmax cross-entropy, with label smoothing as in
Szegedy et al. 2016 (doi:10.1109/CVPR.2016.308). Targets are one row per sample, one-hot
where the task is a classification.
"""

import abc
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from plexgrad.core.validate import in_range, one_of

Targets = Shaped[Array | np.ndarray, "..."]


class AbstractCost(abc.ABC):
    """A scalar to lower: the mean over the batch of a cost per sample."""

    @abc.abstractmethod
    def per_sample(
        self, outputs: Float[Array, "batch outputs"], targets: Targets
    ) -> Float[Array, " batch"]:
        """The cost of every sample. Raises ValueError unless the shapes are equal."""

    @classmethod
    @abc.abstractmethod
    def demo(cls) -> "AbstractCost":
        """A small valid instance, for laws and examples."""

    def __call__(
        self, outputs: Float[Array, "batch outputs"], targets: Targets
    ) -> Float[Array, ""]:
        """The mean cost over the batch."""
        return jnp.mean(self.per_sample(outputs, targets))

    def accuracy(
        self, outputs: Float[Array, "batch outputs"], targets: Targets
    ) -> Float[Array, ""]:
        """The share of samples that are right, in float32.

        A single output is right on the same side of 0.5 as its target, several if the
        largest is where the target's is. A NaN among a sample's outputs is wrong.
        """
        y = _like(outputs, targets)
        if outputs.shape[1] == 1:
            agree = (outputs[:, 0] > 0.5) == (y[:, 0] > 0.5)
        else:
            agree = jnp.argmax(outputs, axis=1) == jnp.argmax(y, axis=1)
        right = agree & ~jnp.any(jnp.isnan(outputs), axis=1)
        return jnp.mean(right, dtype=jnp.float32)


@dataclass(frozen=True)
class MSE(AbstractCost):
    """Squared error, averaged over a sample's outputs."""

    @classmethod
    def demo(cls) -> "MSE":
        return cls()

    def per_sample(
        self, outputs: Float[Array, "batch outputs"], targets: Targets
    ) -> Float[Array, " batch"]:
        return jnp.mean((_like(outputs, targets) - outputs) ** 2, axis=1)


@dataclass(frozen=True)
class CrossEntropy(AbstractCost):
    """Softmax cross-entropy on logits, in nats, against (1 - e) one-hot + e / n.

    `raw_smoothing` takes the published runs' own targets instead, 1 for the true class
    and e for the others. They do not sum to 1, so use them only to match losses.
    Raises ValueError unless e, the `label_smoothing`, is in [0, 1).
    """

    label_smoothing: float | int = 0.0
    raw_smoothing: bool = False

    def __post_init__(self) -> None:
        e = in_range("label_smoothing", self.label_smoothing, 0.0, 1.0)
        object.__setattr__(self, "label_smoothing", e)

    @classmethod
    def demo(cls) -> "CrossEntropy":
        return cls(label_smoothing=0.1)

    def per_sample(
        self, outputs: Float[Array, "batch outputs"], targets: Targets
    ) -> Float[Array, " batch"]:
        classes = outputs.shape[1]
        if classes == 1:
            raise ValueError(
                "outputs must be at least 2 for cross-entropy (a single one has a "
                "softmax of 1 always; use the cost 'mse'), got 1"
            )
        smooth = self.smoothed(_like(outputs, targets))
        return -jnp.sum(smooth * jax.nn.log_softmax(outputs, axis=1), axis=1)

    def smoothed(self, y: Any) -> Any:
        """Targets, in an array of any kind, as the cost takes them."""
        e = self.label_smoothing
        if self.raw_smoothing:
            return y + e * (1 - y)
        return (1 - e) * y + e / y.shape[1]


NAMED = {"mse": MSE, "cross_entropy": CrossEntropy}


def cost_named(cost: str | AbstractCost) -> AbstractCost:
    """A cost from its name, "mse" or "cross_entropy"; a cost is given back as it is.

    Raises ValueError for any other name.
    """
    if isinstance(cost, AbstractCost):
        return cost
    return NAMED[one_of("cost", cost, NAMED)]()


def _like(
    outputs: Float[Array, "batch outputs"], targets: Targets
) -> Float[Array, "batch outputs"]:
    # Unequal shapes, (batch,) beside (batch, 1) above all, would broadcast in silence.
    if targets.shape != outputs.shape:
        raise ValueError(
            f"targets must have the outputs' shape {outputs.shape}, got {targets.shape}"
        )
    return jnp.asarray(targets, outputs.dtype)
