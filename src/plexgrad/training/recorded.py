"""What a run came to, as a record: curves, final scores, counts, the machine."""

import os
import platform
from pathlib import Path
from typing import Any

import jax
import numpy as np

from plexgrad.core.layout import Layout
from plexgrad.core.params import named
from plexgrad.core.record import Record, versions
from plexgrad.training.analog import AnalogState
from plexgrad.training.discrete import NEVER, State
from plexgrad.training.ending import Ending, save_record
from plexgrad.training.history import METRICS, History
from plexgrad.training.instruments import TRAIN_SCORED
from plexgrad.training.run import Run
from plexgrad.training.scoring import confusion


def recorded(
    run: Run,
    spec: dict[str, Any],
    state: State | AnalogState,
    history: History,
    times: dict[str, float],
    ending: Ending,
) -> Record:
    """The record of a run that has ended, by itself or early.

    Of one that ended early the final scores are those of its last point.
    """
    if not history.slot:
        return empty(spec, "stopped", ending)
    known = history.arrays()
    scores, slot = known["scores"], known["slot"]
    ends = run.reached if ending.by else int(slot[-1])
    count = run.estimator.evaluations
    each, updates = count(run.beat, ends), run.beat.updates(ends)
    curves = {
        "slot": slot,
        "evaluations": np.array([count(run.beat, int(s)) for s in slot]),
        **{name: scores[:, :, n] for n, name in enumerate(METRICS)},
        "gradient_cosine": known["cosines"],
    }
    # The last write is measured by no slot, only by the score after it.
    broken = ~np.isfinite(scores[-1]).all(axis=1)
    # A broken network has no accuracy; a share of right answers would look like one.
    final = np.where(broken[:, None], np.nan, scores[-1])
    marks = np.asarray(state.diverged).astype(int)
    marks = np.where(broken & (marks == NEVER), ends, marks)
    diverged = {
        str(seed): int(mark) for seed, mark in enumerate(marks) if mark != NEVER
    }
    status = "diverged" if len(diverged) == run.seeds else "finished"
    seconds = max(times["seconds"], 1e-9)
    layout = Layout.of(jax.tree.map(lambda leaf: leaf[0], state.params))
    extra: dict[str, Any] = {
        "parameters": layout.size,
        "classes": list(run.data.classes),
        "source": run.data.source,
        "machine": machine(),
        "split": run.split.explain(),
        "loop": run.used,
        "train_scored": min(len(run.data.x_train), TRAIN_SCORED),
    }
    if not ending.error:
        test = run.data.x_test, run.data.y_test
        found = confusion(run.chip, state.params, run.named().noise, *test)
        extra["confusion"] = found.tolist()
    if ending.by:
        extra["ended"] = ending.told()
    code = getattr(run.estimator, "code", None)
    # The law is that of one sample; several in a window add their own crosstalk.
    rests = run.dynamics is None and run.clock.tau_x % run.clock.tau_theta == 0
    if code is not None and rests:
        patterns = run.clock.patterns
        extra["cosine_law"] = (1 + code.excess(patterns, layout)) ** -0.5
    if run.best is not None:
        extra["kept"] = run.best.told()
    record = Record(
        spec=spec,
        final={name: final[:, n] for n, name in enumerate(METRICS)},
        curves=curves,
        evaluations={
            "per_seed": each,
            "total": each * run.seeds,
            "slots": ends,
            "updates": updates,
        },
        throughput={
            "evaluations_per_s": each * run.seeds / seconds,
            "updates_per_s": updates * run.seeds / seconds,
            **times,
        },
        versions=versions(),
        status=status if not ending.by else "stopped",
        diverged=diverged,
        extra=extra,
    )
    kept = run.best.params if run.best and run.best.params else None
    record.params = named(state.params) if kept is None else kept
    return record


def empty(spec: dict[str, Any], status: str, ending: Ending | None = None) -> Record:
    """The record of a run that has not been scored yet."""
    extra = {} if ending is None else {"ended": ending.told()}
    return Record(spec, {}, {}, {}, {}, versions(), status=status, extra=extra)


def not_running(folder: Path, spec: dict[str, Any], ending: Ending) -> None:
    """A record that says "running" says that it has ended; an earlier one stays."""
    found = Record.found(folder)
    if found is None or found.status == "running":
        empty(spec, "stopped", ending).save(folder)


def save_ended(record: Record, folder: Path, ending: Ending) -> None:
    """Save the record of a run that has ended; without room, at least how it ended.

    A small record says so over one that says "running"; an earlier one stays.
    """
    if save_record(lambda: record.save(folder)):
        return
    found = Record.found(folder)
    if found is None or found.status == "running":
        told = ending if ending.by else None
        save_record(lambda: empty(record.spec, record.status, told).save(folder))


def machine() -> str:
    """What the numbers of a record were measured on."""
    kinds = {device.device_kind for device in jax.devices()}
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{len(jax.devices())} JAX device(s): {', '.join(sorted(kinds))}"
    )
