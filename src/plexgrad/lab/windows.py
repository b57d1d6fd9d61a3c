"""Which slots are measured together, and which samples they see.

A window of tau_theta slots lies between two writes. It is cut where the sample changes
(`hold` = gcd(tau_x, tau_theta) slots never straddle a change), and into calls that the
device can take: several whole holds, or a part of one.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from plexgrad.core.clock import Clock
from plexgrad.lab.perturbations import count_rows

AHEAD = 1024
"""Batches whose samples are drawn at once."""


@dataclass(frozen=True)
class Piece:
    """`count` slots from `start` in `groups` samples; `rest` asks for rests there."""

    start: int
    count: int
    groups: int
    rest: bool

    def reference(self, wanted: str) -> str:
        """What its slots are measured with."""
        return "direct" if wanted == "baseline" and not self.rest else wanted


@dataclass(frozen=True)
class Windows:
    """The pieces of every window, of `most` rows at the most each."""

    clock: Clock
    reference: str
    most: int

    @property
    def hold(self) -> int:
        """Slots in which neither sample nor parameters change."""
        return math.gcd(self.clock.tau_x, self.clock.tau_theta)

    def pieces(self, window: int) -> Iterator[Piece]:
        """The calls of a window, in order."""
        start, hold = window * self.clock.tau_theta, self.hold
        stop = start + self.clock.tau_theta
        each = count_rows(hold, self.reference)
        if each <= self.most:
            longest = self.most // each * hold
            while start < stop:
                count = min(longest, stop - start)
                yield Piece(start, count, count // hold, True)
                start += count
            return
        per_slot = 2 if self.reference == "antithetic" else 1
        longest = max(1, (self.most - 1) // per_slot)
        while start < stop:
            count = min(longest, hold - start % hold, stop - start)
            yield Piece(start, count, 1, start % hold == 0)
            start += count

    def batches(self, piece: Piece) -> np.ndarray:
        """The number of the batch that each group of a piece sees."""
        first = piece.start + np.arange(piece.groups, dtype=np.int64) * self.hold
        return first // self.clock.tau_x


class Batches:
    """Sample numbers of batches, drawn ahead in blocks by `draw(first)`."""

    def __init__(self, draw: Callable[[int], np.ndarray]) -> None:
        self.draw = draw
        self._first = -1
        self._block = np.empty((0, 0), np.uint32)

    def indices(self, numbers: np.ndarray) -> np.ndarray:
        """(groups, batch) uint32."""
        first = int(numbers[0]) // AHEAD * AHEAD
        if first != self._first:
            self._block, self._first = self.draw(first), first
        inside = numbers - first
        if inside[-1] < AHEAD:
            return self._block[inside]
        cut = int(np.searchsorted(inside, AHEAD))
        return np.concatenate([self._block[inside[:cut]], self.indices(numbers[cut:])])


def in_runs(size: int, batch: int) -> Callable[[int], np.ndarray]:
    """Batches of samples that follow one another, around and around."""

    def draw(first: int) -> np.ndarray:
        place = np.arange(first, first + AHEAD, dtype=np.int64) % (size // batch)
        lane = np.arange(batch, dtype=np.int64)
        return (place[:, None] * batch + lane[None, :]).astype(np.uint32)

    return draw
