"""The contract of a network, of one made of layers, and the layer most are made of.

A subclass is a frozen dataclass whose fields say everything about it: hashable (a
static argument of jit), comparable, and writable to a record. `demo()` gives a small
valid instance, by which the laws find and check every class.
"""

import abc
from collections.abc import Callable, Generator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree, Shaped

from plexgrad.core.layout import Layout


class Affine(NamedTuple):
    """One trainable layer. In the flat order the weight comes first, then the bias.

    A dense weight is (inputs, outputs), a convolution's (height, width, inputs,
    outputs): the last axis is always the one the bias runs along.
    """

    weight: Float[Array, "*inputs outputs"]
    bias: Float[Array, " outputs"]


Params = tuple[Affine, ...]
"""The parameters of a network of layers: one `Affine` for each, input first."""


class Ask(NamedTuple):
    """What a network needs next: the pre-activation of its next trainable layer.

    `linear(a, weight)` is the layer's product (dense or convolution), `sign` that of
    its bias; the answer is linear(a, weight) + sign x bias, perturbed or not.
    """

    linear: Callable[[Array, Array], Array]
    sign: int
    a: Array

    def plainly(self, layer: Affine) -> Array:
        """The answer of an unperturbed layer."""
        weight, bias = layer
        z = self.linear(self.a.astype(weight.dtype), weight)
        return z + self.sign * jnp.expand_dims(bias, tuple(range(z.ndim - 1)))


Forward = Generator[Ask, Array, Array]
"""A forward pass that asks for every pre-activation and returns the outputs.

Whoever drives it holds the parameters, so a perturbation of weights or nodes is an
answer, not another network. An answer may have a larger batch than what was asked.
"""


def drive(forward: Forward, answer: Callable[[int, Ask], Array]) -> Array:
    """The outputs of a forward pass whose layer n is answered by `answer(n, ask)`."""
    ask, number = next(forward), 0
    while True:
        try:
            ask, number = forward.send(answer(number, ask)), number + 1
        except StopIteration as end:
            return end.value


class AbstractNet(abc.ABC):
    """A differentiable model of a network: pure, and free of any cost.

    Its parameters are a tuple of NamedTuples of arrays, one for each trainable layer.
    """

    @abc.abstractmethod
    def init(self, key: Key[Array, ""]) -> PyTree:
        """Freshly drawn float32 parameters; the same key gives the same ones."""

    @abc.abstractmethod
    def __call__(
        self, params: PyTree, x: Shaped[Array | np.ndarray, "batch ..."]
    ) -> Float[Array, "batch outputs"]:
        """The outputs for a batch of samples, flat or in the network's own shape.

        Raises ValueError if a sample does not have `inputs` features, and for params of
        another depth.
        """

    @property
    @abc.abstractmethod
    def inputs(self) -> int:
        """Features of one sample."""

    @property
    @abc.abstractmethod
    def outputs(self) -> int:
        """Outputs for one sample."""

    @property
    @abc.abstractmethod
    def nodes(self) -> int:
        """N, the number of pre-activations for one sample, those of all steps."""

    @property
    def repeats(self) -> int:
        """How often in turn parameters are used on one sample: 1 unless recurrent."""
        return 1

    @property
    def parameters(self) -> int:
        """P, the number of trainable parameters."""
        return Layout.of(jax.eval_shape(self.init, jax.random.key(0))).size

    @classmethod
    @abc.abstractmethod
    def demo(cls) -> "AbstractNet":
        """A small valid instance, for laws and examples."""


class AbstractLayered(AbstractNet):
    """A network that uses each trainable layer once, and so can ask for each in turn.

    What needs to know the layers (engines, neurons with flaws) needs one of these.
    """

    @abc.abstractmethod
    def init(self, key: Key[Array, ""]) -> Params:
        """As in any network."""

    @abc.abstractmethod
    def forward(self, x: Shaped[Array | np.ndarray, "batch ..."]) -> Forward:
        """A forward pass on a batch of samples, flat or in the network's own shape.

        Raises ValueError if a sample does not have `inputs` features.
        """

    def __call__(
        self, params: Params, x: Shaped[Array | np.ndarray, "batch ..."]
    ) -> Float[Array, "batch outputs"]:
        layers = iter(params)

        def answer(number: int, ask: Ask) -> Array:
            layer = next(layers, None)
            if layer is None:
                raise ValueError(
                    f"params must hold a layer for each of the network's, got {number}"
                )
            return ask.plainly(layer)

        outputs = drive(self.forward(x), answer)
        if left := len(list(layers)):
            raise ValueError(
                "params must hold as many layers as the network, "
                f"got {len(params)}, {left} too many"
            )
        return outputs
