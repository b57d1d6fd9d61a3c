"""How long a write takes to arrive: the error of the cost against waiting time.

All parameters are written far away and back, and the cost is read on and on while it
comes to rest. What the driver waits of its own accord comes before the first reading.
"""

import time
from dataclasses import dataclass

import numpy as np

from plexgrad.lab.calibrate.meter import Meter

TRIALS = 4
BINS = 12
READ = 400
"""Readings of a trial, at most."""

QUIET = 0.25
"""The share of a trial, at its end, in which the cost is taken to be at rest."""

SURE = 3.0


@dataclass(frozen=True)
class Settling:
    """Root mean square errors of the cost, by seconds waited after a write.

    `settled_s` is the shortest wait from which on the error stays at the `floor`: that
    of the noise, and at least a thousandth of the `swing` that the write made. It is
    infinite if the error has not got there in time.
    """

    waits_s: tuple[float, ...]
    errors: tuple[float, ...]
    floor: float
    swing: float
    settled_s: float


def swept(
    meter: Meter,
    index: np.ndarray,
    key: str,
    amplitude: float | int,
    noise: float | int,
    longest_s: float | int,
) -> Settling:
    """Write, read, and compare, `TRIALS` times; `amplitude` is how far away is."""
    can, theta = meter.bench.can, meter.bench.shadow.copy()
    random = np.random.default_rng(1)
    waits, errors, swings = [], [], []
    for _ in range(TRIALS):
        away = np.where(random.random(can.parameters) < 0.5, -1.0, 1.0)
        meter.write(theta + amplitude * away)
        time.sleep(longest_s)
        far = meter.rest(index, key, 1)[0]
        meter.write(theta)
        began, times, costs = time.perf_counter(), [], []
        while len(times) < READ and (not times or times[-1] < longest_s):
            times.append(time.perf_counter() - began)
            costs.append(float(meter.rest(index, key, 1)[0]))
            time.sleep(min(times[-1] / 8, longest_s / 8))
        quiet = np.array(times) >= (1 - QUIET) * times[-1]
        end = float(np.mean(np.array(costs)[quiet]))
        waits += times
        errors += [cost - end for cost in costs]
        swings.append(abs(far - end))
    swing = float(np.mean(swings))
    floor = max(float(noise) * (1 + SURE / TRIALS**0.5), 1e-3 * swing)
    return of_errors(np.array(waits), np.array(errors), floor, swing)


def of_errors(
    waits: np.ndarray, errors: np.ndarray, floor: float, swing: float
) -> Settling:
    """The sweep in bins of waiting time; the first one holds the first readings."""
    order = np.argsort(waits)
    waits, errors = waits[order], errors[order]
    parts = np.array_split(np.arange(len(waits)), min(BINS, len(waits) // TRIALS or 1))
    middle = np.array([waits[part].mean() for part in parts])
    each = np.array([np.sqrt(np.mean(errors[part] ** 2)) for part in parts])
    loud = np.flatnonzero(each > floor)
    settled = 0.0
    if len(loud):
        last = int(loud[-1])
        settled = float(middle[last + 1]) if last + 1 < len(middle) else np.inf
    return Settling(
        tuple(map(float, middle)), tuple(map(float, each)), floor, swing, settled
    )
