"""How far apart readings of a run lie, and which of new ones are too far to be true.

Judged is how far apart the costs of one group lie: same samples, same parameters but
for the perturbation. Too far is beyond all of

- `FAR` times the median of the groups before, `TAIL` times their 90th percentile;
- `FAR` times the device's declared noise;
- the least cost of the group: times `FAR` if samples are shown (one that is still wrong
  moves the cost a thousand times as much as one that is learnt), once if not.

A glitch that came in is no measure for the next: both are robust. Honest costs with
heavy tails are far below this (docs/decisions/0021). Costs that are equal, or alone in
their group, say nothing of the usual. Before that is known, a group is far beyond `FAR`
times the widest so far, or its own least cost: reason to measure again, not to skip.
"""

import math
from collections import deque

import numpy as np
from jaxtyping import Bool

FAR, TAIL = 100.0, 10.0
KEPT, KNOWN = 128, 16
"""Groups that are remembered, and those that must have been seen before any is far."""

FEW = 3
"""Groups that must have been seen before the widest of them is a measure."""

FRESH = 16
"""Groups after which the limit is taken anew: medians in every window cost too much."""


class Spread:
    """What is remembered of the spread; `shows` says whether samples are shown."""

    def __init__(self, shows: bool, noise: float | int = 0.0) -> None:
        self.level = FAR if shows else 1.0
        self.least = FAR * float(noise)
        self.apart: list[float] = []
        self.forget()

    def forget(self) -> None:
        """Begin anew: the costs have changed for good."""
        self.seen: deque[float] = deque(maxlen=KEPT)
        self.limit, self.new = self.least, 0

    @property
    def sure(self) -> bool:
        """Whether the usual is known, so that what is far may be skipped."""
        return len(self.seen) >= KNOWN

    def far(self, cost: np.ndarray, groups: int) -> Bool[np.ndarray, " rows"] | None:
        """The rows of groups that lie too far apart; None if there are none."""
        rows = cost.reshape(groups, -1)
        # Most windows are one group, and plain numbers take a third of the time.
        if groups == 1:
            self.apart = [float(cost.max() - cost.min())]
        else:
            self.apart = (rows.max(axis=1) - rows.min(axis=1)).tolist()
        if not max(self.apart) > self.limit:
            return None
        wrong = np.asarray(self.apart) > np.maximum(self.limit, self._floor(rows))
        return np.repeat(wrong, rows.shape[1]) if wrong.any() else None

    def _floor(self, rows: np.ndarray) -> np.ndarray:
        """What each group may lie apart, whatever the groups before did."""
        least = np.abs(rows).min(axis=1)
        if len(self.seen) >= FEW:
            return self.level * least
        return np.where(least > 0, FAR * least, np.inf)

    def learn(self) -> None:
        """Remember the readings that were looked at last: they are believed."""
        if not all(map(math.isfinite, self.apart)):
            return
        told = [apart for apart in self.apart if apart > 0]
        self.seen.extend(told)
        self.new += len(told)
        if not self.sure:
            widest = FAR * max(self.seen) if len(self.seen) >= FEW else 0.0
            self.limit = max(widest, self.least)
        elif self.new >= FRESH:
            self._refresh()

    def _refresh(self) -> None:
        self.new = 0
        usual = np.asarray(self.seen)
        wide = max(FAR * np.median(usual), TAIL * np.percentile(usual, 90))
        self.limit = max(float(wide), self.least)

    def state(self) -> np.ndarray:
        """What is remembered, in an array of one shape."""
        found = np.full(KEPT + 2, np.nan)
        found[: len(self.seen)] = self.seen
        found[-2:] = self.limit, self.new
        return found

    def restore(self, state: np.ndarray) -> None:
        """Go on with what was remembered."""
        seen = state[:KEPT]
        self.seen = deque(seen[np.isfinite(seen)].tolist(), maxlen=KEPT)
        self.limit, self.new = float(state[-2]), int(state[-1])
