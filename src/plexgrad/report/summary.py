"""A record in a few lines: for a terminal, and for a script that reads JSON."""

import math
from typing import Any

from plexgrad.core.record import Record
from plexgrad.report.facts import (
    BACKPROPAGATION,
    effects,
    headline_metric,
    hidden_time,
    label,
    method,
    methods,
    metric_names,
    seeds,
    task,
    warnings,
)
from plexgrad.report.numbers import count, level, level_with_sd, seconds, short, spread

WIDTH = 16


def summary_lines(record: Record) -> list[str]:
    """The run in a few short lines of plain text, warnings first."""
    times = seeds(record)
    lines = [f"warning: {text}" for text in warnings(record)]
    plural = "seed" if times == 1 else "seeds"
    lines.append(
        f"{task(record)} by {method(record)}, {times} {plural}, {record.status}"
    )
    lines += [_line("effects", text) for text in effects(record)]
    judged = headline_metric(record)
    for metric in metric_names(record):
        if metric in record.final:
            over = spread(record.final[metric])
            text = level_with_sd(metric, over)
            if over.finite > 1:
                text += f"  ({level(metric, over.low)} to {level(metric, over.high)})"
            lines.append(_line(label(metric), text))
        if metric == judged and record.reference is not None:
            over = spread(record.reference.final.get(metric, []))
            lines.append(_line(BACKPROPAGATION, level_with_sd(metric, over)))
    counted, speed = record.evaluations, record.throughput
    if "per_seed" in counted:
        text = f"{count(counted['per_seed'])} per seed"
        if "updates" in counted:
            text += f" for {count(counted['updates'])} updates"
        lines.append(_line("evaluations", text))
    if "evaluations_per_s" in speed:
        text = f"{short(speed['evaluations_per_s'])} evaluations/s"
        if "seconds" in speed:
            text += f" in {seconds(speed['seconds'])}"
        lines.append(_line("speed", text))
    if where := hidden_time(record):
        lines.append(_line("time", where))
    return lines


def to_json_summary(record: Record) -> dict[str, Any]:
    """The run as plain data for JSON; numbers that are not finite are None."""
    return {
        "task": task(record),
        "status": record.status,
        "warnings": warnings(record),
        "effects": effects(record),
        "seeds": seeds(record),
        "methods": {
            name: {
                "final": {key: _spread(value) for key, value in each.final.items()},
                "evaluations": {k: _finite(v) for k, v in each.evaluations.items()},
            }
            for name, each in methods(record)
        },
        "throughput": {k: _finite(v) for k, v in record.throughput.items()},
        "diverged": {str(k): _finite(v) for k, v in record.diverged.items()},
        "versions": dict(record.versions),
    }


def _line(name: str, text: str) -> str:
    return f"  {name:<{WIDTH}} {text}"


def _spread(values: Any) -> dict[str, Any]:
    over = spread(values)
    return {
        "mean": _finite(over.mean),
        "sd": _finite(over.sd),
        "min": _finite(over.low),
        "max": _finite(over.high),
        "seeds": over.finite,
    }


def _finite(value: Any) -> Any:
    """A number as plain Python, or None."""
    plain = value.item() if hasattr(value, "item") else value
    return plain if isinstance(plain, int | float) and math.isfinite(plain) else None
