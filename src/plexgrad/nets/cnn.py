"""Convolutional network: 3x3 convolutions and 2x2 max pools, then dense layers.

The image networks of McCaughan et al. 2023 (doi:10.1063/5.0157645), and the VGG-like
family of width d with which the same group studied scaling. Images are (height, width,
channels), kernels (height, width, inputs, outputs); an activation follows every layer
but the last.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, Shaped

from plexgrad.core.validate import one_of, positive_int
from plexgrad.nets.layers import (
    ACTIVATIONS,
    GLOROT,
    convolve,
    draw,
    max_pool,
    resolved,
    rows,
)
from plexgrad.nets.net import AbstractLayered, Ask, Forward, Params

POOL = "pool"


@dataclass(frozen=True)
class CNN(AbstractLayered):
    """Images of `shape` through `body`, then through dense layers of these widths.

    An integer in `body` is a convolution with that many output channels, the word
    "pool" a max pool. `activation` is "sigmoid", "tanh" or "relu", `padding` "VALID" or
    "SAME", `initial` as for an MLP. Raises ValueError for anything else, and for a body
    that leaves nothing of the image.
    """

    shape: Sequence[int]
    body: Sequence[int | str]
    dense: Sequence[int]
    activation: str = "relu"
    padding: str = "VALID"
    initial: str | Sequence[float | int] = GLOROT

    def __post_init__(self) -> None:
        if not isinstance(self.shape, Sequence) or len(self.shape) != 3:
            raise ValueError(
                f"shape must be (height, width, channels), got {self.shape!r}"
            )
        if not isinstance(self.dense, Sequence) or not self.dense:
            raise ValueError(f"dense must hold at least one width, got {self.dense!r}")
        shape = tuple(positive_int("shape", size) for size in self.shape)
        dense = tuple(positive_int("dense", width) for width in self.dense)
        body = tuple(
            POOL if layer == POOL else positive_int("a body's layer", layer)
            for layer in self.body
        )
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("padding", self.padding, ("VALID", "SAME"))
        for name, value in (("shape", shape), ("body", body), ("dense", dense)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "initial", resolved(self.initial))
        for image in self._images():
            if min(image) < 1:
                raise ValueError(
                    f"body must leave at least one pixel of {shape}, got {body}"
                )

    @classmethod
    def fashion_mnist(cls) -> "CNN":
        """McCaughan et al. 2023: 14,378 parameters for 28 x 28 grey images."""
        return cls((28, 28, 1), (16, POOL, 32, POOL, 32, POOL), (10,))

    @classmethod
    def cifar10(cls) -> "CNN":
        """McCaughan et al. 2023: 26,154 parameters for 32 x 32 colour images."""
        return cls((32, 32, 3), (16, POOL, 32, POOL, 64, POOL), (10,))

    @classmethod
    def vgg(cls, d: int, classes: int = 10) -> "CNN":
        """The VGG-like net of width d: 439 d^2 + 71 d + 10 parameters, ten classes."""
        d = positive_int("d", d)
        stages = ((w, w, POOL) for w in (d, 2 * d, 4 * d))
        body = tuple(itertools.chain.from_iterable(stages))
        dense = (4 * d, 4 * d, classes)
        return cls((28, 28, 1), body, dense, activation="tanh", padding="SAME")

    @classmethod
    def demo(cls) -> "CNN":
        return cls((8, 9, 2), (3, POOL, 4), (5, 3), activation="tanh")

    @property
    def inputs(self) -> int:
        return math.prod(self.shape)

    @property
    def outputs(self) -> int:
        return self.dense[-1]

    @property
    def nodes(self) -> int:
        images = itertools.pairwise(self._images())
        maps = [
            math.prod(image)
            for (_, image), layer in zip(images, self.body, strict=True)
            if layer != POOL
        ]
        return sum(maps) + sum(self.dense)

    def init(self, key: Key[Array, ""]) -> Params:
        channels = [self.shape[2], *(c for c in self.body if isinstance(c, int))]
        *_, image = self._images()
        kernels = [(3, 3, *pair) for pair in itertools.pairwise(channels)]
        widths = [math.prod(image), *self.dense]
        return draw(key, [*kernels, *itertools.pairwise(widths)], self.initial)

    def forward(self, x: Shaped[Array | np.ndarray, "batch ..."]) -> Forward:
        if x.ndim > 3 and x.shape[1:] != tuple(self.shape):
            # Channels first would have the right number of features.
            raise ValueError(
                f"x must hold images of shape {self.shape}, got {tuple(x.shape[1:])}"
            )
        a = rows(x, self.inputs).reshape(len(x), *self.shape)
        activation = ACTIVATIONS[self.activation]
        convolution = partial(convolve, padding=self.padding)
        for step in self.body:
            if step == POOL:
                a = max_pool(a)
            else:
                a = activation((yield Ask(convolution, 1, a)))
        a = a.reshape(len(a), -1)
        for _ in self.dense[:-1]:
            a = activation((yield Ask(jnp.matmul, 1, a)))
        return (yield Ask(jnp.matmul, 1, a))

    def _images(self) -> Iterator[tuple[int, int, int]]:
        """The shape of the image before the body and after each of its layers."""
        height, width, channels = self.shape
        yield height, width, channels
        for layer in self.body:
            if isinstance(layer, str):
                height, width = height // 2, width // 2
            else:
                cut = 2 if self.padding == "VALID" else 0
                height, width, channels = height - cut, width - cut, layer
            yield height, width, channels
