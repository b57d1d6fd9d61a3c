"""`train`: the whole of a run in one call, from a chip and data to a record."""

import contextlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import jax
from jaxtyping import Array, Key

from plexgrad.core.claim import held, refuse_run
from plexgrad.core.clock import MAX_SLOTS, Clock
from plexgrad.core.contracts import AbstractEstimator, AbstractTrainable
from plexgrad.core.keys import as_key
from plexgrad.core.record import Record
from plexgrad.core.signals import listening
from plexgrad.core.spec import to_spec
from plexgrad.core.validate import int_at_least, one_of, positive, positive_int
from plexgrad.data import Dataset
from plexgrad.estimators import Backpropagation
from plexgrad.training import checkpoint, processes
from plexgrad.training.advice import advised
from plexgrad.training.analog import Analog, resolved
from plexgrad.training.arguments import (
    refuse_mismatch,
    refuse_no_dataset,
    refuse_other_types,
)
from plexgrad.training.checkpoint import CHECKPOINT
from plexgrad.training.devices import Shard
from plexgrad.training.ending import Ending, Stop, save_record
from plexgrad.training.fused import LoopName
from plexgrad.training.keeping import Keep
from plexgrad.training.order import Order, Sampling
from plexgrad.training.preflight import refuse_hopeless
from plexgrad.training.progress import Watcher
from plexgrad.training.recorded import empty, not_running, recorded, save_ended
from plexgrad.training.rule import build_rule
from plexgrad.training.run import Run
from plexgrad.training.specs import build, describe, know
from plexgrad.training.starting import started

REFERENCE_CHECKPOINT = "checkpoint-backpropagation.npz"


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
    stop: Stop | None = None,
    start: Any = None,
    keep: Keep = "last",
    advise: bool = True,
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
    on the same machine and number of devices (else to rounding). Without it, a folder
    that holds a run is refused. A rule passed as an optax object must be the same.

    `watch` sees a glance at every safe place, `stop` may end the run there: where
    either gives True, or says why, the record has the status "stopped", the curves so
    far, and the last point's scores as final. Ctrl-C, SIGTERM and SIGHUP end it there
    too, an error at once; they are raised when checkpoint and record are saved.

    `start` are parameters to begin with: a record, the folder of a run, or arrays of
    `record.params` or a tree of the network, for each seed or for all. `keep="best"`
    keeps each seed's parameters at its best point in the place of the last, by test
    accuracy and then test cost. What is kept is in `record.params` and, with `out`, in
    `params.npz`; the states of run and checkpoint are the last ones.

    What the flaws of the chip would hide from this setting (cost noise, steps of
    writes) is warned of before the first slot, and stands in the record as
    `extra["advice"]`; `advise=False` leaves that out.

    Several processes (see `training.processes.join`) make the same call and get the
    same record; process 0 writes the folder, which the others need not see.

    Raises ValueError for arguments that cannot work together, TypeError if the chip
    cannot answer the estimator, KeyboardInterrupt (after saving) when interrupted.
    What cannot be written, on a full disk, is warned of and tried again.
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
    if one_of("keep", keep, get_args(Keep)) != "last":
        values["keep"] = keep
    first = None
    if start is not None:
        first, values["start"] = started(start, chip, seeds)
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
        start=first,
        keep=keep,
    )
    refuse_hopeless(run)
    advice = advised(run) if advise else []
    one_of("shard", shard, get_args(Shard))
    one_of("loop", loop, get_args(LoopName))
    if resume and out is None:
        raise ValueError("resume must come with out, the folder of the run")
    call = [spec, shard, loop, out is None, resume]
    processes.refuse_other_run(json.dumps(call, sort_keys=True).encode())
    folder = None if out is None else Path(out)
    ending = Ending(watch, stop)
    with ExitStack() as stack:
        stack.enter_context(listening())
        if folder is not None:
            claim = held(folder)
            processes.by_first(lambda: stack.enter_context(claim))
            processes.by_first(lambda: _claim(folder, spec, resume))
        try:
            record = _made(run, spec, folder, resume, checkpoint_s, ending)
            if advice:
                record.extra["advice"] = advice
        except BaseException as error:
            ending.failed(error)
            if folder is not None and processes.first():
                save_record(lambda: not_running(folder, spec, ending))
            raise
        if folder is not None and processes.first():
            save_ended(record, folder, ending)
        if ending.error is not None:
            raise ending.error
    return record


def _made(
    run: Run,
    spec: dict[str, Any],
    folder: Path | None,
    resume: bool,
    checkpoint_s: float,
    ending: Ending,
) -> Record:
    """Run, and then the same by backpropagation if that is wanted."""
    kept = folder and folder / CHECKPOINT
    ended = run.go(kept, resume, checkpoint_s, ending)
    record = recorded(run, spec, *ended, ending)
    if ending.by or not spec["backpropagation"]:
        return record
    twin = replace(run, estimator=Backpropagation(), phase="backpropagation")
    twin.wanted = "jax"
    kept = folder and folder / REFERENCE_CHECKPOINT
    ended = twin.go(kept, resume, checkpoint_s, ending)
    exact = {**spec, "estimator": {"kind": "Backpropagation"}}
    exact |= {"clock": to_spec(run.beat)}
    exact.pop("dynamics", None)
    record.reference = recorded(twin, exact, *ended, ending)
    if ending.by:
        record.status, record.extra["ended"] = "stopped", ending.told()
    return record


def rerun(
    record: Record,
    folder: str | None = None,
    known: Sequence[type] = (),
    **replace: Any,
) -> Record:
    """Make the run of a record again; `replace` overrides arguments of `train`.

    `known` are classes of your own that it may name; none is imported by its name.
    `folder` is where data files are looked for. Raises ValueError if the record does
    not hold everything (a rule or data that were passed as objects).
    """
    know(*known)
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
            empty(spec, "running").save(folder)
        return
    refuse_run(folder)
    for name in (CHECKPOINT, REFERENCE_CHECKPOINT):
        checkpoint.forget(folder / name)
    empty(spec, "running").save(folder)
