"""What a record says, read with care: any part of it may be missing."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from plexgrad.core.record import Record
from plexgrad.core.words import line
from plexgrad.report.numbers import count, number, seconds

BACKPROPAGATION = "backpropagation"
"""The name of the method that `Record.reference` holds."""

USUAL = ("test_accuracy", "test_cost", "train_accuracy", "train_cost")
"""Metrics in the order in which they are shown; others follow."""


def part(spec: Any, *names: str) -> dict[str, Any]:
    """The mapping found in `spec` under `names`; empty if there is none."""
    for name in names:
        spec = spec.get(name) if isinstance(spec, Mapping) else None
    return dict(spec) if isinstance(spec, Mapping) else {}


def words(kind: Any) -> str:
    """A class name in words: WeightPerturbation is weight perturbation."""
    name = str(kind).rpartition(":")[2]  # another's class comes with its module
    text = "".join(f" {c.lower()}" if c.isupper() else c for c in name)
    return name if name.isupper() else text.replace("_", " ").strip()


def task(record: Record) -> str:
    """The name of the task."""
    return str(part(record.spec, "task").get("name") or "unnamed task")


def method(record: Record) -> str:
    """The name of the training method, in words."""
    kind = part(record.spec, "estimator").get("kind")
    return words(kind) if kind else "this run"


def methods(record: Record) -> list[tuple[str, Record]]:
    """Each method with its record: the run first, then its reference, if any."""
    pairs = [(method(record), record)]
    if record.reference is not None:
        pairs.append((BACKPROPAGATION, record.reference))
    return pairs


def chips(record: Record) -> list[dict[str, Any]]:
    """The chip inside all effects, then every effect around it."""
    found = [part(record.spec, "chip")]
    while isinstance(found[-1].get("chip"), Mapping):
        found.append(part(found[-1], "chip"))
    return found[::-1]


def effects(record: Record) -> list[str]:
    """The effects around the chip in words, the innermost first."""
    return [_effect(each) for each in chips(record)[1:]]


def _effect(spec: Mapping[str, Any]) -> str:
    details = [
        label(name) if value is True else f"{label(name)} {_plainly(value)}"
        for name, value in spec.items()
        if name not in ("kind", "chip") and value
    ]
    name = words(spec.get("kind"))
    return f"{name} ({', '.join(details)})" if details else name


def _plainly(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def metric_names(record: Record) -> list[str]:
    """Metrics of `final` with a finite value in the run or in its reference."""
    names = {
        name
        for _, each in methods(record)
        for name, values in each.final.items()
        if np.isfinite(np.asarray(values, dtype=float)).any()
    }
    usual = [name for name in USUAL if name in names]
    return usual + sorted(names.difference(usual))


def label(metric: str) -> str:
    """A metric's name as it is shown: test accuracy."""
    return metric.replace("_", " ")


def knobs(record: Record) -> dict[str, np.ndarray]:
    """Curves of single parameters by their names for people, where a record has some.

    A device's are kept, since somebody set its knobs and knows them.
    """
    names = record.extra.get("knobs")
    if not isinstance(names, Mapping):
        return {}
    found = {str(name): axis(record, column) for column, name in names.items()}
    return {name: values for name, values in found.items() if values is not None}


def headline_metric(record: Record) -> str | None:
    """The metric that the run is judged by: the first of its usual ones."""
    own = [name for name in metric_names(record) if name in record.final]
    return own[0] if own else None


def axis(record: Record, name: str) -> np.ndarray | None:
    """A curve of one number per point, such as "slot"; None if missing."""
    values = np.asarray(record.curves.get(name, []), dtype=float)
    if values.ndim > 1:
        values = values[:, 0]
    return values if values.size else None


def series(record: Record, name: str) -> np.ndarray | None:
    """A curve as (points, seeds); None if missing or never finite."""
    values = np.asarray(record.curves.get(name, []), dtype=float)
    if not np.isfinite(values).any():
        return None
    return values.reshape(len(values), -1)


def updates_axis(record: Record) -> np.ndarray | None:
    """Parameter updates made at each point; None if the clock is not known.

    In analog time that is one in every slot.
    """
    if part(record.spec, "dynamics"):
        return axis(record, "slot")
    slots, hold = (
        axis(record, "slot"),
        number(part(record.spec, "clock").get("tau_theta")),
    )
    return None if slots is None or not hold >= 1 else slots // hold


def seeds(record: Record) -> int:
    """How many seeds the run had."""
    if record.final:
        return max(1, *(np.asarray(values).size for values in record.final.values()))
    asked = number(record.spec.get("seeds"))
    return int(asked) if asked >= 1 else 1


def diverged(record: Record) -> list[tuple[str, Any]]:
    """Seeds that diverged, in order, each with its slot."""
    places = [(str(seed), slot) for seed, slot in record.diverged.items()]
    return sorted(places, key=lambda place: (len(place[0]), place[0]))


def warnings(record: Record) -> list[str]:
    """What a reader must know before believing a number."""
    found = []
    slots, asked = axis(record, "slot"), record.spec.get("slots")
    if record.status == "stopped":
        ended = record.evaluations.get("slots")
        last = "early" if ended is None else f"at slot {count(ended)}"
        of = f" of {count(asked)}" if asked and ended is not None else ""
        why = line(part(record.extra, "ended").get("why") or "", 200)
        scored = "" if slots is None else f", slot {count(slots[-1])}"
        found.append(
            f"Stopped {last}{of}{f' ({why})' if why else ''}. Scores are those of the "
            f"last point{scored}."
        )
    elif record.status not in ("finished", "diverged"):
        found.append(f"Status: {record.status}.")
    if record.diverged or record.status == "diverged":
        found.append(_divergence(record))
    if (reference := record.reference) is not None and reference.diverged:
        found.append(f"{BACKPROPAGATION.capitalize()}: {_divergence(reference)}")
    if kept := part(record.extra, "kept"):
        found.append(
            f"The parameters that were kept are those of the best point by "
            f"{line(kept.get('by'), 200)}; scores are of the last."
        )
    found += _no_better(record)
    advice = record.extra.get("advice")
    found += map(str, advice if isinstance(advice, list) else [])
    return found + _doubts(part(record.extra, "lab"))


def _no_better(record: Record) -> list[str]:
    """What is easily overlooked where no accuracy tells of it."""
    metric = headline_metric(record)
    costs = None if metric is None or "cost" not in metric else series(record, metric)
    if costs is None or len(costs) < 2 or not (costs[-1] >= costs[0]).all():
        return []
    return [
        f"The {label(str(metric))} is no lower at the end ({np.mean(costs[-1]):.3g}) "
        f"than at the start ({np.mean(costs[0]):.3g})."
    ]


DOUBTS = {
    "asked_again": "{} readings were measured again, since they could not be believed.",
    "skipped": "{} windows were skipped: nothing was learnt from their readings.",
    "limited": "{} steps were cut, each to a multiple of the usual one.",
}
"""What a run on a device doubted, by the name of its count."""


def _doubts(lab: Mapping[str, Any]) -> list[str]:
    counts = {name: number(lab.get(name)) for name in DOUBTS}
    return [DOUBTS[name].format(count(n)) for name, n in counts.items() if n > 0]


def hidden_time(record: Record) -> str:
    """Where the seconds of a run on a device went, training apart; "" if not known."""
    lab = part(record.extra, "lab")
    times = {name: number(value) for name, value in part(lab, "time").items()}
    if not times.get("whole_s", 0.0) > 0:
        return ""
    scored = count(lab.get("scored")), count(lab.get("scored_readings"))
    more = {
        "scoring": f" ({scored[0]} evaluations, {scored[1]} readings)",
        "recovering": " of that",
        "settling": " of that, as declared",
    }
    names = ("training", "scoring", "loading", "recovering", "settling")
    parts = [
        f"{seconds(times[f'{name}_s'])} {name}{more.get(name, '')}"
        for name in names
        if times.get(f"{name}_s", 0.0) > 0
    ]
    return f"{seconds(times['whole_s'])}: {', '.join(parts)}"


def _divergence(record: Record) -> str:
    if not record.diverged:
        return "The run diverged."
    places = diverged(record)
    shown = ", ".join(f"seed {seed} at slot {count(slot)}" for seed, slot in places[:6])
    more = f" and {len(places) - 6} more" if len(places) > 6 else ""
    return (
        f"{len(places)} of {seeds(record)} seeds diverged: {shown}{more}. "
        "Means are over the seeds whose values are finite."
    )
