"""When a run first reached an accuracy, and the spread of that over seeds.

As in McCaughan et al. 2023 (doi:10.1063/5.0157645), success comes at the first scored
point at or above the accuracy; it may truly lie up to one interval earlier.
"""

from collections.abc import Sequence

import numpy as np

from plexgrad.core.validate import finite

STEP = 0.05
QUANTILES = (0.1, 0.5, 0.9)


def first_at(
    places: np.ndarray, accuracy: np.ndarray, targets: Sequence[float]
) -> np.ndarray:
    """(targets, seeds): the first of `places` at which a seed is at each target.

    `accuracy` is (points, seeds) and NaN where a seed has diverged; a seed that never
    reaches a target has infinity there.
    """
    # Accuracies are kept as float32: 0.9 of a test set must count as 0.9.
    there = accuracy[None] >= np.asarray(targets, float)[:, None, None] - 1e-6
    first = np.asarray(places, float)[there.argmax(axis=1)]
    return np.where(there.any(axis=1), first, np.inf)


def coarseness(places: np.ndarray, first: np.ndarray) -> np.ndarray:
    """(targets,) how much too long a time may be, as a share of it.

    The distance to the point before, in the seed for which it is worst.
    """
    known = np.asarray(places, float)
    before = known[np.maximum(np.searchsorted(known, first) - 1, 0)]
    there = np.isfinite(first) & (first > 0)
    length = np.where(there, first, 1.0)
    return np.max(np.where(there, (length - before) / length, 0.0), axis=1)


def highest(accuracy: np.ndarray) -> np.ndarray:
    """(seeds,) the highest accuracy of each seed, 0 if it has none."""
    return np.nan_to_num(accuracy, nan=0.0).max(axis=0)


def usual_targets(places: np.ndarray, accuracy: np.ndarray) -> list[float]:
    """Every 5 % above where the seeds begin, up to the best that half of them reach.

    The last step that anyone reaches if there is none. Of steps that all seeds reach
    at the same points, the highest stands for all.
    """
    begin = float(np.median(np.nan_to_num(accuracy[0], nan=0.0)))
    best = highest(accuracy)
    steps = [round(STEP * n, 2) for n in range(1, round(1 / STEP) + 1)]
    above = [step for step in steps if step > begin + 1e-6]
    found = [step for step in above if step <= float(np.median(best)) + 1e-6]
    found = found or [step for step in above if step <= best.max() + 1e-6][-1:]
    first = first_at(places, accuracy, found)
    last = len(found) - 1
    return [
        step
        for n, step in enumerate(found)
        if n == last or not np.array_equal(first[n], first[n + 1])
    ]


def as_targets(targets: Sequence[float]) -> list[float]:
    """Accuracies in (0, 1], sorted. Raises ValueError for anything else."""
    for target in targets:
        if not 0 < finite("target", target) <= 1:
            raise ValueError(f"target must be an accuracy in (0, 1], got {target!r}")
    return sorted({float(target) for target in targets})


def over_seeds(values: np.ndarray) -> np.ndarray:
    """(targets, 3): the 10 %, 50 % and 90 % quantile of (targets, seeds).

    Each is the value of a seed. All count, and one that never reached a target as
    infinite, so a median that is not finite says that less than half of them did.
    """
    # Not between two seeds: one of them may be infinite.
    method = "inverted_cdf"
    return np.quantile(np.asarray(values, float), QUANTILES, axis=1, method=method).T
