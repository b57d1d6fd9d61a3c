"""Times, energies and counts in the unit that fits, with their spread over seeds."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from plexgrad.report.numbers import NOTHING, count, short

NEVER = "never"
"""What stands for a time that does not come."""

Values = float | Sequence[float] | np.ndarray
Units = Sequence[tuple[float, str]]
_SI = ("p", "n", "µ", "m", "", "k", "M", "G", "T")
_SECONDS = (
    *((10.0 ** (3 * n - 12), f"{_SI[n]}s") for n in range(5)),
    (60.0, "min"),
    (3600.0, "h"),
    (86400.0, "days"),
    (365.25 * 86400.0, "years"),
)
_JOULES = tuple((10.0 ** (3 * n - 12), f"{letter}J") for n, letter in enumerate(_SI))


def duration(values: Values, digits: int = 3) -> str:
    """A time, "33.3 min", or low, middle and high: "1.2 s (0.9 to 1.6)".

    All in the middle's unit. Infinity reads "never", NaN "n/a".
    """
    return _with_unit(_three(values), digits, _SECONDS)


def energy(values: Values, digits: int = 3) -> str:
    """An energy, or low, middle and high, as `duration` writes times."""
    return _with_unit(_three(values), digits, _JOULES)


def counted(values: Values) -> str:
    """A count, or low, middle and high: "41,200 (38,400 to 55,000)"."""
    return _together(_three(values), lambda v: short(v) if v >= 1e5 else count(v), "")


def significant(value: float, digits: int) -> str:
    """A number with so many significant digits, without an exponent or end zeros."""
    if not value:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, places):,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _three(values: Values) -> tuple[float, float, float]:
    if isinstance(values, float | int):
        return values, values, values
    low, middle, high = values
    return float(low), float(middle), float(high)


def _with_unit(values: tuple[float, float, float], digits: int, units: Units) -> str:
    middle = values[1]
    finite = math.isfinite(middle)
    scale, unit = _unit(float(f"{middle:.{digits - 1}e}") if finite else 0.0, units)
    return _together(values, lambda v: significant(v / scale, digits), f" {unit}")


def _together(
    values: tuple[float, float, float], shown: Callable[[float], str], unit: str
) -> str:
    low, middle, high = values
    if math.isnan(middle):
        return NOTHING
    if math.isinf(middle):
        return NEVER
    text = f"{shown(middle)}{unit}"
    ends = [NEVER if math.isinf(end) else shown(end) for end in (low, high)]
    same = all(end == shown(middle) for end in ends)
    return text if same else f"{text} ({ends[0]} to {ends[1]})"


def _unit(value: float, units: Units) -> tuple[float, str]:
    """The largest unit of which there is one; of those above seconds, two."""
    best = units[0] if value else next(unit for unit in units if unit[0] == 1)
    for scale, unit in units:
        least = scale if unit.endswith(("s", "J")) and len(unit) <= 2 else 2 * scale
        if value and value >= least * (1 - 1e-12):
            best = (scale, unit)
    return best
