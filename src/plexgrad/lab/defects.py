"""Faults to plant in an emulated chip: dead and stuck knobs, drift, slow settling.

None of them is declared, and parameters read back as written: as on silicon, they have
to be found from the cost. `plexgrad chip calibrate` does.
"""

import time

import numpy as np
from jaxtyping import Float32

from plexgrad.core.validate import at_least
from plexgrad.lab.capabilities import Capabilities


class Defects:
    """`dead` parameters rest in the middle of their range, whatever is done to them.

    `stuck` cells hold the top of the range; perturbations still reach them. The cost
    grows by `drift` per second, and a write arrives with the time constant `settle_s`.
    """

    def __init__(
        self,
        can: Capabilities,
        dead: tuple[int, ...] = (),
        stuck: tuple[int, ...] = (),
        drift: float | int = 0.0,
        settle_s: float | int = 0.0,
    ) -> None:
        self.can, self.drift = can, drift
        self.settle_s = at_least("settle", settle_s, 0.0)
        self.dead, self.stuck = (_known(can, each) for each in (dead, stuck))
        self._born = self._written = time.monotonic()
        self._before: np.ndarray | None = None

    def written(self, before: Float32[np.ndarray, " P"]) -> None:
        """Parameters were written; until now they were these."""
        if self.settle_s:
            self._before, self._written = self.base(before), time.monotonic()

    def base(self, theta: Float32[np.ndarray, " P"]) -> Float32[np.ndarray, " P"]:
        """What the cells hold when they were told to hold `theta`."""
        if self._before is not None:
            left = np.exp((self._written - time.monotonic()) / self.settle_s)
            theta = theta + np.float32(left) * (self._before - theta)
        if len(self.stuck):
            theta = theta.copy()
            theta[self.stuck] = self.can.high[self.stuck]
        return theta

    def silence(self, rows: Float32[np.ndarray, "rows P"]) -> None:
        """Take what dead knobs were told out of the rows, in place."""
        middle = (self.can.low + self.can.high) / 2
        rows[:, self.dead] = middle[self.dead]

    def offset(self) -> np.float32:
        """What drift has added to the cost by now."""
        return np.float32(self.drift * (time.monotonic() - self._born))


def numbers(words: str) -> tuple[int, ...]:
    """Numbers and ranges, "7,9,64-95". Raises ValueError for anything else."""
    found: list[int] = []
    for word in filter(None, words.split(",")):
        first, _, last = word.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def _known(can: Capabilities, knobs: tuple[int, ...]) -> np.ndarray:
    for knob in knobs:
        if not 0 <= knob < can.parameters:
            raise ValueError(
                f"knobs must be below the {can.parameters} parameters, got {knob}"
            )
    return np.array(knobs, int)
