r"""Recurrent networks: the same parameters at every step of a sequence, in `lax.scan`.

Elman network: $h \leftarrow f([x_t, h] W + b)$, then a linear readout. Source: Elman
1990, "Finding structure in time" (doi:10.1207/s15516709cog1402_1).

State space: $h \leftarrow \lambda \circ h + \gamma \circ x_t B$ with complex h and
$|\lambda| = \exp(-\exp \nu) < 1$, stable whatever the parameters are: every mode is a
damped resonator. $\gamma = \sqrt{1 - |\lambda|^2}$ evens out their powers. Then one
layer with an activation, and a linear readout. Sources: Gu et al. 2022 (S4D,
arXiv:2206.11893) and Orvieto et al. 2023 (LRU, arXiv:2303.06349), where $\gamma$ is
learned too. O'Loughlin et al. 2025 ("Gradient descent in recurrent neural networks
with model-free multiplexed gradient descent") train such networks by perturbation.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree, Shaped

from plexgrad.core.validate import one_of, positive, positive_int
from plexgrad.nets.layers import ACTIVATIONS, GLOROT, draw, resolved, rows
from plexgrad.nets.net import AbstractNet, Affine, Params

READS = ("last", "mean")
"""What goes to the readout: the state after the last step, or the mean of all."""


class Modes(NamedTuple):
    """The resonators of a state-space layer, in flat order.

    `weight` drives the real parts of all modes, then the imaginary ones. A mode decays
    at a rate of exp(`log_rate`) per step and turns by `angle` radians per step.
    """

    weight: Float[Array, "inputs parts"]
    log_rate: Float[Array, " modes"]
    angle: Float[Array, " modes"]


@dataclass(frozen=True)
class RNN(AbstractNet):
    """Elman network of `sizes` (features, hidden, outputs) on sequences of `steps`.

    Samples are (steps, features) or flat, and multiplied by `gain`, so that inputs in
    0..1 reach the bend of the activation. The cell is one layer of (features + hidden,
    hidden), the readout another. `activation` is "sigmoid",
    "tanh" or "relu", `read` "last" or "mean", `initial` as for an MLP. Raises
    ValueError for anything else.
    """

    steps: int
    sizes: Sequence[int]
    activation: str = "tanh"
    read: str = "last"
    gain: float | int = 4.0
    initial: str | Sequence[float | int] = GLOROT

    def __post_init__(self) -> None:
        _check(self, "features, hidden, outputs")
        object.__setattr__(self, "gain", positive("gain", self.gain))
        object.__setattr__(self, "initial", resolved(self.initial))

    @classmethod
    def demo(cls) -> "RNN":
        return cls(5, [2, 3, 2])

    @property
    def inputs(self) -> int:
        return self.steps * self.sizes[0]

    @property
    def outputs(self) -> int:
        return self.sizes[-1]

    @property
    def nodes(self) -> int:
        return self.steps * self.sizes[1] + self.sizes[2]

    @property
    def repeats(self) -> int:
        return self.steps

    def init(self, key: Key[Array, ""]) -> Params:
        features, hidden, outputs = self.sizes
        shapes = [(features + hidden, hidden), (hidden, outputs)]
        return draw(key, shapes, self.initial)

    def __call__(
        self, params: PyTree, x: Shaped[Array | np.ndarray, "batch ..."]
    ) -> Float[Array, "batch outputs"]:
        cell, readout = _layers(params, 2)
        activation = ACTIVATIONS[self.activation]

        def step(h: Array, now: Array) -> Array:
            seen = jnp.concatenate([self.gain * now, h], axis=1)
            return activation(_affine(seen, cell))

        x = _sequences(x, self.steps, self.sizes[0]).astype(cell.weight.dtype)
        h = jnp.zeros((len(x), self.sizes[1]), x.dtype)
        return _affine(_run(step, lambda h: h, h, x, self.read), readout)


@dataclass(frozen=True)
class SSM(AbstractNet):
    """State space of `sizes` (features, modes, hidden, outputs) on so many `steps`.

    Samples are (steps, features) or flat. `activation` ("sigmoid", "tanh" or "relu")
    is that of the hidden layer, which sees all modes; its answer is read out at the
    "last" step or as the "mean" over steps (`read`). Raises ValueError for anything
    else.
    """

    steps: int
    sizes: Sequence[int]
    activation: str = "relu"
    read: str = "last"

    def __post_init__(self) -> None:
        _check(self, "features, modes, hidden, outputs")

    @classmethod
    def demo(cls) -> "SSM":
        return cls(5, [2, 3, 4, 2])

    @property
    def inputs(self) -> int:
        return self.steps * self.sizes[0]

    @property
    def outputs(self) -> int:
        return self.sizes[-1]

    @property
    def nodes(self) -> int:
        _, modes, hidden, outputs = self.sizes
        often = self.steps if self.read == "mean" else 1
        return self.steps * 2 * modes + often * hidden + outputs

    @property
    def repeats(self) -> int:
        return self.steps

    def init(self, key: Key[Array, ""]) -> tuple[Modes, Affine, Affine]:
        """Memories are drawn from 1 to `steps` steps, evenly in their logarithm, angles
        one from each part of 0 to pi, weights as Glorot and Bengio do."""
        features, modes, hidden, outputs = self.sizes
        weights, spread = jax.random.split(key)
        shapes = [(features, 2 * modes), (2 * modes, hidden), (hidden, outputs)]
        first, *dense = draw(weights, shapes, GLOROT)
        rate, angle = jax.random.uniform(spread, (2, modes), jnp.float32)
        angle = (jnp.arange(modes, dtype=jnp.float32) + angle) * jnp.float32(
            math.pi / modes
        )
        log_rate = -math.log(self.steps) * rate
        return Modes(first.weight, log_rate, angle), dense[0], dense[1]

    def __call__(
        self, params: PyTree, x: Shaped[Array | np.ndarray, "batch ..."]
    ) -> Float[Array, "batch outputs"]:
        modes, hidden, readout = _layers(params, 3)
        decay = jnp.exp(modes.log_rate)
        size, scale = jnp.exp(-decay), jnp.sqrt(-jnp.expm1(-2 * decay))
        cosine, sine = size * jnp.cos(modes.angle), size * jnp.sin(modes.angle)
        weight = modes.weight * jnp.tile(scale, 2)[None]

        def step(h: Array, now: Array) -> Array:
            real, imaginary = jnp.split(h, 2, axis=1)
            turned = [
                cosine[None] * real - sine[None] * imaginary,
                sine[None] * real + cosine[None] * imaginary,
            ]
            return jnp.concatenate(turned, axis=1) + now @ weight

        def seen(h: Array) -> Array:
            return ACTIVATIONS[self.activation](_affine(h, hidden))

        x = _sequences(x, self.steps, self.sizes[0]).astype(weight.dtype)
        h = jnp.zeros((len(x), 2 * self.sizes[1]), x.dtype)
        return _affine(_run(step, seen, h, x, self.read), readout)


def _run(
    step: Callable[[Array, Array], Array],
    seen: Callable[[Array], Array],
    h: Float[Array, "batch state"],
    x: Float[Array, "batch steps features"],
    read: str,
) -> Float[Array, "batch seen"]:
    """What is `seen` of the state, at the end or on average; no step is kept."""
    along = jnp.moveaxis(x, 1, 0)
    if read == "last":
        return seen(jax.lax.scan(lambda h, now: (step(h, now), None), h, along)[0])

    def adding(carry: tuple[Array, Array], now: Array) -> tuple:
        h, total = step(carry[0], now), carry[1]
        return (h, total + seen(h)), None

    start = (h, jnp.zeros_like(jax.eval_shape(seen, h)))
    return jax.lax.scan(adding, start, along)[0][1] / len(along)


def _affine(a: Array, layer: Affine) -> Array:
    return a @ layer.weight + layer.bias[None]


def _layers(params: Any, count: int) -> Any:
    if len(params) != count:
        raise ValueError(f"params must hold {count} layers, got {len(params)}")
    return params


def _sequences(
    x: Shaped[Array | np.ndarray, "batch ..."], steps: int, features: int
) -> Float[Array, "batch steps features"]:
    if x.ndim == 3 and x.shape[1:] != (steps, features):
        # Features first would have the right number of them.
        raise ValueError(
            f"x must hold sequences of shape {(steps, features)}, "
            f"got {tuple(x.shape[1:])}"
        )
    return rows(x, steps * features).reshape(len(x), steps, features)


def _check(net: RNN | SSM, names: str) -> None:
    positive_int("steps", net.steps)
    if not isinstance(net.sizes, Sequence) or len(net.sizes) != 1 + names.count(","):
        raise ValueError(f"sizes must be ({names}), got {net.sizes!r}")
    sizes = tuple(positive_int("sizes", size) for size in net.sizes)
    object.__setattr__(net, "sizes", sizes)
    one_of("activation", net.activation, ACTIVATIONS)
    one_of("read", net.read, READS)
