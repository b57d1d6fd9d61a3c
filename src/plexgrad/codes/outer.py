"""Slots whose pattern is an outer product of row and column signs in every leaf.

What rank-1 random codes and Kronecker-allocated Walsh codes share: the materialised
pattern and the demodulation by one matrix product per leaf.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from plexgrad.core.layout import Layout

Factors = list[tuple[Float[Array, "slots _"], Float[Array, "slots _"]]]


def outer_block(factors: Factors, layout: Layout, amplitude: float) -> PyTree:
    """The materialised patterns: amplitude x row sign x column sign."""
    leaves = [
        (rows[:, :, None] * (columns * amplitude)[:, None, :])
        .reshape(len(rows), *shape)
        .astype(dtype)
        for (rows, columns), shape, dtype in zip(
            factors, layout.shapes, layout.dtypes, strict=True
        )
    ]
    return layout.assemble(leaves)


def outer_demodulate(
    factors: Factors,
    signal: Float[Array, " slots"],
    layout: Layout,
    amplitude: float,
) -> PyTree:
    """The mean of signal x row sign x column sign / amplitude, one GEMM per leaf."""
    weight = signal / (len(signal) * amplitude)
    leaves = [
        jnp.matmul((rows * weight[:, None]).T, columns).reshape(shape).astype(dtype)
        for (rows, columns), shape, dtype in zip(
            factors, layout.shapes, layout.dtypes, strict=True
        )
    ]
    return layout.assemble(leaves)
