"""`train`: the whole of a run in one call, from a chip and data to a record."""

import contextlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import jax
import numpy as np
from jaxtyping import Array, Key

from plexgrad.core.clock import MAX_SLOTS, Clock
from plexgrad.core.contracts import AbstractEstimator, AbstractTrainable
from plexgrad.core.keys import as_key
from plexgrad.core.layout import Layout
from plexgrad.core.record import Record, versions
from plexgrad.core.spec import to_spec
from plexgrad.core.validate import int_at_least, one_of, positive, positive_int
from plexgrad.data import Dataset
from plexgrad.estimators import Backpropagation
from plexgrad.training import checkpoint, processes
from plexgrad.training.analog import Analog, AnalogState, resolved
from plexgrad.training.arguments import (
    refuse_mismatch,
    refuse_no_dataset,
    refuse_other_types,
)
from plexgrad.training.checkpoint import CHECKPOINT
from plexgrad.training.devices import Shard
from plexgrad.training.discrete import NEVER, State
from plexgrad.training.fused import LoopName
from plexgrad.training.history import History
from plexgrad.training.instruments import TRAIN_SCORED
from plexgrad.training.order import Order, Sampling
from plexgrad.training.preflight import refuse_lost
from plexgrad.training.progress import Watcher
from plexgrad.training.rule import build_rule
from plexgrad.training.run import Run
from plexgrad.training.scoring import confusion
from plexgrad.training.specs import build, describe

REFERENCE_CHECKPOINT = "checkpoint-backpropagation.npz"
METRICS = ("train_cost", "train_accuracy", "test_cost", "test_accuracy")


def train(
    chip: AbstractTrainable,
    data: Dataset,
    *,
    estimator: AbstractEstimator,
    rule: Any,
    slots: int,
    key: Key[Array, ""] | int | Sequence[int],
    clock: Clock | None = None,
    seeds: int = 1,
    batch: int = 1,
    sampling: Sampling = "epoch",
    points: int | Sequence[int] = 40,
    backpropagation: bool = False,
    angles: bool = True,
    out: str | Path | None = None,
    resume: bool = False,
    checkpoint_s: float = 10.0,
    shard: Shard = "auto",
    loop: LoopName = "auto",
    dynamics: Analog | str = "discrete",
    watch: Watcher | None = None,
) -> Record:
    """Train a simulated chip by perturbation only, and record it.

    `rule` is a `Rule` or any optax optimiser. `slots` are run for each of `seeds`
    independent chips (networks, codes and data orders), dealt to all JAX devices;
    `shard="slots"` lets devices that are left over share the slots of each chip, "auto"
    does so on accelerators. Results change by rounding only.
    Whole windows of tau_theta slots are run; a part of one at the end is left out.
    `loop="fused"` compiles the whole loop into one function, for tiny networks (see
    `training.fused`; it needs numba), "auto" does so where it pays, and the record says
    which ran; again results change by rounding only.
    `dynamics` is "discrete", or "analog" for `Analog()`: filters in the place of
    windows, and parameters that move in every slot (see `training.analog`). A code's
    echo is then taken from the cost as it is, so the estimator's baseline is left out,
    and backpropagation makes an update in every slot too.
    `points` are slots at which the networks are scored, or how many to spread evenly.
    `backpropagation=True` trains the same networks beside it, with the same rule and as
    many updates on the same samples, by exact gradients. `angles` measures, at the
    points, how far the estimate points away from the exact gradient (at most 5 % of the
    slots are spent on it, and none are counted).

    With `out`, the folder gets `record.json` and a checkpoint every `checkpoint_s`
    seconds; `resume=True` goes on from there and ends bit for bit as if never stopped,
    on the same machine and number of devices (else to rounding). Without it, a run that
    the folder holds is overwritten. A rule passed as an optax object must be the same.

    Several processes (see `training.processes.join`) make the same call and get the
    same record; process 0 writes the folder, which the others need not see.

    Raises ValueError for arguments that cannot work together, TypeError if the chip
    cannot answer the estimator, KeyboardInterrupt (after saving) when interrupted.
    """
    clock = Clock() if clock is None else clock
    if not isinstance(chip, AbstractTrainable):
        raise TypeError(
            "chip must be one that can be trained, such as Simulated(net), "
            f"got {chip!r}"
        )
    refuse_no_dataset(data)
    refuse_other_types(estimator, clock, out, watch)
    filters, estimator = resolved(dynamics, estimator, clock)
    slots = int_at_least("slots", slots, clock.tau_theta, MAX_SLOTS)
    positive_int("seeds", seeds)
    positive("checkpoint_s", checkpoint_s)
    chip.refuse_foreign(estimator)
    refuse_mismatch(chip, data)
    if not isinstance(points, Sequence):
        count = positive_int("points", points)
        points = [round(slots * n / count) for n in range(count + 1)]
    points = [int_at_least("points", point, 0, slots) for point in points]
    key = as_key(key)
    order = Order(len(data.x_train), batch, sampling)
    values = {
        "slots": slots,
        "batch": batch,
        "sampling": sampling,
        "seeds": seeds,
        "points": points,
        "key": [int(word) for word in jax.random.key_data(key)],
        "backpropagation": backpropagation,
        "angles": angles,
    }
    if filters is not None:
        values["dynamics"] = filters
    parts = {"chip": chip, "estimator": estimator, "rule": rule, "clock": clock}
    spec = describe(data, parts, values)
    run = Run(
        chip,
        data,
        estimator,
        build_rule(rule, slots if filters else clock.updates(slots)),
        clock,
        order,
        slots,
        key,
        seeds,
        points,
        with_angles=angles,
        shard=shard,
        given=rule,
        wanted=loop,
        dynamics=filters,
        spec=spec,
    )
    refuse_lost(run)
    one_of("shard", shard, get_args(Shard))
    one_of("loop", loop, get_args(LoopName))
    if resume and out is None:
        raise ValueError("resume must come with out, the folder of the run")
    call = [spec, shard, loop, out is None, resume]
    processes.refuse_other_run(json.dumps(call, sort_keys=True).encode())
    folder = None if out is None else Path(out)
    if folder is not None:
        processes.by_first(lambda: _claim(folder, spec, resume))
    try:
        kept = folder and folder / CHECKPOINT
        record = _record(run, spec, *run.go(kept, resume, checkpoint_s, watch))
        if backpropagation:
            twin = replace(run, estimator=Backpropagation(), phase="backpropagation")
            twin.wanted = "jax"
            kept = folder and folder / REFERENCE_CHECKPOINT
            ended = twin.go(kept, resume, checkpoint_s, watch)
            exact = {**spec, "estimator": {"kind": "Backpropagation"}}
            exact |= {"clock": to_spec(run.beat)}
            exact.pop("dynamics", None)
            record.reference = _record(twin, exact, *ended)
    except KeyboardInterrupt:
        if folder is not None and processes.first():
            _empty(spec, "stopped").save(folder)
        raise
    if folder is not None and processes.first():
        record.save(folder)
    return record


def rerun(record: Record, folder: str | None = None, **replace: Any) -> Record:
    """Make the run of a record again; `replace` overrides arguments of `train`.

    `folder` is where data files are looked for. Raises ValueError if the record does
    not hold everything (a rule or data that were passed as objects).
    """
    return train(**build(record.spec, folder, **replace))


def _claim(folder: Path, spec: dict[str, Any], resume: bool) -> None:
    """Write the spec before the first slot, so that a killed run can be resumed."""
    before = None
    if resume:
        with contextlib.suppress(FileNotFoundError):
            before = checkpoint.spec_of(folder)
    if before is not None:
        if before != spec:
            both = {**before, **spec}
            changed = [name for name in both if before.get(name) != spec.get(name)]
            raise ValueError(
                f"{folder} must hold the run to resume; it differs in "
                f"{', '.join(changed)}"
            )
        if Record.found(folder) is None:
            _empty(spec, "running").save(folder)
        return
    for name in (CHECKPOINT, REFERENCE_CHECKPOINT):
        checkpoint.forget(folder / name)
    _empty(spec, "running").save(folder)


def _empty(spec: dict[str, Any], status: str) -> Record:
    return Record(spec, {}, {}, {}, {}, versions(), status=status)


def _record(
    run: Run,
    spec: dict[str, Any],
    state: State | AnalogState,
    history: History,
    times: dict[str, float],
) -> Record:
    scores = np.stack(history.scores)
    slot = np.asarray(history.slot)
    ends = int(slot[-1])
    count = run.estimator.evaluations
    each, updates = count(run.beat, ends), run.beat.updates(ends)
    curves = {
        "slot": slot,
        "evaluations": np.array([count(run.beat, int(s)) for s in slot]),
        **{name: scores[:, :, n] for n, name in enumerate(METRICS)},
        "gradient_cosine": np.stack(history.cosines),
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
    seconds = max(times["seconds"], 1e-9)
    layout = Layout.of(jax.tree.map(lambda leaf: leaf[0], state.params))
    extra: dict[str, Any] = {
        "parameters": layout.size,
        "classes": list(run.data.classes),
        "source": run.data.source,
        "confusion": confusion(
            run.chip,
            state.params,
            run.named().noise,
            run.data.x_test,
            run.data.y_test,
        ).tolist(),
        "machine": machine(),
        "split": run.split.explain(),
        "loop": run.used,
        "train_scored": min(len(run.data.x_train), TRAIN_SCORED),
    }
    code = getattr(run.estimator, "code", None)
    # The law is that of one sample; several in a window add their own crosstalk.
    rests = run.dynamics is None and run.clock.tau_x % run.clock.tau_theta == 0
    if code is not None and rests:
        patterns = run.clock.patterns
        extra["cosine_law"] = (1 + code.excess(patterns, layout)) ** -0.5
    return Record(
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
        status="diverged" if len(diverged) == run.seeds else "finished",
        diverged=diverged,
        extra=extra,
    )


def machine() -> str:
    """What the numbers of a record were measured on."""
    kinds = {device.device_kind for device in jax.devices()}
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{len(jax.devices())} JAX device(s): {', '.join(sorted(kinds))}"
    )
