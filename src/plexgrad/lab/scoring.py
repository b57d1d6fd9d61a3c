"""What scoring costs a run, and which points are left out so that it stays a share.

Scoring measures whole data sets at rest. On a slow chip that is most of a run, so it
has a budget: a share of the time. The first point and the last are always scored.
"""

import math

from plexgrad.core.validate import positive
from plexgrad.lab.saved import Course
from plexgrad.lab.team import AnyBench

SHARE = 0.2
"""The usual share of a run's time that scoring may take."""

FREE_S = 2.0
"""Seconds of scoring that need no budget."""


def share_of(scoring: float | int | None, counted: bool) -> float:
    """The share that was asked for; None is the usual one if points were only counted.

    Points that were named one by one are all scored. Raises ValueError unless it is
    in (0, 1].
    """
    if scoring is None:
        return SHARE if counted else 1.0
    if positive("scoring", scoring) > 1:
        raise ValueError(f"scoring must be a share up to 1, got {scoring!r}")
    return float(scoring)


class Budget:
    """The budget of one run; what was spent stands in the accounts of its bench."""

    def __init__(self, bench: AnyBench, course: Course, share: float) -> None:
        self.bench, self.course, self.share = bench, course, share

    @property
    def each_s(self) -> float:
        """Seconds that scoring all once has taken so far; 0 if it was never."""
        return self.bench.accounts.score_s / max(1, len(self.course.scores))

    @property
    def whole_s(self) -> float:
        """Seconds of scoring that the training so far allows."""
        if self.share >= 1:
            return math.inf
        return max(FREE_S, self.share / (1 - self.share) * self.course.seconds)

    def allows(self, what: str, share: float = 2.0) -> bool:
        """Whether there is time for `share` scorings: by default this and the last.

        Tells what is left out if not.
        """
        wanted = self.bench.accounts.score_s + share * self.each_s
        if wanted <= self.whole_s:
            return True
        self.bench.notes.add(
            "scoring",
            f"{what} is left out: scoring takes {self.each_s:.3g} s a time, and may "
            f"take {100 * self.share:g} % of the run (scoring=, --scoring)",
        )
        return False

    def left_s(self, windows: int, points: int) -> float:
        """Seconds until the end, with so many windows and points to go."""
        done = self.course.window
        if not done:
            return math.nan
        training = self.course.seconds / done * windows
        if self.share >= 1:
            return training + points * self.each_s
        whole = self.share / (1 - self.share) * (self.course.seconds + training)
        free = max(FREE_S, whole) - self.bench.accounts.score_s
        most = max(self.each_s if points else 0.0, free)
        return training + min(points * self.each_s, most)
