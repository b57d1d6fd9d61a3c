r"""Grid code: all combinations of a few row codes and a few column codes in turn.

In block b of $k_1 k_2$ slots, slot $a k_2 + c$ has the pattern
$\Delta\, r_{b,a}\, q_{b,c}^T$ on every leaf seen as a matrix, with $k_1$ random row
signs r and $k_2$ random column signs q that are drawn anew for every leaf and block.
The estimate then separates, $R^T (D Q) / (K \Delta)$ with the costs D as a matrix,
which takes $k_2$ times fewer operations than the product of rank-1 codes. The price is
in the crosstalk. On a linear cost the estimate is
$\hat g_p = g_p + \sum_{q \ne p} \rho_{pq} g_q$, where the correlation $\rho_{pq}$ has
mean 0 and, over B whole blocks, the variance

- $1 / (B k_2)$ if p and q share a row: $r^2 = 1$, and only $k_2$ products are drawn;
- $1 / (B k_1)$ if they share a column;
- $1 / (B k_1 k_2)$ otherwise, so across leaves too, whose signs are independent.

Hence a parameter of an n x m leaf gives the others, relative to its own power,
$[(1 + (n-1)/k_1)(1 + (m-1)/k_2) - 1 + (P - nm)/(k_1 k_2)] / B$, against
$(P-1)/(B k_1 k_2)$ for independent signs.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.codes.outer import AbstractOuterCode, Factors
from plexgrad.core import bits
from plexgrad.core.layout import Layout
from plexgrad.core.validate import positive_int


@dataclass(frozen=True)
class Grid(AbstractOuterCode):
    """Every pair of `rows` row codes and `columns` column codes, block by block.

    Larger blocks are read faster, have more crosstalk within rows and columns, and make
    the length of the estimate vary more: at equal slots prefer many small blocks. A
    leaf with one row or column (a bias) draws its signs anew in every slot: as a grid
    it would have one code's worth of crosstalk, and its signs cost next to nothing.

    Raises ValueError unless `rows` and `columns` are integers in [1, 32768].
    """

    amplitude: float = 1e-2
    rows: int = 8
    columns: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int("rows", self.rows, 2**15)
        positive_int("columns", self.columns, 2**15)

    def factors(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> Factors:
        width = jnp.uint32(self.columns)
        return self._signs(key, slots // width, slots, Layout.of(like))

    def _signs(
        self,
        key: Key[Array, ""],
        lines: UInt32[Array, " lines"],
        slots: UInt32[Array, " slots"],
        layout: Layout,
    ) -> list[tuple[Float[Array, "_ _"], Float[Array, "slots _"]]]:
        """Row signs of `lines` (slots // columns) and column signs of `slots`.

        A vector's signs are those of `slots`, on either side, with ones on the other.
        """
        width, block = jnp.uint32(self.columns), jnp.uint32(self.rows * self.columns)
        numbers = slots, lines, slots // block * width + slots % width
        counts = [
            (rows * columns, 0, 0) if min(rows, columns) == 1 else (0, rows, columns)
            for rows, columns in layout.matrices
        ]
        # Words of their own for each kind of sign: the numbers that count them overlap.
        kinds, first = [], 0
        for number, each in zip(numbers, zip(*counts, strict=True), strict=True):
            kinds.append(_dealt(key, number, each, first))
            first += -(-sum(each) // 64) * 64
        one = jnp.ones((len(slots), 1), jnp.float32)
        found = []
        for (rows, columns), vector, row_signs, column_signs in zip(
            layout.matrices, *kinds, strict=True
        ):
            if rows == 1:
                found.append((one, vector))
            elif columns == 1:
                found.append((vector, one))
            else:
                found.append((row_signs, column_signs))
        return found

    def demodulate(
        self,
        key: Key[Array, ""],
        slots: UInt32[Array, " slots"],
        signal: Float[Array, " slots"],
        like: PyTree | Layout,
    ) -> PyTree:
        """The separable product where slots follow one another, else rank-1's."""
        layout = Layout.of(like)
        general = super().demodulate
        if len(slots) < 2 * self.columns or self.columns == 1:
            return general(key, slots, signal, layout)
        in_turn = slots[0] + jnp.arange(len(slots), dtype=jnp.uint32)
        return jax.lax.cond(
            jnp.all(slots == in_turn) & (slots[-1] > slots[0]),
            lambda slots, signal: self._separable(key, slots, signal, layout),
            lambda slots, signal: general(key, slots, signal, layout),
            slots,
            signal,
        )

    def _separable(
        self,
        key: Key[Array, ""],
        slots: UInt32[Array, " slots"],
        signal: Float[Array, " slots"],
        layout: Layout,
    ) -> PyTree:
        """The estimate from slots in turn: sum over each line, then one product."""
        width = self.columns
        count = (len(slots) - 2) // width + 2
        line, inside = slots[0] // jnp.uint32(width), slots[0] % jnp.uint32(width)
        lines = line + jnp.arange(count, dtype=jnp.uint32)
        # Whole lines, silent where there was no slot.
        whole = line * jnp.uint32(width) + jnp.arange(count * width, dtype=jnp.uint32)
        weight = jax.lax.dynamic_update_slice(
            jnp.zeros(count * width, signal.dtype),
            signal / (len(slots) * self.amplitude),
            (inside,),
        )
        leaves = []
        for (rows, columns), (row_signs, column_signs), shape, dtype in zip(
            layout.matrices,
            self._signs(key, lines, whole, layout),
            layout.shapes,
            layout.dtypes,
            strict=True,
        ):
            if min(rows, columns) == 1:
                leaf = weight @ (row_signs * column_signs)
            else:
                weighted = weight[:, None] * column_signs
                leaf = row_signs.T @ weighted.reshape(count, width, columns).sum(1)
            leaves.append(leaf.reshape(shape).astype(dtype))
        return layout.assemble(leaves)

    def excess(self, slots: int, like: PyTree | Layout) -> float:
        """The equation above, for gradients spread evenly over all parameters.

        Windows of `slots` follow one another; where they cut blocks, all are averaged.
        """
        layout = Layout.of(like)
        width, block = self.columns, self.rows * self.columns
        cut, whole, rest = _pieces(slots, block)
        power = _squares(cut, width) + whole * _squares(block, width)
        same_row = np.mean(power + _squares(rest, width)) / slots**2
        cut, whole, rest = _pieces(slots, width)
        same_column = np.mean(cut**2 + whole * width**2 + rest**2) / slots**2
        total = layout.size * (layout.size - 1) / slots
        for rows, columns in layout.matrices:
            if min(rows, columns) > 1:
                more = (columns - 1) * (same_row - 1 / slots)
                more += (rows - 1) * (same_column - 1 / slots)
                total += rows * columns * more
        return float(total / layout.size)

    @classmethod
    def demo(cls) -> "Grid":
        return cls(1e-2, 2, 4)


def _dealt(
    key: Key[Array, ""],
    numbers: UInt32[Array, " n"],
    counts: Sequence[int],
    first: int,
) -> list[Float[Array, "n _"]]:
    """Signs of each number from item `first` on, dealt to leaves by their counts."""
    drawn = bits.signs(key, numbers, sum(counts), first)
    ends = list(itertools.accumulate(counts))
    return [
        drawn[:, end - count : end] for count, end in zip(counts, ends, strict=True)
    ]


def _pieces(slots: int, width: int) -> tuple:
    """How cuts at multiples of `width` divide windows of `slots`, for every phase.

    Slots before the first cut, whole widths, and slots after the last.
    """
    phase = np.arange(0, width, math.gcd(slots, width))
    cut = np.minimum(slots, width - phase)
    return cut, *np.divmod(slots - cut, width)


def _squares(length: np.ndarray | int, codes: int) -> np.ndarray | np.integer:
    """Sum over codes met in turn of the square of how often each was met."""
    turns, more = np.divmod(length, codes)
    return more * (turns + 1) ** 2 + (codes - more) * turns**2
