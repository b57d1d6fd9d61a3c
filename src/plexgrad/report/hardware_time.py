"""Accuracy against seconds of hardware, a picture in a file.

A curve is that of the record, moved to where a platform's upper bound puts it: the
median over seeds, and the band between their 10 % and 90 % quantiles. Backpropagation
is where it was measured.
"""

from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.core.record import write_atomically
from plexgrad.report import canvas
from plexgrad.report.durations import duration
from plexgrad.timing import Timed

COLOURS = ("#0b6e99", "#d4692a", "#4c8c3f", "#8a5aa8", "#b03a5b", "#7a6a2c")
DARK = "#333333"
SUFFIXES = (".png", ".svg", ".pdf")


def draw_times(found: Timed, file: str | Path) -> Path:
    """Draw into a PNG, SVG or PDF. Raises ValueError for another kind of file."""
    refuse_suffix(file)

    def painted(figure: Any) -> None:
        _paint(figure.add_subplot(), found)
        figure.legend(loc="outside lower center", ncols=4, frameon=False)

    path = Path(file)
    form = path.suffix[1:].lower()
    write_atomically(path, canvas.image(painted, (7.5, 4.6), {}, form, dpi=150))
    return path


def refuse_suffix(file: str | Path) -> None:
    """Raise ValueError for a file that no plot can be drawn into."""
    if Path(file).suffix.lower() not in SUFFIXES:
        raise ValueError(f"plot must end in {', '.join(SUFFIXES)}, got {str(file)!r}")


def _paint(axes: Any, found: Timed) -> None:
    spans = []
    for number, platform in enumerate(found.platforms):
        seconds = [found.at(platform, int(slots)).bound_s for slots in found.slots]
        colour = COLOURS[number % len(COLOURS)]
        _curve(axes, np.asarray(seconds), found.accuracy, colour, platform.name, "-")
        spans.extend(second for second in seconds if second > 0)
    beside = found.backpropagation
    if beside is not None:
        seconds = beside.updates * beside.update_s
        name = "backpropagation, measured"
        _curve(axes, seconds, beside.accuracy, DARK, name, (0, (4, 2)))
        spans.extend(second for second in seconds if second > 0)
    axes.set_xscale("log")
    _time_axis(axes, min(spans), max(spans))
    axes.set_ylabel("test accuracy, %")
    axes.set_ylim(None, min(axes.get_ylim()[1], 102))
    axes.set_title(
        f"{found.task}, {found.parameters:,} parameters, {found.first.shape[1]} seeds",
        loc="left",
        fontsize=11,
    )
    axes.grid(color="#e4e4e4", lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _curve(
    axes: Any, x: np.ndarray, accuracy: np.ndarray, colour: str, name: str, dash: Any
) -> None:
    # A logarithm has no place for the start, nor a median for seeds that all diverged.
    there = (x > 0) & np.isfinite(accuracy).any(axis=1)
    if not there.any():
        return
    x = x[there]
    low, middle, high = np.nanquantile(100 * accuracy[there], (0.1, 0.5, 0.9), axis=1)
    axes.fill_between(x, low, high, color=colour, alpha=0.18, lw=0)
    axes.plot(x, middle, color=colour, lw=1.9, ls=dash, label=name)


def _time_axis(axes: Any, low: float, high: float) -> None:
    """Ticks where people count: 1 ms, 1 s, 1 min, 1 h, 1 day."""
    decades = [10.0**n for n in range(-12, 2)]
    ticks = [*decades, 60.0, 600.0, 3600.0, 36000.0, 864000.0, 3.15576e7, 3.15576e8]
    low, high = low / 1.5, 1.5 * high
    near = (high / low) ** 0.07
    shown = []
    for tick in ticks:
        if low <= tick <= high and (not shown or tick / shown[-1] >= near):
            shown.append(tick)
    axes.set_xticks(shown, [duration(tick) for tick in shown])
    axes.minorticks_off()
    axes.set_xlim(low, high)
    axes.set_xlabel("time to train, upper bound")
