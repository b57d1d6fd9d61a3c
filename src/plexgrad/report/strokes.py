"""The strokes that the figures share: a spread over seeds, a goal, ticks, a legend."""

from typing import Any

import numpy as np

from plexgrad.report.numbers import count, short

MOST_THIN_LINES = 32
FEW_POINTS = 15


def quantiles(values: np.ndarray) -> np.ndarray:
    """Low edge, median and high edge per row of (points, seeds); NaN where no number.

    The edges are the quartiles, or the whole range below four seeds.
    """
    edges = (25, 50, 75) if values.shape[1] >= 4 else (0, 50, 100)
    rows = [row[np.isfinite(row)] for row in values]
    empty = np.full(3, np.nan)
    return np.array([np.percentile(r, edges) if r.size else empty for r in rows]).T


def spread_line(
    axes: Any, x: np.ndarray, values: np.ndarray, colour: str, label: str
) -> None:
    """The median over seeds, its band, and the seeds as thin lines."""
    low, middle, high = quantiles(values)
    if 1 < values.shape[1] <= MOST_THIN_LINES:
        axes.plot(x, values, color=colour, lw=0.6, alpha=0.3)
    axes.fill_between(x, low, high, color=colour, alpha=0.16, lw=0)
    marker = "o" if len(x) <= FEW_POINTS else None
    axes.plot(x, middle, color=colour, lw=2, marker=marker, ms=3.5, label=label)


def goal(axes: Any, value: float, label: str, colour: str) -> None:
    """A dashed horizontal line to compare with."""
    axes.axhline(value, color=colour, lw=1.4, ls=(0, (5, 3)), label=label)


def count_ticks(axis: Any, low: float, high: float, log: bool = False) -> None:
    """Ticks of a count between `low` and `high`: 0, 500, 1 k, 1.5 k."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if log:
        # Over a short range, powers of ten alone would leave the axis almost bare.
        many, few = (1.0, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0)
        steps = many if high < 10 * low else few if high < 1000 * low else (1.0,)
        axis.set_major_locator(LogLocator(base=10, subs=steps, numticks=12))
        axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))


def legend(axes: Any) -> int:
    """A legend above the plot, where it covers no curve; how many rows it has."""
    _, names = axes.get_legend_handles_labels()
    columns = 2 if sum(sorted(map(len, names))[-2:]) <= 56 else 1
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1.03), "ncols": columns}
    axes.legend(**place, columnspacing=1.6)
    return -(-len(names) // columns)


def _tick(value: float) -> str:
    # Between 1 k and 1.2 k the eye looks for four digits.
    return count(value) if 1000 <= abs(value) < 10_000 else short(value)
