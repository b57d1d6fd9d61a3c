"""Numbers as people read them: counts, shares, and the spread over seeds."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

NOTHING = "n/a"
"""What stands where a number was not measured."""


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation and range of the finite values among `seeds` values.

    `sd` is the sample standard deviation, NaN below two finite values.
    """

    mean: float
    sd: float
    low: float
    high: float
    finite: int
    seeds: int


def spread(values: Any) -> Spread:
    """The spread of `values`, one per seed; NaN everywhere if none is finite."""
    every = np.atleast_1d(np.asarray(values, dtype=float)).ravel()
    some = every[np.isfinite(every)]
    if not some.size:
        nan = math.nan
        return Spread(nan, nan, nan, nan, 0, every.size)
    with np.errstate(over="ignore"):  # the costs of a diverged run may be huge
        sd = float(np.std(some, ddof=1)) if some.size > 1 else math.nan
        mean = float(some.mean())
    low, high = float(some.min()), float(some.max())
    return Spread(mean, sd, low, high, some.size, every.size)


def number(value: Any) -> float:
    """`value` as a float; NaN for None and for anything that is no number."""
    if isinstance(value, str):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def count(value: Any) -> str:
    """A whole number in groups of three digits: 400,000."""
    amount = number(value)
    return f"{amount:,.0f}" if math.isfinite(amount) else NOTHING


def short(value: Any) -> str:
    """A magnitude in three digits: 1.25 M."""
    amount = number(value)
    if not math.isfinite(amount):
        return NOTHING
    if abs(amount) < 999.5:
        return f"{amount:.3g}"
    for letter in ("k", "M", "G", "T"):
        amount /= 1000
        if abs(amount) < 999.5:
            return f"{amount:.3g} {letter}"
    return f"{amount * 1e12:.3g}"


def seconds(value: Any) -> str:
    """A duration: 5.1 s, 3 min 20 s, 2 h 5 min."""
    amount = number(value)
    if not math.isfinite(amount):
        return NOTHING
    if amount < 100:
        return f"{amount:.3g} s"
    minutes, rest = divmod(round(amount), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def is_share(metric: str) -> bool:
    """Whether a metric lies in [0, 1] and is read in percent."""
    return metric.endswith("accuracy")


def level(metric: str, value: Any) -> str:
    """One value of a metric, with its unit: 93.2 %, or 0.2311."""
    amount = number(value)
    if not math.isfinite(amount):
        return NOTHING
    return f"{100 * amount:.1f} %" if is_share(metric) else f"{amount:.4g}"


def level_with_sd(metric: str, over: Spread) -> str:
    """Mean and standard deviation of a metric, with its unit: 93.2 ± 0.4 %."""
    if not math.isfinite(over.sd):
        return level(metric, over.mean)
    scale, unit = (100.0, " %") if is_share(metric) else (1.0, "")
    mean, sd = scale * over.mean, scale * over.sd
    if abs(mean) >= 1e5 or 0 < abs(mean) < 1e-4:
        return f"{mean:.3g} ± {sd:.2g}{unit}"
    # The deviation decides how many digits of the mean are worth printing.
    leading = math.floor(math.log10(sd)) if sd > 0 else 0
    digits = min(max(-leading, 1), 2) if unit else min(max(1 - leading, 2), 6)
    return f"{mean:.{digits}f} ± {sd:.{digits}f}{unit}"
