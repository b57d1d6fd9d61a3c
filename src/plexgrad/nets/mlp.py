r"""Multilayer perceptron: $a \leftarrow f(a W + b)$, layer by layer.

The networks of McCaughan et al. 2023 (doi:10.1063/5.0157645) are sigmoid on every
layer, the output included, and subtract the bias: $a \leftarrow \sigma(a W - b)$.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, Shaped

from plexgrad.core.validate import one_of, positive_int
from plexgrad.nets.layers import ACTIVATIONS, GLOROT, draw, resolved, rows
from plexgrad.nets.net import AbstractLayered, Ask, Forward, Params


@dataclass(frozen=True)
class MLP(AbstractLayered):
    """Dense layers of the given sizes, inputs first; weights are (inputs, outputs).

    `activation` is "sigmoid", "tanh" or "relu". `output` is one of these or "linear";
    "auto" is sigmoid after sigmoid, else linear. `initial` is "glorot_uniform" with
    zero biases, or a pair (low, high) for weights and biases alike. Raises ValueError
    for anything else.
    """

    sizes: Sequence[int]
    activation: str = "sigmoid"
    output: str = "auto"
    initial: str | Sequence[float | int] = GLOROT
    subtract_bias: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, Sequence) or len(self.sizes) < 2:
            raise ValueError(
                f"sizes must name inputs and outputs at least, got {self.sizes!r}"
            )
        sizes = tuple(positive_int("sizes", size) for size in self.sizes)
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "initial", resolved(self.initial))
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("output", self.output, ("auto", "linear", *ACTIVATIONS))

    @classmethod
    def paper_a(
        cls, sizes: Sequence[int], low: float | int = -0.5, high: float | int = 0.5
    ) -> "MLP":
        """As in McCaughan et al. 2023: all sigmoid, bias subtracted, uniform start."""
        return cls(sizes, initial=(low, high), subtract_bias=True)

    @classmethod
    def demo(cls) -> "MLP":
        return cls([3, 4, 2], activation="tanh")

    @property
    def inputs(self) -> int:
        return self.sizes[0]

    @property
    def outputs(self) -> int:
        return self.sizes[-1]

    @property
    def nodes(self) -> int:
        return sum(self.sizes[1:])

    def init(self, key: Key[Array, ""]) -> Params:
        return draw(key, list(itertools.pairwise(self.sizes)), self.initial)

    def forward(self, x: Shaped[Array | np.ndarray, "batch ..."]) -> Forward:
        a = rows(x, self.inputs)
        sign = -1 if self.subtract_bias else 1
        for name in [self.activation] * (len(self.sizes) - 2) + [self.last]:
            z = yield Ask(jnp.matmul, sign, a)
            a = z if name == "linear" else ACTIVATIONS[name](z)
        return a

    @property
    def last(self) -> str:
        """The activation of the last layer, "auto" resolved."""
        if self.output != "auto":
            return self.output
        return "sigmoid" if self.activation == "sigmoid" else "linear"
