r"""What networks share: activations, initialisation, convolution, pooling.

Glorot-uniform draws weights from $\pm\sqrt{6 / (n_\text{in} + n_\text{out})}$; the
fans count the receptive field. Source: Glorot and Bengio 2010, "Understanding the
difficulty of training deep feedforward neural networks", AISTATS.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, Shaped

from plexgrad.core.validate import finite
from plexgrad.nets.net import Affine, Params

ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
}
"""What may stand between layers; an output may be linear too."""

GLOROT = "glorot_uniform"
PATCH_FLOATS = 2**20
"""Entries of a patch matrix above which a convolution is not made a matrix product."""

FEW_CHANNELS, FEW_IMAGES = (4, 8), 16
"""Input and output channels up to which, and images from which, a convolution is a sum
of shifted images."""


def resolved(initial: Any) -> str | tuple[float, float]:
    """The word "glorot_uniform" or a pair (low, high) as it is, else a ValueError."""
    if isinstance(initial, str) and initial == GLOROT:
        return GLOROT
    if not isinstance(initial, list | tuple) or len(initial) != 2:
        raise ValueError(
            f"initial must be {GLOROT!r} or a pair (low, high), got {initial!r}"
        )
    low, high = finite("initial", initial[0]), finite("initial", initial[1])
    if low >= high:
        raise ValueError(f"initial must have low below high, got {initial!r}")
    return low, high


def draw(
    key: Key[Array, ""],
    shapes: Sequence[tuple[int, ...]],
    initial: str | Sequence[float | int],
) -> Params:
    """One layer per weight shape; Glorot biases are zero, uniform ones are drawn."""
    sizes = [math.prod(shape) + shape[-1] for shape in shapes]
    # One draw for all, in flat order: compiling one per layer takes seconds.
    units = jax.random.uniform(key, (sum(sizes),), jnp.float32)
    layers, stop = [], 0
    for shape, size in zip(shapes, sizes, strict=True):
        unit, stop = units[stop : stop + size], stop + size
        weight, bias = unit[: -shape[-1]].reshape(shape), unit[-shape[-1] :]
        if isinstance(initial, str):
            bound = math.sqrt(6 / math.prod(shape[:-2]) / (shape[-2] + shape[-1]))
            layers.append(Affine(bound * (2 * weight - 1), jnp.zeros_like(bias)))
        else:
            low, high = initial
            layers.append(Affine(*(low + (high - low) * u for u in (weight, bias))))
    return tuple(layers)


def rows(
    x: Shaped[Array | np.ndarray, "batch ..."], features: int
) -> Float[Array, "batch features"]:
    """Samples as flat rows of floats, so bits and bytes may come in.

    Raises ValueError, naming both counts, if a sample has another number of features.
    """
    found = math.prod(x.shape[1:])
    if found != features:
        raise ValueError(
            f"x must have {features} features per sample, got {found} "
            f"(shape {tuple(x.shape)})"
        )
    floats = x.dtype if jnp.issubdtype(x.dtype, jnp.floating) else jnp.float32
    return jnp.asarray(x, floats).reshape(len(x), features)


def convolve(
    x: Float[Array, "batch height width inputs"],
    kernel: Float[Array, "3 3 inputs outputs"],
    padding: str,
) -> Float[Array, "batch height_out width_out outputs"]:
    """3x3 convolution with stride 1; padding is "VALID" or "SAME".

    On a CPU a product of patches and kernel is faster while the patches stay in the
    cache: 1.3 times alone, and twice with one kernel per slot under vmap, which would
    otherwise become a grouped convolution (the 14,378-parameter network, batch 1).
    Beyond the cache the copies, nine times the image, cost more than they save.
    Images of few channels are added up instead (see `_few_channels`).
    """
    channels = zip(kernel.shape[2:], FEW_CHANNELS, strict=True)
    few = len(x) >= FEW_IMAGES and all(count <= most for count, most in channels)
    if few and jax.default_backend() == "cpu":
        return _few_channels(x, kernel, padding)
    return _patches(x, kernel, padding)


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _few_channels(
    x: Float[Array, "batch height width inputs"],
    kernel: Float[Array, "3 3 inputs outputs"],
    padding: str,
) -> Float[Array, "batch height_out width_out outputs"]:
    """A convolution as a sum of shifted images, each times a number.

    With the images of a batch last in memory that is one loop over long vectors, and
    nothing is copied; patches of few channels are copied number by number. With one
    kernel per slot, a pass through the VGG-like network of width 1 (4) is 7 (4) times
    as fast at 25 images. Its gradient is that of the patches: of this sum it would be
    slow.
    """
    # The barriers keep a layer from being computed again for each use of its output.
    images = jax.lax.optimization_barrier(jnp.transpose(x, (3, 1, 2, 0)))
    weights = kernel.reshape(9, *kernel.shape[2:])[..., None, None, None]
    terms = (
        weights[n, channel] * part[channel][None]
        for n, part in enumerate(_shifted(images, padding))
        for channel in range(len(part))
    )
    summed = jax.lax.optimization_barrier(reduce(jnp.add, terms))
    return jnp.transpose(summed, (3, 1, 2, 0))


@_few_channels.defjvp
def _few_channels_jvp(padding: str, at: tuple, along: tuple) -> tuple[Array, Array]:
    (x, kernel), (dx, dkernel) = at, along
    slope = _patches(dx, kernel, padding) + _patches(x, dkernel, padding)
    return _few_channels(x, kernel, padding), slope


def _shifted(x: Array, padding: str) -> list[Array]:
    """The nine shifts of the images (axes 1 and 2) that a kernel sees."""
    if padding == "SAME":
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    high, wide = x.shape[1] - 2, x.shape[2] - 2
    return [x[:, i : i + high, j : j + wide] for i in range(3) for j in range(3)]


def _patches(x: Array, kernel: Array, padding: str) -> Array:
    if 9 * x.size > PATCH_FLOATS:
        axes = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 1), padding, dimension_numbers=axes
        )
    patches = jnp.concatenate(_shifted(x, padding), axis=-1)
    return jnp.tensordot(patches, kernel.reshape(-1, kernel.shape[-1]), 1)


def max_pool(
    x: Float[Array, "batch height width channels"],
) -> Float[Array, "batch height//2 width//2 channels"]:
    """2x2 max pool with stride 2; an odd last row or column is dropped.

    By slices: on a CPU twice as fast as a reshaped maximum and its gradient, and the
    gradient of a windowed reduction is a scatter, slower still.
    """
    _, height, width, _ = x.shape
    rows, columns = height // 2 * 2, width // 2 * 2

    def corner(row: int, column: int) -> Array:
        return x[:, row:rows:2, column:columns:2]

    left = jnp.maximum(corner(0, 0), corner(1, 0))
    return jnp.maximum(left, jnp.maximum(corner(0, 1), corner(1, 1)))
