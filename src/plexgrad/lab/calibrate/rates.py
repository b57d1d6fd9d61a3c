"""What one cost and one write of a device take: the constants of a time platform."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plexgrad.lab.calibrate.meter import Meter
from plexgrad.lab.calibrate.settling import Settling

TURNS = 5
LONG_S = 1.0
"""Seconds in which one kind of call is timed, at most."""

ROWS = 64
"""Costs in a call, at most."""


@dataclass(frozen=True)
class Rates:
    """Seconds, what is waited included.

    `evaluation_s` is of one cost of `batch` samples in calls of `rows`, showing them
    included; where a perturbation is a write, that too. `write_s` is of one write of
    all parameters until the cost has settled.
    """

    evaluation_s: float
    write_s: float
    batch: int
    rows: int


def rated(meter: Meter, index: np.ndarray, key: str, settled: Settling) -> Rates:
    """Time costs of the samples `index` (1, batch), and writes of what is there."""
    can, theta = meter.bench.can, meter.bench.shadow.copy()
    rows = min(ROWS, meter.most)
    offsets = np.zeros((rows, can.parameters), np.float32)
    cost_s = _median(lambda: meter.cost(offsets, index, key)) / rows
    write_s = _median(lambda: meter.bench.write(theta))
    left = settled.settled_s if np.isfinite(settled.settled_s) else 0.0
    return Rates(cost_s, write_s + left, int(index.shape[1]) if can.inputs else 1, rows)


def _median(call: Callable[[], object]) -> float:
    took: list[float] = []
    while len(took) < TURNS and sum(took) < LONG_S:
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return float(np.median(took))
