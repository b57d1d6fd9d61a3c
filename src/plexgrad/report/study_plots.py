"""The plots of a study: ours filled, the paper's hollow, a law dashed, spread shown.

As inline SVG for a page, whose colours follow it, or as one PNG of all of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plexgrad.core.study_result import Axis, Plot, Series
from plexgrad.report import canvas
from plexgrad.report.strokes import count_ticks, legend

MANY_POINTS = 15
"""Points from which a spread is a band, not bars."""


def svg(plot: Plot) -> str:
    """One plot as inline SVG."""

    def painted(axes: Any) -> None:
        paint(axes, plot, {})

    return canvas.draw(painted, plot.name, plot.title)


def png(plots: Sequence[Plot]) -> bytes:
    """All plots as one image, two beside each other."""
    columns = min(2, len(plots))
    rows = -(-len(plots) // 2)

    def painted(figure: Any) -> None:
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, plot in zip(grid, plots, strict=False):
            pad = 16 + 18 * paint(axes, plot, canvas.LIGHT)
            axes.set_title(plot.title, loc="left", fontsize=10.5, pad=pad)
        for axes in grid[len(plots) :]:
            axes.set_axis_off()

    return canvas.image(painted, (5.8 * columns, 4.0 * rows))


def paint(axes: Any, plot: Plot, palette: Mapping[str, str]) -> int:
    """Draw a plot; `palette` replaces stand-in colours. Rows of its legend."""
    groups = list(
        dict.fromkeys(s.group or s.name for s in plot.series if s.role != "law")
    )
    boxes = [series for series in plot.series if series.samples]
    for series in plot.series:
        place = groups.index(series.group or series.name) if series.role != "law" else 0
        own = canvas.COLOURS[place % len(canvas.COLOURS)]
        colour = canvas.INK if series.role == "law" else own
        colour = palette.get(colour, colour)
        if series.samples:
            _boxes(axes, series, colour, boxes.index(series), len(boxes))
        else:
            _points(axes, series, colour, palette.get(canvas.CARD, canvas.CARD))
    _axis(axes, "x", plot.x, plot.series)
    _axis(axes, "y", plot.y, plot.series)
    return legend(axes)


def _points(axes: Any, series: Series, colour: str, card: str) -> None:
    x, y = _floats(series.x), _floats(series.y)
    low, high = _floats(series.low), _floats(series.high)
    if series.role == "law":
        axes.plot(x, y, color=colour, lw=1.4, ls=(0, (5, 3)), label=series.name)
        return
    many = len(x) > MANY_POINTS
    paper = series.role == "paper"
    marker = None if many else ("D" if paper else "o")
    axes.plot(
        x,
        y,
        color=colour,
        lw=1.2 if paper else 2,
        ls=":" if paper else "-",
        marker=marker,
        ms=6.5 if paper else 4.5,
        mfc=card if paper else colour,
        label=series.name,
        zorder=2 if paper else 3,
    )
    if not low.size:
        return
    if many:
        axes.fill_between(x, low, high, color=colour, alpha=0.16, lw=0)
        return
    ends = np.maximum(0, np.nan_to_num(np.array([y - low, high - y])))
    axes.errorbar(
        x, y, yerr=ends, fmt="none", ecolor=colour, elinewidth=1.1, capsize=3, zorder=1
    )


def _boxes(axes: Any, series: Series, colour: str, number: int, of: int) -> None:
    """Boxes of the middle half with a median, every value as a point."""
    width = 0.7 / of
    shift = (number - (of - 1) / 2) * width
    for n, (x, values) in enumerate(zip(series.x, series.samples, strict=True)):
        some = _floats(values)
        some = some[np.isfinite(some)]
        if not some.size or x is None:
            continue
        at = x + shift
        if some.size > 2:
            axes.boxplot(
                [some],
                positions=[at],
                widths=0.8 * width,
                showfliers=False,
                manage_ticks=False,
                boxprops={"color": colour},
                whiskerprops={"color": colour},
                capprops={"color": colour},
                medianprops={"color": colour, "lw": 2},
            )
        spots = at + 0.25 * width * np.linspace(-1, 1, some.size) * (some.size > 1)
        name = series.name if n == 0 else "_"
        axes.plot(spots, some, "o", ms=3, color=colour, alpha=0.6, label=name)


def _axis(axes: Any, which: str, axis: Axis, series: Sequence[Series]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter

    along = axes.xaxis if which == "x" else axes.yaxis
    along.set_label_text(axis.label + (f", {axis.unit}" if axis.unit else ""))
    if axis.ticks:
        along.set_major_locator(FixedLocator(list(range(len(axis.ticks)))))
        names = dict(enumerate(axis.ticks))
        along.set_major_formatter(FuncFormatter(lambda at, _: names.get(round(at), "")))
        limits = axes.set_xlim if which == "x" else axes.set_ylim
        limits(-0.6, len(axis.ticks) - 0.4)
        return
    every = [
        value
        for each in series
        for values in (getattr(each, which), *(each.samples if which == "y" else ()))
        for value in values
        if value is not None and (value > 0 or not axis.log)
    ]
    if not every:
        return
    if axis.log:
        set_scale = axes.set_xscale if which == "x" else axes.set_yscale
        set_scale("log")
        if which == "y":
            # Error bars may reach below zero, where a logarithm ends.
            axes.set_ylim(min(every) / 1.8, max(every) * 1.8)
    count_ticks(along, float(min(every)), float(max(every)), axis.log)


def _floats(values: Sequence[Any]) -> np.ndarray:
    return np.asarray([np.nan if v is None else v for v in values], float)
