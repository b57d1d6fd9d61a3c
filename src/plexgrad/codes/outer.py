"""Codes whose pattern is an outer product of row and column signs in every leaf.

What rank-1 random codes and Kronecker-allocated Walsh codes share: the materialised
pattern, and the demodulation by one matrix product per leaf.
"""

import abc

import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.core.code import AbstractCode, Factors
from plexgrad.core.layout import Layout


class AbstractOuterCode(AbstractCode):
    """A code that is defined by its row and column signs."""

    @abc.abstractmethod
    def factors(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> Factors:
        """Row and column signs of every leaf seen as a matrix, in every slot."""

    def block(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> PyTree:
        layout = Layout.of(like)
        leaves = [
            (rows[:, :, None] * (columns * self.amplitude)[:, None, :])
            .reshape(len(rows), *shape)
            .astype(dtype)
            for (rows, columns), shape, dtype in zip(
                self.factors(key, slots, layout),
                layout.shapes,
                layout.dtypes,
                strict=True,
            )
        ]
        return layout.assemble(leaves)

    def demodulate(
        self,
        key: Key[Array, ""],
        slots: UInt32[Array, " slots"],
        signal: Float[Array, " slots"],
        like: PyTree | Layout,
    ) -> PyTree:
        """One matrix product per leaf."""
        layout = Layout.of(like)
        weight = signal / (len(slots) * self.amplitude)
        leaves = [
            jnp.matmul((rows * weight[:, None]).T, columns).reshape(shape).astype(dtype)
            for (rows, columns), shape, dtype in zip(
                self.factors(key, slots, layout),
                layout.shapes,
                layout.dtypes,
                strict=True,
            )
        ]
        return layout.assemble(leaves)
