"""How fast a device is asked: a round trip, the bytes per second of its link, costs."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plexgrad.lab.calibrate.meter import Meter

TRIPS = 24
LONG_S = 2.0
"""Seconds in which one kind of call is timed, at most."""

ROWS = 64
"""Rows of a long call, at most."""

SURE = 3.0
"""Standard errors by which a time per byte must stand out."""


@dataclass(frozen=True)
class Link:
    """Times of calls in seconds, waiting of the device included.

    `latency_s` is the median of a call that only reads parameters, `slow_s` what nine
    in ten take at most. `cost_s` is a call for one cost; `costs_per_s` the costs that
    come in calls of `rows`. `bytes_per_s` is 0 where no byte could be seen to take
    time, or where there is no link.
    """

    latency_s: float
    slow_s: float
    cost_s: float
    costs_per_s: float
    rows: int
    bytes_per_s: float
    times_s: tuple[float, ...]


def timed(meter: Meter, index: np.ndarray, key: str) -> Link:
    """Time reading, one cost, and as many costs in a call as the device takes."""
    bench, size = meter.bench, meter.bench.can.parameters
    rows = min(ROWS, meter.most)
    link, told = bench.accounts.link, []

    def many(count: int) -> Callable[[], object]:
        offsets = np.zeros((count, size), np.float32)
        return lambda: meter.cost(offsets, index[:1], key)

    calls = (meter.read, many(1), many(rows))
    for call in calls:
        call()
        bytes_before, device_before = link.bytes_out + link.bytes_in, _busy(meter)
        took = _times(call)
        crossed = link.bytes_out + link.bytes_in - bytes_before
        busy = (_busy(meter) - device_before) / len(took)
        told.append((np.array(took), crossed / len(took), busy))
    reads, single, batch = (each[0] for each in told)
    return Link(
        latency_s=float(np.median(reads)),
        slow_s=float(np.quantile(reads, 0.9)),
        cost_s=float(np.median(single)),
        costs_per_s=rows / float(np.median(batch)),
        rows=rows,
        bytes_per_s=_rate(told),
        times_s=tuple(float(each) for each in reads),
    )


def _busy(meter: Meter) -> float:
    return meter.bench.accounts.device_s


def _times(call: Callable[[], object]) -> list[float]:
    took: list[float] = []
    while len(took) < TRIPS and sum(took) < LONG_S:
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return took


def _rate(told: list[tuple[np.ndarray, float, float]]) -> float:
    """Bytes per second from calls of few and many bytes, less the device's own time."""
    short, long = told[1], told[2]
    more = long[1] - short[1]
    if more <= 0:
        return 0.0
    longer = np.median(long[0]) - long[2] - (np.median(short[0]) - short[2])
    doubt = sum(
        1.57 * np.var(took, ddof=1) / len(took)
        for took, _, _ in (short, long)
        if len(took) > 1
    )
    return float(more / longer) if longer > SURE * np.sqrt(doubt) else 0.0
