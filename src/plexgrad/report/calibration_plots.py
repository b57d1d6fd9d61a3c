"""The figures of a calibration: round trips, noise and drift, settling, every knob.

As inline SVG for a page, whose colours follow it, or as one PNG of all of them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.core.record import write_atomically
from plexgrad.lab.calibrate import Calibration
from plexgrad.report import canvas

Colours = Mapping[str, str]


def svgs(found: Calibration) -> list[tuple[str, str, str]]:
    """Title, SVG and caption of every figure."""
    return [
        (
            title,
            canvas.draw(lambda axes, p=paint: p(axes, found, {}), name, title),
            said,
        )
        for name, (title, paint, said) in _drawn(found).items()
    ]


def draw_calibration(found: Calibration, file: str | Path) -> Path:
    """All figures as one PNG, in the page's light colours."""

    def painted(figure: Any) -> None:
        places = list(figure.subplots(2, 2).flat)
        for title, paint, _ in _drawn(found).values():
            axes = places.pop(0)
            paint(axes, found, canvas.LIGHT)
            axes.set_title(title, loc="left", fontsize=10.5)
        for axes in places:
            axes.set_axis_off()

    path = Path(file)
    write_atomically(path, canvas.image(painted, (11, 7.2), dpi=110))
    return path


def _drawn(found: Calibration) -> dict[str, Any]:
    """The figures of what was measured: a calibration may end after the noise."""
    return {
        name: figure
        for name, figure in FIGURES.items()
        if name in ("link", "noise") or found.settling.errors
    }


def _of(colours: Colours, name: str) -> str:
    return colours.get(name, name)


def _logarithmic(axes: Any, which: str) -> None:
    """A logarithmic axis whose ticks are plain numbers: dollar signs are not parsed."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set(**{f"{which}scale": "log"})
    axis = getattr(axes, f"{which}axis")
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _link(axes: Any, found: Calibration, colours: Colours) -> None:
    times = 1e3 * np.array(found.link.times_s)
    axes.plot(np.sort(times), np.linspace(0, 1, len(times)), "o-", ms=3.5, lw=1.4)
    axes.lines[0].set_color(_of(colours, canvas.FIRST))
    if declared := found.capabilities.latency_s:
        second = _of(colours, canvas.SECOND)
        axes.axvline(1e3 * declared, color=second, ls="--", lw=1.3, label="declared")
        axes.legend()
    axes.set_xlim(left=0)
    axes.set_xlabel("round trip, ms")
    axes.set_ylabel("share of the calls")


def _noise(axes: Any, found: Calibration, colours: Colours) -> None:
    noise = found.noise
    times, costs = np.array(noise.times_s), np.array(noise.costs)
    axes.plot(times, costs, "o", ms=3, color=_of(colours, canvas.FIRST))
    line = noise.level + noise.drift_per_s * (times - times.mean())
    label = "drift" if noise.drifts else "no drift seen"
    axes.plot(times, line, lw=1.4, color=_of(colours, canvas.SECOND), label=label)
    axes.ticklabel_format(useOffset=False)
    axes.set_xlabel("seconds")
    axes.set_ylabel("cost at rest")
    axes.legend()


def _settling(axes: Any, found: Calibration, colours: Colours) -> None:
    it = found.settling
    waits = 1e3 * np.maximum(it.waits_s, 1e-6)
    errors = np.maximum(it.errors, it.floor / 30)
    axes.plot(waits, errors, "o-", ms=3.5, color=_of(colours, canvas.FIRST))
    axes.axhline(it.floor, color=_of(colours, canvas.MUTED), ls="--", lw=1.2)
    axes.axhline(it.swing, color=_of(colours, canvas.SECOND), ls=":", lw=1.4)
    axes.annotate("floor", (waits[0], it.floor), (0, 3), textcoords="offset points")
    axes.annotate("swing", (waits[0], it.swing), (0, 3), textcoords="offset points")
    _logarithmic(axes, "x")
    _logarithmic(axes, "y")
    axes.set_xlabel("waited after a write, ms")
    axes.set_ylabel("error of the cost")


def _knobs(axes: Any, found: Calibration, colours: Colours) -> None:
    knobs = found.knobs
    up, down = (np.abs(np.array(side)) for side in (knobs.up, knobs.down))
    number = np.arange(len(up))
    floor = max(knobs.seen, 1e-12)
    first, muted = _of(colours, canvas.FIRST), _of(colours, canvas.MUTED)
    for side, mark, label in ((up, "^", "up"), (down, "v", "down")):
        shown = np.maximum(side, floor / 3)
        axes.plot(number, shown, mark, ms=3, color=first, alpha=0.55, label=label)
    axes.axhline(floor, color=muted, ls="--", lw=1.2, label="what can be seen")
    second, third = _of(colours, canvas.SECOND), _of(colours, canvas.FOURTH)
    for which, colour, label in (
        (knobs.dead, second, "dead"),
        (tuple(knobs.saturated), third, "saturated"),
    ):
        if which:
            at = [floor / 3] * len(which)
            axes.plot(which, at, "o", ms=8, mfc="none", mec=colour, label=label)
    _logarithmic(axes, "y")
    axes.set_xlabel("parameter")
    axes.set_ylabel("change of the cost")
    axes.legend(fontsize=8, ncols=2)


FIGURES: dict[str, tuple[str, Callable[[Any, Calibration, Colours], None], str]] = {
    "link": (
        "Link: how long a round trip takes",
        _link,
        "Calls that only read the parameters.",
    ),
    "noise": (
        "Noise and drift of the cost",
        _noise,
        "The same cost at rest, read in calls of its own.",
    ),
    "settling": (
        "Settling after a write",
        _settling,
        "Root mean square against the cost at the end. Swing: what the write made.",
    ),
    "knobs": (
        "Every knob, moved alone",
        _knobs,
        "Marks at the bottom are below what can be seen in the noise.",
    ),
}
