"""A record as small tables of words: what a page prints under its figures."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from plexgrad.core.record import Record
from plexgrad.report import confusion
from plexgrad.report.facts import (
    BACKPROPAGATION,
    axis,
    diverged,
    headline_metric,
    label,
    methods,
    metric_names,
    series,
)
from plexgrad.report.numbers import (
    NOTHING,
    count,
    is_share,
    level,
    level_with_sd,
    seconds,
    short,
    spread,
)


@dataclass(frozen=True)
class Table:
    """Rows of text; `head` is empty where the first column names the second."""

    rows: list[list[str]]
    head: tuple[str, ...] = ()


def metrics(record: Record) -> Table:
    """Final metrics of each method over its seeds."""
    rows = []
    for metric in metric_names(record):
        for name, each in methods(record):
            if metric not in each.final:
                continue
            over = spread(each.final[metric])
            mean = level_with_sd(metric, over)
            ends = [level(metric, over.low), level(metric, over.high)]
            of = str(over.seeds) if over.finite == over.seeds else ""
            seeds = of or f"{over.finite} of {over.seeds}"
            rows.append([label(metric), name, mean, *ends, seeds])
    return Table(rows, ("metric", "method", "mean ± sd", "min", "max", "seeds"))


def comparison(record: Record) -> Table:
    """Updates and passes through the network per seed, and what they bought."""
    metric = headline_metric(record)
    rows = []
    for name, each in methods(record):
        forward, updates = (each.evaluations.get(k) for k in ("per_seed", "updates"))
        # Backpropagation counts forward passes, and each has one backward pass.
        backward = forward if name == BACKPROPAGATION else 0
        got = spread(each.final.get(metric or "", []))
        result = level_with_sd(metric, got) if metric else NOTHING
        rows.append([name, count(updates), count(forward), count(backward), result])
    final = label(metric) if metric else "result"
    return Table(rows, ("method", "updates", "forward", "backward", final))


def price(record: Record) -> Table | None:
    """Evaluations until a share of backpropagation's final metric was first reached.

    None without a reference, and for costs, of which a share means nothing.
    """
    metric = headline_metric(record)
    if record.reference is None or metric is None or not is_share(metric):
        return None
    best = spread(record.reference.final.get(metric, [])).mean
    if not np.isfinite(best):
        return None
    rows = []
    for share in (0.8, 0.9, 0.95, 0.99):
        cells = [
            _first_reached(each, metric, share * best) for _, each in methods(record)
        ]
        rows.append([f"{100 * share:.0f} %", level(metric, share * best), *cells])
    first = f"{methods(record)[0][0]}: evaluations"
    return Table(
        rows, ("of its final", label(metric), first, f"{BACKPROPAGATION}: forward")
    )


def _first_reached(record: Record, metric: str, goal: float) -> str:
    values, spent = series(record, metric), axis(record, "evaluations")
    if values is None or spent is None:
        return NOTHING
    reached = values >= goal
    those = reached.any(axis=0)
    if not those.any():
        return "not reached"
    first = spent[reached.argmax(axis=0)[those]]
    missing = "" if those.all() else f" ({those.sum()} of {those.size} seeds)"
    return short(np.median(first)) + missing


def evaluations(record: Record) -> Table:
    """How often the cost was measured."""
    names = {
        "per_seed": "cost evaluations per seed",
        "updates": "parameter updates per seed",
        "total": "cost evaluations, all seeds",
    }
    counted = record.evaluations
    others = [key for key in counted if key not in names]
    known = [key for key in names if key in counted]
    rows = [[names.get(key, label(key)), count(counted[key])] for key in known + others]
    return Table(rows)


def throughput(record: Record) -> Table:
    """How fast it went on this machine, all seeds together."""
    names = {
        "evaluations_per_s": "evaluations per second",
        "updates_per_s": "updates per second",
        "seconds": "run time",
        "compile_s": "compilation",
    }
    measured = record.throughput
    others = [key for key in measured if key not in names]
    rows = []
    for key in [key for key in names if key in measured] + others:
        timed = key == "seconds" or (key.endswith("_s") and "_per_" not in key)
        value = seconds(measured[key]) if timed else short(measured[key])
        rows.append([names.get(key, label(key)), value])
    return Table(rows)


def settings(record: Record) -> Table:
    """The resolved specification, one line per setting."""
    return Table([[name, _text(value)] for name, value in _flat(record.spec)])


def mistakes(record: Record) -> Table:
    """The commonest mistakes, all seeds together."""
    rows = [
        [true, said, count(samples), f"{100 * share:.1f} %"]
        for true, said, samples, share in confusion.mistakes(record)
    ]
    return Table(rows, ("true", "read as", "samples", "of the class"))


def versions(record: Record) -> Table:
    """The machine, and the versions of what the result depends on."""
    machine = record.extra.get("machine")
    first = [["machine", str(machine)]] if machine else []
    return Table(first + [[key, str(value)] for key, value in record.versions.items()])


def divergence(record: Record) -> Table:
    """Which seeds diverged, and when."""
    rows = [[seed, count(slot)] for seed, slot in diverged(record)]
    return Table(rows, ("seed", "diverged at slot"))


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Settings with dotted names; the kind of a thing stands under its own name."""
    if not isinstance(value, Mapping) or not value:
        yield name, value
        return
    for key, inner in value.items():
        if key == "kind" and name:
            yield name, inner
        else:
            yield from _flat(inner, f"{name}.{key}" if name else str(key))


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return json.dumps(value)
    if isinstance(value, int):
        return count(value) if abs(value) < 2**53 else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {_text(v)}" for k, v in value.items()) or "none"
    return str(value)
