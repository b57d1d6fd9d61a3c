"""The curves of a report. Each takes a record and returns inline SVG, or None.

None means that the record holds nothing to draw. The line is the median over seeds, the
band their middle half (their whole range below four seeds), thin lines are the seeds.
"""

import itertools
from typing import Any

import numpy as np

from plexgrad.core.record import Record
from plexgrad.report import canvas
from plexgrad.report.facts import (
    BACKPROPAGATION,
    axis,
    headline_metric,
    knobs,
    label,
    methods,
    series,
    updates_axis,
)
from plexgrad.report.numbers import is_share, level, number, spread
from plexgrad.report.strokes import count_ticks, goal, legend, quantiles, spread_line

COLOURS = (canvas.FIRST, canvas.SECOND)
NAMED_KNOBS = 8
"""Knobs up to which a legend names them all."""


def by_updates(record: Record) -> str | None:
    """The judged metric against parameter updates, equally many for both methods."""
    metric = headline_metric(record)
    lines = [] if metric is None else _lines(record, metric)
    if metric is None or not lines:
        return None

    def paint(axes: Any) -> None:
        for name, x, values, colour in lines:
            spread_line(axes, x, values, colour, name)
        _count_axis(
            axes, "parameter updates", np.concatenate([x for _, x, *_ in lines])
        )
        _metric_axis(axes, metric)

    return canvas.draw(
        paint, "updates", f"{label(metric).capitalize()} against parameter updates"
    )


def by_evaluations(record: Record) -> str | None:
    """The judged metric against cost evaluations, the currency of a chip."""
    metric = headline_metric(record)
    every = axis(record, "evaluations")
    values = None if metric is None else _scaled_series(record, metric)
    if metric is None or every is None or values is None or not (every > 0).any():
        return None
    x = every[every > 0]
    shown = values[every > 0]
    target = np.nan
    if record.reference is not None:
        target = spread(record.reference.final.get(metric, [])).mean

    def paint(axes: Any) -> None:
        spread_line(
            axes, x, shown, canvas.FIRST, canvas.clip(methods(record)[0][0], 24)
        )
        if np.isfinite(target):
            name = f"{BACKPROPAGATION}, final {level(metric, target)}"
            scale = 100 if is_share(metric) else 1
            goal(axes, scale * target, name, canvas.SECOND)
        _count_axis(axes, "cost evaluations per seed", x, log=True)
        _metric_axis(axes, metric)

    return canvas.draw(
        paint, "evaluations", f"{label(metric).capitalize()} against cost evaluations"
    )


def by_seconds(record: Record) -> str | None:
    """The judged metric against seconds of training, where a device took them."""
    metric, seconds = headline_metric(record), axis(record, "seconds")
    values = None if metric is None else _scaled_series(record, metric)
    if metric is None or seconds is None or values is None:
        return None

    def paint(axes: Any) -> None:
        name = canvas.clip(methods(record)[0][0], 24)
        spread_line(axes, seconds, values, canvas.FIRST, name)
        _count_axis(axes, "seconds of training", seconds)
        _metric_axis(axes, metric)

    return canvas.draw(
        paint, "seconds", f"{label(metric).capitalize()} against seconds of training"
    )


def knob_values(record: Record) -> str | None:
    """Where the knobs of a device stood, against seconds of training."""
    seconds, found = axis(record, "seconds"), knobs(record)
    if seconds is None or not found:
        return None

    def paint(axes: Any) -> None:
        colours = itertools.cycle(canvas.COLOURS)
        for (name, values), colour in zip(found.items(), colours, strict=False):
            axes.plot(seconds, values, color=colour, label=canvas.clip(name, 24))
        _count_axis(axes, "seconds of training", seconds)
        units = {name.partition(" (")[2].rstrip(")") for name in found}
        unit = units.pop() if len(units) == 1 else ""
        axes.set_ylabel(f"value, {unit}" if unit else "value")
        if len(found) <= NAMED_KNOBS:
            legend(axes)

    return canvas.draw(paint, "knobs", "Values of the knobs against seconds")


def cost(record: Record) -> str | None:
    """Cost on the training data and on the test data, against parameter updates.

    None if the cost is all that there is to judge by: it is drawn already.
    """
    if str(headline_metric(record)).endswith("cost"):
        return None
    test, train = _lines(record, "test_cost"), _lines(record, "train_cost")
    if not test and not train:
        return None
    drawn = np.concatenate([values.ravel() for _, _, values, _ in test + train])
    drawn = drawn[np.isfinite(drawn)]

    def paint(axes: Any) -> None:
        for name, x, values, colour in test:
            spread_line(axes, x, values, colour, f"{name}, test")
        for name, x, values, colour in train:
            middle = quantiles(values)[1]
            axes.plot(x, middle, ":", color=colour, lw=1.5, label=f"{name}, train")
        # Only a wide range earns a logarithm: it would flatter a small gap.
        if drawn.min() > 0 and drawn.max() > 8 * drawn.min():
            axes.set_yscale("log")
            count_ticks(axes.yaxis, drawn.min(), drawn.max(), log=True)
        _count_axis(
            axes, "parameter updates", np.concatenate([x for _, x, *_ in test + train])
        )
        axes.set_ylabel("cost")
        legend(axes)

    return canvas.draw(paint, "cost", "Train and test cost against parameter updates")


def angle(record: Record) -> str | None:
    """Angle between the estimated and the true gradient, and what theory expects."""
    slots, cosine = axis(record, "slot"), series(record, "gradient_cosine")
    if slots is None or cosine is None:
        return None
    measured = np.isfinite(cosine).any(axis=1)
    x = slots[measured]
    degrees = np.degrees(np.arccos(np.clip(cosine[measured], -1, 1)))
    law = number(record.extra.get("cosine_law"))
    top = 90 if np.nanmax(degrees) <= 90 else 180

    def paint(axes: Any) -> None:
        spread_line(axes, x, degrees, canvas.FIRST, "measured")
        if np.isfinite(law):
            theory = float(np.degrees(np.arccos(np.clip(law, -1, 1))))
            goal(axes, theory, f"theory, {theory:.0f}°", canvas.INK)
        _count_axis(axes, "slot", x)
        axes.set_ylabel("angle to the gradient, °")
        axes.set_ylim(0, top)
        axes.set_yticks(range(0, top + 1, top // 6))
        legend(axes)

    return canvas.draw(paint, "angle", "Angle of the estimated gradient against slots")


def _lines(record: Record, metric: str) -> list[tuple[str, Any, Any, str]]:
    found = []
    for (name, each), colour in zip(methods(record), COLOURS, strict=False):
        x, values = updates_axis(each), _scaled_series(each, metric)
        if x is not None and values is not None:
            found.append((canvas.clip(name, 24), x, values, colour))
    return found


def _scaled_series(record: Record, metric: str) -> np.ndarray | None:
    values = series(record, metric)
    return values if values is None or not is_share(metric) else 100 * values


def _count_axis(axes: Any, name: str, x: np.ndarray, log: bool = False) -> None:
    log = log and bool(x.max() > 3 * x.min())
    if log:
        axes.set_xscale("log")
    count_ticks(axes.xaxis, x.min(), x.max(), log)
    if x.min() < x.max():
        pad = 0 if log else 0.02 * (x.max() - x.min())
        axes.set_xlim(x.min() - pad, x.max() + pad)
    axes.set_xlabel(name)


def _metric_axis(axes: Any, metric: str) -> None:
    axes.set_ylabel(label(metric) + (", %" if is_share(metric) else ""))
    if is_share(metric):
        axes.set_ylim(max(axes.get_ylim()[0], -2), min(axes.get_ylim()[1], 102))
    legend(axes)
