r"""Walsh code: a row of a Hadamard matrix per parameter, allocated as a product.

$\tilde\theta_p(t) = \Delta\,\rho_i \kappa_j\,(-1)^{\mathrm{popcount}(p \wedge t)}$ in
Sylvester order, period N a power of two. The parameter in row i and column j of a leaf
has the index $p = A(i) \oplus B(j)$ with A in the low and B in the high bits, so a slot
is a rank-1 sign matrix while all codes stay distinct and orthogonal, and all gradients
come from one fast Walsh-Hadamard transform of the cost. Index 0 is never given: it is
where the baseline cost and the diagonal of the curvature land. rho and kappa are signs
fixed for the run (scrambling); without them all codes agree in slot 0. Walsh
multiplexing: McCaughan et al. 2023, doi:10.1063/5.0157645.
"""

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.codes.outer import AbstractOuterCode, Factors
from plexgrad.core import bits
from plexgrad.core.layout import Layout


@dataclass(frozen=True)
class Allocation:
    """Which Walsh indices every leaf holds.

    `low_bits` and `high_bits` split the index. Leaf l occupies low values from
    `base[l]`; `rows_low[l]` says whether its rows or its columns run there.
    """

    low_bits: int
    high_bits: int
    base: tuple[int, ...]
    rows_low: tuple[bool, ...]

    @property
    def period(self) -> int:
        """N, the number of slots in a period."""
        return 1 << (self.low_bits + self.high_bits)


@lru_cache
def allocate(layout: Layout) -> Allocation:
    """The allocation with the shortest period."""
    best: Allocation | None = None
    longest = max(max(matrix) for matrix in layout.matrices)
    for high_bits in range(longest.bit_length() + 1):
        room = 1 << high_bits
        base, rows_low, low = [], [], 1
        for rows, columns in layout.matrices:
            if min(rows, columns) > room:
                break
            by_rows = columns <= room and (rows <= columns or rows > room)
            base.append(low)
            rows_low.append(by_rows)
            low += rows if by_rows else columns
        else:
            found = Allocation(
                (low - 1).bit_length(), high_bits, tuple(base), tuple(rows_low)
            )
            if best is None or found.period < best.period:
                best = found
    if best is None or best.period > 2**32:
        raise ValueError(
            f"params must fit Walsh codes of period 2**32, got P={layout.size}"
        )
    return best


RADIX = 64
"""Points of one butterfly: a small matrix product beats six rounds of additions."""


def fwht(values: Float[Array, " N"]) -> Float[Array, " N"]:
    """Fast Walsh-Hadamard transform in Sylvester order; N must be a power of two."""
    size, done = len(values), 1
    while done < size:
        radix = min(RADIX, size // done)
        small = jnp.asarray(_hadamard(radix), values.dtype)
        if done == 1:
            values = jnp.matmul(values.reshape(-1, radix), small, precision="highest")
        else:
            blocks = values.reshape(-1, radix, done)
            values = jnp.matmul(small[None], blocks, precision="highest")
        done *= radix
    return values.reshape(size)


@lru_cache
def _hadamard(size: int) -> np.ndarray:
    index = np.arange(size)
    return 1 - 2 * (np.bitwise_count(index[:, None] & index) % 2).astype(np.int8)


@dataclass(frozen=True)
class Walsh(AbstractOuterCode):
    """Orthogonal signs, exact after one `period`; `amplitude` is each offset's size.

    The period is a power of two above P, at most 2 P for the usual networks; a wide
    layer beside a narrow one can need more.

    Use antithetic pairs: with a one-sided reference the curvature of the cost is read
    as gradient. `scramble=False` gives the bare Walsh functions, to compare with.
    """

    amplitude: float = 1e-2
    scramble: bool = True

    def period(self, like: PyTree | Layout) -> int:
        return allocate(Layout.of(like)).period

    def _scrambling(self, key: Key[Array, ""], layout: Layout) -> Factors:
        counts = [rows + columns for rows, columns in layout.matrices]
        if not self.scramble:
            drawn = jnp.ones(sum(counts), jnp.float32)
        else:
            drawn = bits.static_signs(key, sum(counts))
        found, start = [], 0
        for (rows, _), count in zip(layout.matrices, counts, strict=True):
            part = drawn[None, start : start + count]
            found.append((part[:, :rows], part[:, rows:]))
            start += count
        return found

    def factors(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> Factors:
        layout = Layout.of(like)
        plan = allocate(layout)

        def walsh(low: bool, start: int, count: int) -> Float[Array, "slots count"]:
            index = np.arange(start, start + count, dtype=np.uint32)
            index = index if low else index << plan.low_bits
            parity = jax.lax.population_count(slots[:, None] & index[None, :]) & 1
            return 1.0 - 2.0 * parity.astype(jnp.float32)

        found = []
        for (rows, columns), base, rows_low, (row_signs, column_signs) in zip(
            layout.matrices,
            plan.base,
            plan.rows_low,
            self._scrambling(key, layout),
            strict=True,
        ):
            row_walsh = walsh(rows_low, base if rows_low else 0, rows)
            column_walsh = walsh(not rows_low, 0 if rows_low else base, columns)
            found.append((row_walsh * row_signs, column_walsh * column_signs))
        return found

    def demodulate(
        self,
        key: Key[Array, ""],
        slots: UInt32[Array, " slots"],
        signal: Float[Array, " slots"],
        like: PyTree | Layout,
    ) -> PyTree:
        """One fast Walsh-Hadamard transform; for few slots, a product per leaf."""
        layout = Layout.of(like)
        plan = allocate(layout)
        period = plan.period
        if len(slots) * layout.size < 8 * period * max(1, period.bit_length()):
            return super().demodulate(key, slots, signal, layout)
        spectrum = fwht(_folded(slots, signal, period))
        spectrum = spectrum / (len(slots) * self.amplitude)
        grid = spectrum.reshape(1 << plan.high_bits, 1 << plan.low_bits)
        leaves = []
        for (rows, columns), base, rows_low, (row_signs, column_signs) in zip(
            layout.matrices,
            plan.base,
            plan.rows_low,
            self._scrambling(key, layout),
            strict=True,
        ):
            if rows_low:
                part = grid[:columns, base : base + rows].T
            else:
                part = grid[:rows, base : base + columns]
            leaves.append((part * row_signs.T * column_signs).reshape(-1))
        return layout.unflatten(jnp.concatenate(leaves))

    @classmethod
    def demo(cls) -> "Walsh":
        return cls(1e-2)


def _folded(
    slots: UInt32[Array, " slots"], signal: Float[Array, " slots"], period: int
) -> Float[Array, " period"]:
    """The signal summed by the place of its slot in the period."""
    place = slots % jnp.uint32(period)

    def scattered(place: Array, signal: Array) -> Array:
        return jnp.zeros(period, signal.dtype).at[place].add(signal)

    if len(slots) % period:
        return scattered(place, signal)
    # Whole periods in turn, as a training loop asks for them, only need to be rotated.
    in_turn = slots[0] + jnp.arange(len(slots), dtype=jnp.uint32)

    def rotated(place: Array, signal: Array) -> Array:
        whole = jnp.sum(signal.reshape(-1, period), axis=0)
        return jnp.roll(whole, place[0].astype(jnp.int32))

    return jax.lax.cond(jnp.all(slots == in_turn), rotated, scattered, place, signal)
