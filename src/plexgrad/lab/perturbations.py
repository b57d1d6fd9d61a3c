"""What perturbs a device: a seed and a slot range, or the numbers themselves.

A device that makes its own codes gets `Codes`, some twenty bytes, whatever its size;
any other gets the array of `Codes.rows`. Both mean the same: one cost per row. Rows
are dealt evenly, in order, to the groups of samples that are shown, and in a group
stand in the order of measuring: the rest before its slots, a pair side by side.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, UInt32

from plexgrad.core.validate import int_at_least, one_of, positive, positive_int
from plexgrad.lab import shifts
from plexgrad.lab.words import KeyWords, signs

REFERENCES = ("direct", "baseline", "antithetic")
KINDS = ("rademacher", *shifts.KINDS)
MAX_SLOT = 2**32 - 2


@dataclass(frozen=True)
class Codes:
    """Random signs of `count` slots from `start`, times `amplitude`.

    Slot t has the pattern number t // `hold`, and sign p of a pattern is bit p % 32 of
    threefry word p // 32 under `key`. `reference` says which costs belong to a slot:
    that under the pattern ("direct"), also that under its opposite ("antithetic"), or
    also one at rest in every group of samples ("baseline"). Kinds other than
    "rademacher" are those of `lab.shifts`.
    """

    key: KeyWords
    start: int
    count: int
    amplitude: float | int
    reference: str = "direct"
    hold: int = 1
    kind: str = "rademacher"

    def __post_init__(self) -> None:
        positive("amplitude", self.amplitude)
        one_of("reference", self.reference, REFERENCES)
        one_of("kind", self.kind, KINDS)
        int_at_least("start", self.start, 0, MAX_SLOT)
        positive_int("count", self.count, MAX_SLOT - self.start + 1)
        positive_int("hold", self.hold, MAX_SLOT)

    @property
    def slots(self) -> UInt32[np.ndarray, " count"]:
        """The pattern's number in every slot."""
        numbers = np.arange(self.start, self.start + self.count, dtype=np.int64)
        return (numbers // self.hold).astype(np.uint32)

    def patterns(self, size: int) -> Float32[np.ndarray, "count {size}"]:
        """The offsets of `size` parameters in every slot."""
        if self.kind == "rademacher":
            drawn = signs(self.key, self.slots, size)
        else:
            drawn = shifts.signs(self.kind, self.key, self.slots, size)
        return drawn * np.float32(self.amplitude)

    def rows(self, size: int, groups: int = 1) -> Float32[np.ndarray, "rows {size}"]:
        """The offsets in the order in which their costs are measured."""
        return rows_of(self.patterns(size), self.reference, groups)

    def count_rows(self, groups: int = 1) -> int:
        """How many rows that is."""
        return count_rows(self.count, self.reference, groups)


Perturbations = Codes | np.ndarray
"""Codes, or (rows, P) offsets in the unit of the parameters."""


@dataclass(frozen=True)
class Update:
    """Add the sum over slots of coefficient times pattern to the parameters.

    `coefficients`: (count,) float32, one for each of the codes' slots.
    """

    codes: Codes
    coefficients: np.ndarray

    def __post_init__(self) -> None:
        shape = self.coefficients.shape
        if shape != (self.codes.count,):
            raise ValueError(
                f"coefficients must have shape ({self.codes.count},), got {shape}"
            )

    def change(self, size: int) -> Float[np.ndarray, " {size}"]:
        """The sum, added slot by slot in float64: the same on every machine."""
        return summed(self.coefficients, self.codes.patterns(size))

    def terms(self, step: float | int = 0.0) -> Float[np.ndarray, " count"]:
        """Coefficient times amplitude, rounded to `step` if it is above 0."""
        found = self.coefficients.astype(np.float64) * np.float32(self.codes.amplitude)
        return np.rint(found / step) * step if step else found


def summed(
    coefficients: Float[np.ndarray, " slots"],
    patterns: Float32[np.ndarray, "slots P"],
) -> Float[np.ndarray, " P"]:
    """Sum of coefficient times pattern, in the order of the slots.

    A matrix product would be faster and round differently from machine to machine.
    """
    terms = coefficients[:, None].astype(np.float64) * patterns
    return np.add.reduce(terms, axis=0)


def count_rows(slots: int, reference: str, groups: int = 1) -> int:
    """Costs measured for so many slots in so many groups of samples."""
    if reference == "antithetic":
        return 2 * slots
    return slots + (groups if reference == "baseline" else 0)


def rows_of(
    patterns: Float32[np.ndarray, "slots P"], reference: str, groups: int = 1
) -> Float32[np.ndarray, "rows P"]:
    """Patterns as rows in the order of measuring (see the head of this file).

    Raises ValueError unless the slots can be dealt evenly to the groups.
    """
    slots, size = patterns.shape
    if slots % groups:
        raise ValueError(f"slots must be a multiple of groups={groups}, got {slots}")
    if reference == "direct":
        return patterns
    if reference == "antithetic":
        return np.stack([patterns, -patterns], axis=1).reshape(2 * slots, size)
    each = patterns.reshape(groups, slots // groups, size)
    rest = np.zeros((groups, 1, size), np.float32)
    return np.concatenate([rest, each], axis=1).reshape(-1, size)


def signal_of(
    cost: Float[np.ndarray, " rows"], reference: str, groups: int = 1
) -> tuple[Float[np.ndarray, " slots"], float]:
    """The cost modulation in every slot, and the mean cost at rest, from the rows.

    C - C0, half the difference of a pair, or the cost itself; at rest as far as it was
    measured, else the mean over the patterns.
    """
    if reference == "antithetic":
        pairs = cost.reshape(-1, 2)
        return (pairs[:, 0] - pairs[:, 1]) / 2, float(cost.mean())
    if reference == "direct":
        return cost, float(cost.mean())
    each = cost.reshape(groups, -1)
    return (each[:, 1:] - each[:, :1]).reshape(-1), float(each[:, 0].mean())
