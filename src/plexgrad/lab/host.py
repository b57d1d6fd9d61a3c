"""The host loop: the estimators and rules of simulation, against a device.

The same windows, samples, codes and updates as `training.train` makes for seed 0 of the
same key, so an ideal device ends where the simulated chip ends, up to rounding.
"""

import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np

from plexgrad.core.clock import MAX_SLOTS, Clock
from plexgrad.core.keys import as_key
from plexgrad.core.record import Record, versions
from plexgrad.core.signals import listening
from plexgrad.core.spec import to_spec
from plexgrad.core.validate import finite, int_at_least, one_of, positive, positive_int
from plexgrad.data import Dataset
from plexgrad.estimators import WeightPerturbation
from plexgrad.lab import saved, shares
from plexgrad.lab.device import Device
from plexgrad.lab.doubts import Doubts
from plexgrad.lab.forecast import Foresee
from plexgrad.lab.loading import show_loading
from plexgrad.lab.loop import Loop
from plexgrad.lab.notes import warn
from plexgrad.lab.params import flat, named
from plexgrad.lab.samples import Samples, refuse_mismatch
from plexgrad.lab.scoring import share_of
from plexgrad.lab.team import AnyBench, Tell, bench_of
from plexgrad.lab.transient import Transient
from plexgrad.lab.ways import WAYS, chosen
from plexgrad.lab.windows import AHEAD, Batches, in_runs
from plexgrad.training import checkpoint
from plexgrad.training.arguments import refuse_no_dataset, refuse_other_types
from plexgrad.training.discrete import Keys
from plexgrad.training.ending import Ending, Stop
from plexgrad.training.history import METRICS
from plexgrad.training.keeping import Best, Keep
from plexgrad.training.live import Live
from plexgrad.training.order import Order
from plexgrad.training.progress import Watcher
from plexgrad.training.recorded import save_ended
from plexgrad.training.rule import rule_spec
from plexgrad.training.starting import found


def train(
    device: Device | Sequence[Device],
    data: Dataset | None,
    *,
    estimator: WeightPerturbation,
    rule: Any,
    slots: int,
    key: Any,
    clock: Clock | None = None,
    batch: int = 1,
    sampling: str = "auto",
    points: int | Sequence[int] = 20,
    cost: str = "mse",
    start: Any = None,
    crossing: str = "auto",
    out: str | Path | None = None,
    resume: bool = False,
    checkpoint_s: float | int = 10.0,
    patience_s: float | int = 30.0,
    watch: Watcher | None = None,
    stop: Stop | None = None,
    tell: Tell | None = None,
    transient: Transient = (),
    keep: Keep = "last",
    ready: Callable[[AnyBench], object] | None = None,
    foresee: Foresee | None = None,
    loading: Watcher | None = None,
    repeats: int = 1,
    average: str = "mean",
    step_limit: float | int | None = None,
    share: bool | None = None,
    scoring: float | int | None = None,
    url: str = "",
) -> Record:
    """Train a device by perturbation, and record it; see `plexgrad.train`.

    Several devices of one kind train one network together, each measuring its part of
    every window; `tell` hears who leaves the run and who comes back (see `lab.team`).
    `ready` is called with the bench once it is open, before anything is sent, and may
    refuse it by raising; `foresee` hears what the run will take, see `lab.forecast`.
    `loading` watches samples that go to the device in parts, as `lab.loading` says.

    `data` is None for a device whose cost needs no samples. `sampling` is that of
    `train`, or "runs": samples that follow one another, for a device that can show
    nothing else ("auto" takes it then). `cost` is made by the host of a device that
    gives outputs. `start` is an array (P,), a range (low, high) to draw from, "keep", a
    record or the folder of a run to start from its parameters, or None for the range
    that the device declares. `keep="best"` is as of `train`; the device then ends with
    the best parameters. `crossing` is a way of `lab.ways`,
    or "auto": the one that sends least.

    Every row is measured `repeats` times, and their "mean" or "median" is the cost, as
    `average` says. Readings that cannot be believed are measured again, else their
    window is skipped, and `tell` hears of it, or a warning does; `step_limit` cuts what
    one slot does to the parameters to so many times the usual (None: 10, or 100 where
    samples are shown; 0: no limit): see `lab.doubts`. With `share`, amplitude and step
    are shares of each group's range; it must be said where units differ. `scoring` is
    the share of the time that scoring may take (None: a fifth if `points` is a number,
    all if they are named): points beyond it are left out and told, see `lab.scoring`.

    With `out`, the folder gets `record.json` and, every `checkpoint_s` seconds, a
    checkpoint with the parameters read back from the device; `resume=True` goes on from
    it, if the device has the same serial number. The folder also gets the live record
    of `training.live`, by which the run can be watched, paused and stopped. A link or
    device that is lost is waited for `patience_s`; `transient` names errors of a driver
    that mean so, beside those of `lab.transient`.

    A stop that is asked for in the folder, or by `watch` or `stop` as of `train`, ends
    the run between two windows with all updates applied; its record has the status
    "stopped". Ctrl-C, SIGTERM and SIGHUP do the same, and are then raised. Whatever
    ends it, the perturbation is off, the parameters are at rest, and what there is is
    saved.

    Raises ValueError for what cannot work together or is beyond the device's limits,
    NothingRead if no window could be learnt from, LinkLost if it does not come back,
    Worn at its endurance, KeyboardInterrupt when interrupted, and what a driver raises,
    all after saving.
    """
    clock = Clock() if clock is None else clock
    if data is not None:
        refuse_no_dataset(data)
    refuse_other_types(estimator, clock, out, watch)
    slots = int_at_least("slots", slots, clock.tau_theta, MAX_SLOTS)
    positive("checkpoint_s", checkpoint_s)
    one_of("crossing", crossing, ("auto", *WAYS))
    if not isinstance(estimator, WeightPerturbation):
        raise TypeError(
            "a device is perturbed in its weights: estimator must be a "
            f"WeightPerturbation, got {type(estimator).__name__}"
        )
    if resume and out is None:
        raise ValueError("resume must come with out, the folder of the run")
    scoring = share_of(scoring, not isinstance(points, Sequence))
    if not isinstance(points, Sequence):
        count = positive_int("points", points)
        points = [round(slots * n / count) for n in range(count + 1)]
    points = [int_at_least("points", point, 0, slots) for point in points]
    key = as_key(key)
    keys = Keys.split(jax.random.fold_in(key, 0))
    ending = Ending(watch, stop)
    with ExitStack() as stack:
        stack.enter_context(listening())
        bench = stack.enter_context(
            bench_of(device, patience_s, tell or warn, transient)
        )
        if ready is not None:
            ready(bench)
        refuse_mismatch(bench, data)
        shares.refuse_unclear(bench, share)
        made = chosen(crossing, bench, estimator, rule, bool(share))
        doubts = Doubts(bench, data is not None, step_limit)
        batches, sampling = batches_of(bench, data, batch, sampling, keys)
        spec = {
            "task": dict(data.spec) if data else {"name": "cost"},
            "chip": {
                "kind": "Lab",
                **to_spec(vars(bench.identity)),
                "url": url,
                "parameters": bench.can.parameters,
                "simulated": bench.can.simulated,
            },
            "estimator": to_spec(estimator),
            "clock": to_spec(clock),
            "rule": rule_spec(rule),
            "slots": slots,
            "batch": batch,
            "sampling": sampling,
            "seeds": 1,
            "points": list(points),
            "key": [int(word) for word in np.asarray(jax.random.key_data(key))],
            "crossing": made.name,
            "cost": cost,
            "repeats": repeats,
            "average": average,
            "step_limit": doubts.limit.told,
            "share": bool(share),
            "scoring": scoring,
        }
        if one_of("keep", keep, get_args(Keep)) != "last":
            spec["keep"] = keep
        folder = None if out is None else Path(out)
        stack.enter_context(saved.begun(folder, spec, resume, ending))
        show_loading(device, loading)
        samples = Samples(bench, data, cost, repeats, average)
        updates = clock.updates(slots)
        given = bench, samples, batches, estimator, rule, clock, keys, updates
        way = made(*given, doubts, bool(share))
        course = saved.Course()
        if resume and folder is not None and checkpoint.exists(folder):
            theta, state, course = saved.load(
                folder, way.state(), bench.accounts, bench.identity, bench.accounts.link
            )
            bench.write(theta)
            way.restore(state)
            way.evaluations = course.evaluations
        else:
            begin(bench, start, keys)
        course.spec = spec
        if keep == "best" and course.best is None:
            course.best = Best()
        shares.check_amplitude(bench, float(estimator.code.amplitude), bool(share))
        live = None if folder is None else Live(folder, _about(spec, bench), resume)
        due, look = sorted(set(points)), (ending, live, foresee)
        loop = Loop(way, course, due, folder, checkpoint_s, *look, scoring)
        return _recorded(spec, loop, data)


def _recorded(spec: dict[str, Any], loop: Loop, data: Dataset | None) -> Record:
    """Run the loop; its record is saved, and its last word said, however it ends."""
    ended, folder, ending = "failed", loop.folder, loop.ending
    try:
        status, diverged = loop.run(spec["slots"])
        if ending.by:
            loop.rescue()
        record = _record(spec, loop, status, diverged, data)
        if folder is not None:
            save_ended(record, folder, ending)
        ended = "failed" if ending.by == "error" else status
    finally:
        if loop.live is not None:
            loop.live.end(ended)
    if ending.error is not None:
        raise ending.error
    return record


def batches_of(
    bench: AnyBench, data: Dataset | None, batch: int, sampling: str, keys: Keys
) -> tuple[Batches, str]:
    """What shows the samples, and the name of the order that was chosen."""
    one_of("sampling", sampling, ("auto", "epoch", "replacement", "runs"))
    any_samples = bench.can.any_samples or not bench.can.holds_data
    if sampling == "auto":
        sampling = "epoch" if any_samples else "runs"
    if data is None:
        return Batches(in_runs(1, 1)), sampling
    order = Order(len(data.x_train), batch, "epoch" if sampling == "runs" else sampling)  # pyright: ignore
    if sampling == "runs":
        return Batches(in_runs(order.size, batch)), sampling
    if not any_samples:
        raise ValueError(
            f"sampling must be 'runs' for {bench.identity}, got {sampling!r}"
        )
    draw = jax.jit(order.indices)

    def ahead(first: int) -> np.ndarray:
        numbers = np.arange(first, first + AHEAD, dtype=np.uint64)
        return np.asarray(draw(keys.data, jnp.asarray(numbers.astype(np.uint32))))

    return Batches(ahead), sampling


def begin(bench: AnyBench, start: Any, keys: Keys) -> None:
    """Write the parameters to start from.

    Raises ValueError for a range that is none, and for parameters of another shape.
    """
    if isinstance(start, str) and start == "keep":
        return
    if isinstance(start, str | Path | Record | Mapping):
        bench.write(flat(bench, found(start)))
        return
    if isinstance(start, tuple | list):
        low, high = finite("start", start[0]), finite("start", start[1])
        if low > high:
            raise ValueError(f"start must be LOW,HIGH in that order, got {low},{high}")
    if isinstance(start, np.ndarray | jax.Array):
        bench.write(np.asarray(start, np.float32))
        return
    if start is None and all(group.start is None for group in bench.can.groups):
        return
    size = (bench.can.parameters,)
    unit = np.asarray(jax.random.uniform(keys.init, size, jnp.float32))
    parts, stop = [], 0
    for group in bench.can.groups:
        part, stop = unit[stop : stop + group.count], stop + group.count
        if (bounds := start or group.start) is None:
            parts.append(bench.shadow[stop - group.count : stop])
        else:
            parts.append(bounds[0] + (bounds[1] - bounds[0]) * part)
    bench.write(np.concatenate(parts))


def _about(spec: dict[str, Any], bench: AnyBench) -> dict[str, Any]:
    """What a live record says of the run."""
    ends = [group.endurance for group in bench.can.groups if group.endurance]
    return {
        "task": spec["task"]["name"],
        "chip": str(bench.identity),
        "way": f"{spec['crossing']}, {spec['estimator']['reference']}",
        "parameters": bench.can.parameters,
        "endurance": min(ends) if ends else None,
        "unit": bench.can.groups[0].unit,
    }


def _record(
    spec: dict[str, Any],
    loop: Loop,
    status: str,
    diverged: dict[str, int],
    data: Dataset | None,
) -> Record:
    course, bench = loop.course, loop.way.bench
    kept = saved.kept_knobs(bench.can.parameters)
    curves = {**course.curves(), **course.knob_curves(bench.can.parameters)}
    ends = course.window * loop.way.clock.tau_theta
    seconds = max(course.seconds, 1e-9)
    final = {name: curves[name][-1] for name in METRICS if course.slot}
    extra: dict[str, Any] = {
        "parameters": bench.can.parameters,
        "machine": f"{platform.system()} {platform.machine()}, {bench.identity}",
        "lab": bench.accounts.summary(course.seconds),
        "knobs": {f"parameter_{n}": bench.can.where(n) for n in kept},
    }
    if data is not None:
        extra |= {"classes": list(data.classes), "source": data.source}
    if loop.confusion is not None:
        extra["confusion"] = loop.confusion
    if loop.ending.by:
        extra["ended"] = loop.ending.told()
    best = course.best if course.best and course.best.params else None
    if best is not None:
        extra["kept"] = best.told()
    record = Record(
        spec=spec,
        final=final,
        curves=curves,
        evaluations={
            "per_seed": course.evaluations,
            "total": course.evaluations,
            "slots": ends,
            "updates": loop.way.doubts.learnt,
        },
        throughput={
            "evaluations_per_s": course.evaluations / seconds,
            "updates_per_s": course.window / seconds,
            "seconds": course.seconds,
        },
        versions=versions(),
        status=status,
        diverged=diverged,
        extra=extra,
    )
    record.params = best.params if best else named(bench, bench.shadow)
    return record
