"""The noise of one cost, and how the cost drifts while nothing is changed."""

import time
from dataclasses import dataclass

import numpy as np

from plexgrad.lab.calibrate.meter import Meter

READINGS = 48
"""Costs in calls of their own."""

TOGETHER = 32
"""Costs in one call."""

SURE = 3.0
"""Standard errors by which a drift must stand out to be believed."""

ROUNDING = 2.0**-23


@dataclass(frozen=True)
class Noise:
    """Costs at rest. Standard deviations are of one cost.

    `std` is that of neighbouring readings, which drift does not enter, and
    `together_std` that within one call. `drift_per_s` is the slope over `over_s`
    seconds with its standard error, and `drifts` says if it stands out.
    `deterministic`: all readings were the same to the last bit.
    """

    level: float
    std: float
    together_std: float
    drift_per_s: float
    drift_error: float
    drifts: bool
    deterministic: bool
    over_s: float
    times_s: tuple[float, ...]
    costs: tuple[float, ...]

    @property
    def floor(self) -> float:
        """The noise to reckon with: at least the last bit of a float32."""
        return max(self.std, self.together_std, ROUNDING * abs(self.level))


def listened(meter: Meter, index: np.ndarray, key: str, over_s: float | int) -> Noise:
    """Read the cost at rest again and again for about so many seconds."""
    together = meter.rest(index, key, TOGETHER)
    began, times, costs = time.perf_counter(), [], []
    for number in range(READINGS):
        due = began + over_s * number / (READINGS - 1)
        time.sleep(max(0.0, due - time.perf_counter()))
        costs.append(float(meter.rest(index, key, 1)[0]))
        times.append(time.perf_counter() - began)
    return of_readings(np.array(times), np.array(costs), together)


def of_readings(times: np.ndarray, costs: np.ndarray, together: np.ndarray) -> Noise:
    """Noise and drift of costs at these seconds, and of costs that came together."""
    away = times - times.mean()
    slope = float(away @ costs / (away @ away))
    std = float(np.sqrt(np.mean(np.diff(costs - slope * away) ** 2) / 2))
    # A deterministic device may still drift: then residuals are no measure of doubt.
    error = max(std, ROUNDING * abs(costs.mean())) / float(np.sqrt(away @ away))
    every = np.concatenate([costs, together])
    return Noise(
        level=float(costs.mean()),
        std=std,
        together_std=float(np.std(together, ddof=1)),
        drift_per_s=slope,
        drift_error=error,
        drifts=bool(abs(slope) > SURE * error),
        deterministic=bool(np.all(every == every[0])),
        over_s=float(times[-1] - times[0]),
        times_s=tuple(map(float, times)),
        costs=tuple(map(float, costs)),
    )
