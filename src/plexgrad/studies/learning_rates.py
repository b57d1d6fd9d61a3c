"""Runs of one rule at several learning rates: which is first, and which are stable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plexgrad.studies import paper_b

STABLE = 0.9
"""A rate is stable if the accuracy ends above this share of the best of its rule's."""


@dataclass(frozen=True)
class RateRun:
    """A run: its updates to every target, and accuracies for each seed."""

    rule: str
    rate: float
    updates: tuple[float | None, ...]
    best: float
    last: float
    curve: tuple[list, list]

    def until(self, updates: int) -> list[float]:
        """Mean accuracies at the scored points up to some updates."""
        points = zip(*self.curve, strict=True)
        return [sum(each) / len(each) for n, each in points if n <= updates]

    @classmethod
    def of(cls, rule: str, rate: float, cell: Mapping, targets: tuple) -> "RateRun":
        updates = tuple(paper_b.median(paper_b.first_at(cell, t)) for t in targets)
        accuracy = [[a or 0.0 for a in each] for each in cell["accuracy"]]
        means = [sum(each) / len(each) for each in accuracy]
        curve = cell["updates"], accuracy
        return cls(rule, rate, updates, max(means), means[-1], curve)


def least(runs: Sequence[RateRun], place: int) -> float | None:
    """Fewest updates of any rate to a target; None if none got there."""
    return min(filter(None, (run.updates[place] for run in runs)), default=None)


def fastest(runs: Sequence[RateRun]) -> tuple[RateRun | None, int]:
    """The rate that was first at the highest target that any reached, and the target's
    place."""
    for place in reversed(range(len(runs[0].updates))):
        if fewest := least(runs, place):
            return next(run for run in runs if run.updates[place] == fewest), place
    return None, 0


def largest_stable(runs: Sequence[RateRun], updates: int) -> float | None:
    """The largest rate whose accuracy after some updates is near the best in them."""
    means = {run.rate: run.until(updates) for run in runs}
    best = max(max(each) for each in means.values())
    return max(
        (rate for rate, each in means.items() if each[-1] >= STABLE * best),
        default=None,
    )
