r"""Rank-1 random code: row signs times column signs, redrawn in every slot.

$\tilde\Theta(t) = \Delta\, r(t)\, c(t)^T$ for every leaf seen as a matrix, with
independent random signs r and c. Unbiased, and each component has the variance of
independent signs, because $S_p^2 = 1$; only cross-covariances differ: the four corners
of a rectangle multiply to +1. A layer needs rows + columns generators instead of
rows x columns.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Key, PyTree, UInt32

from plexgrad.codes.outer import AbstractOuterCode, Factors
from plexgrad.core import bits
from plexgrad.core.layout import Layout


@dataclass(frozen=True)
class RankOne(AbstractOuterCode):
    """Random signs that factor into rows and columns; `amplitude` is their size.

    A bias vector (one row) draws column signs only, so its signs are independent.
    """

    amplitude: float = 1e-2

    def factors(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> Factors:
        matrices = Layout.of(like).matrices
        # A single row takes no sign of its own: its columns' signs are random already.
        counts = [(rows if rows > 1 else 0, columns) for rows, columns in matrices]
        one = jnp.ones((len(slots), 1), jnp.float32)
        return [
            (row_signs if row_signs.shape[1] else one, column_signs)
            for row_signs, column_signs in bits.sign_factors(key, slots, counts)
        ]

    @classmethod
    def demo(cls) -> "RankOne":
        return cls(1e-2)
