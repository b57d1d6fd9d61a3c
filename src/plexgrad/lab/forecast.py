"""What a run on a device will take, told once its first windows have been timed.

Evaluations and writes follow from the clock; seconds from windows that were made, so
nothing is asked of the device for it.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from plexgrad.lab.ways import Way

LOOK_S = 0.3
"""Seconds of windows that are timed; the first, which compiles, is not one of them."""


@dataclass(frozen=True)
class Forecast:
    """A whole run: what it asks of the device, and the seconds that are left.

    `writes` are those of each cell. `scorings` is how often the data sets are scored,
    `scoring_s` what is left of that. `endurance` is that of the weakest cells, if any.
    """

    evaluations: int
    writes: int
    seconds: float
    rate: float
    scorings: int
    scoring_s: float
    endurance: float | None = None

    @property
    def worn(self) -> bool:
        """Whether cells will have been written more often than they bear."""
        return self.endurance is not None and self.writes > self.endurance


Foresee = Callable[[Forecast], object]


def writes_of(way: Way, slots: int) -> int:
    """Writes of each cell in a run of so many slots, scoring left out."""
    windows = way.clock.updates(slots)
    if not way.bench.can.perturbs_by_writing:
        return 1 + windows
    pieces = len(list(way.windows.pieces(0)))
    # Every row is a write, and so is going back to rest after each call, if it does.
    evaluations = way.estimator.evaluations(way.clock, slots)
    if getattr(way.bench, "lingers", False):
        return 1 + evaluations
    return 1 + windows * (1 + pieces) + evaluations


class Pace:
    """Times the windows of a run, and lets `foresee` hear once what it will take."""

    def __init__(
        self, way: Way, slots: int, points: int, foresee: Foresee | None
    ) -> None:
        self.way, self.slots, self.points = way, slots, points
        self.foresee = foresee
        self.score_s = 0.0
        self._windows, self._spent, self._began = -1, 0, 0.0

    def scored(self, score: Callable[[], object]) -> None:
        """Score, and see how long that takes."""
        began = time.perf_counter()
        score()
        self.score_s = time.perf_counter() - began

    def beat(self, window: int, left: int) -> None:
        """A window is done; `left` points are still to be scored."""
        if self.foresee is None:
            return
        now, self._windows = time.perf_counter(), self._windows + 1
        whole = self.way.clock.updates(self.slots)
        if self._windows == 0:
            self._began, self._spent = now, self.way.evaluations
            return
        took = now - self._began
        if took < LOOK_S and window < whole:
            return
        tell, self.foresee = self.foresee, None
        tell(self._forecast(took, whole - window, left))

    def _forecast(self, took: float, windows: int, left: int) -> Forecast:
        ends = [g.endurance for g in self.way.bench.can.groups if g.endurance]
        scoring = left * self.score_s
        spent = self.way.evaluations - self._spent
        return Forecast(
            evaluations=self.way.estimator.evaluations(self.way.clock, self.slots),
            writes=writes_of(self.way, self.slots),
            seconds=took / self._windows * windows + scoring,
            rate=spent / took if took else math.inf,
            scorings=self.points,
            scoring_s=scoring,
            endurance=float(min(ends)) if ends else None,
        )
