"""Goals of a run: far enough, or no further. Each is a `stop` of `train`.

A goal is judged at the points of the curves, on the mean over the seeds. It holds for
the run itself, not for backpropagation beside it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from plexgrad.core.validate import finite, one_of, positive_int
from plexgrad.training.history import METRICS
from plexgrad.training.keeping import better, merit
from plexgrad.training.progress import Progress

Goal = Callable[[Progress], str]


@dataclass(frozen=True)
class Until:
    """Reached where a metric is at `level`: an accuracy above, a cost below it.

    `metric` is one of a record, or "cost": that of the newest slots.
    """

    metric: str
    level: float | int

    def __post_init__(self) -> None:
        one_of("until", self.metric, (*METRICS, "cost"))
        finite("until", self.level)

    @classmethod
    def parse(cls, text: str) -> "Until":
        """From METRIC=LEVEL. Raises ValueError for anything else."""
        metric, equals, level = text.partition("=")
        try:
            number = float(level if equals else "none")
        except ValueError:
            raise ValueError(
                f"until must be METRIC=LEVEL, such as test_accuracy=0.97, got {text!r}"
            ) from None
        return cls(metric.strip(), number)

    def __call__(self, glance: Progress) -> str:
        """Why the run is far enough, or nothing."""
        found = {"cost": glance.cost, **glance.scores}.get(self.metric, np.empty(0))
        value = _mean(found)
        far = value >= self.level if "accuracy" in self.metric else value <= self.level
        if glance.phase == "backpropagation" or not far:
            return ""
        return f"{self.metric} is {value:.4g}, the goal was {self.level:g}"


@dataclass
class Patience:
    """Ends a run of which `points` points in a row were no better than one before.

    Better is a higher test accuracy, or as high a one and a lower test cost.
    """

    points: int
    _seen: int = field(default=0, init=False)
    _best_at: int = field(default=0, init=False)
    _best: np.ndarray | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        positive_int("patience_points", self.points)

    def __call__(self, glance: Progress) -> str:
        """Why the run goes no further, or nothing."""
        if glance.phase == "backpropagation" or glance.points <= self._seen:
            return ""
        self._seen = glance.points
        scores = np.array([_mean(glance.scores[name]) for name in METRICS])
        here = merit(scores)
        if self._best is None or better(here, self._best):
            self._best, self._best_at = here, glance.points
        waited = glance.points - self._best_at
        if waited < self.points:
            return ""
        return f"the last {waited} points were no better than the one before them"


@dataclass(frozen=True)
class AnyOf:
    """Several goals, any one of which ends a run."""

    goals: tuple[Goal, ...]

    def __call__(self, glance: Progress) -> str:
        """Why the run ends, or nothing."""
        # All look at every glance: one that counts points must miss none.
        said = [goal(glance) for goal in self.goals]
        return next(filter(None, said), "")


def asked(until: list[str] | None, patience_points: int | None) -> Goal | None:
    """The goals that options name, as one; None if they name none."""
    goals: list[Goal] = [Until.parse(text) for text in until or ()]
    if patience_points is not None:
        goals.append(Patience(patience_points))
    return AnyOf(tuple(goals)) if goals else None


def _mean(values: np.ndarray) -> float:
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else math.nan
