"""One run over blocks of slots: all seeds at once, on all devices, from any checkpoint.

`training.devices` deals seeds and slots to the devices. The compiled step takes the
first and last chunk as arguments, so calls of any length share one compilation, memory
does not grow with the number of slots, and where a call ends changes no bit.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PyTree

from plexgrad.core.clock import Clock
from plexgrad.core.code import BLOCK_FLOATS
from plexgrad.core.contracts import AbstractEstimator, AbstractTrainable
from plexgrad.core.probe import GradientProbe
from plexgrad.data import Dataset
from plexgrad.estimators import Backpropagation
from plexgrad.training import checkpoint, processes
from plexgrad.training.analog import Analog, AnalogLoop, AnalogState
from plexgrad.training.devices import Shard, Split
from plexgrad.training.discrete import NEVER, Keys, Loop, State
from plexgrad.training.ending import Ending
from plexgrad.training.fused import Fused, LoopName, chosen
from plexgrad.training.history import History
from plexgrad.training.instruments import Angles, Scores
from plexgrad.training.keeping import Best, Keep
from plexgrad.training.order import Order
from plexgrad.training.plan import Plan
from plexgrad.training.progress import Progress

CALL_S = 0.5
"""Seconds that one call of the compiled step should last."""


@dataclass
class Run:
    """The arguments of a run, and the machinery made from them.

    `given` is the rule as `train` got it, `wanted` the loop that shall run; `used` is
    the one that does, and `reached` the slot up to which it did. `spec` goes into
    checkpoints. `start` are parameters of all seeds to begin with, `keep` says which to
    keep, and `best` has the best if those are to be kept.
    """

    chip: AbstractTrainable
    data: Dataset
    estimator: AbstractEstimator
    rule: Any
    clock: Clock
    order: Order
    slots: int
    key: Key[Array, ""]
    seeds: int
    points: Sequence[int]
    phase: str = "train"
    with_angles: bool = True
    shard: Shard = "auto"
    given: Any = None
    wanted: LoopName = "auto"
    dynamics: Analog | None = None
    spec: dict[str, Any] | None = None
    start: PyTree | None = None
    keep: Keep = "last"
    best: Best | None = field(default=None, init=False)
    used: LoopName = field(default="jax", init=False)
    reached: int = field(default=0, init=False)

    @cached_property
    def split(self) -> Split:
        """Which devices do what."""
        exact = issubclass(self.estimator.probe, GradientProbe)
        plan = None if exact else self.plan(self.estimator)
        return Split.choose(self.seeds, plan, self.shard)

    @property
    def devices(self) -> int:
        """Devices that the run uses."""
        return self.split.used

    @cached_property
    def beat(self) -> Clock:
        """The clock with the slots between two writes: analog parameters never rest."""
        return self.clock if self.dynamics is None else replace(self.clock, tau_theta=1)

    @cached_property
    def updates(self) -> int:
        """Parameter updates in the whole run."""
        return self.beat.updates(self.slots)

    @property
    def own_loop(self) -> Loop | AnalogLoop:
        """The loop of one seed."""
        exact = issubclass(self.estimator.probe, GradientProbe)
        if self.dynamics is None or exact:
            return self.loop(self.estimator)
        plan = self.plan(self.estimator)
        parts = self.chip, self.estimator, self.rule, self.order, plan
        taus = float(self.dynamics.tau_hp), float(self.clock.tau_theta)
        return AnalogLoop(*parts, *taus)

    def loop(self, estimator: AbstractEstimator) -> Loop:
        """The discrete loop of one seed with this estimator."""
        exact = issubclass(estimator.probe, GradientProbe)
        workers = 1 if exact else self.split.workers
        plan = self.plan(estimator)
        return Loop(self.chip, estimator, self.rule, self.order, plan, workers)

    def plan(self, estimator: AbstractEstimator) -> Plan:
        """How windows are cut into chunks.

        It does not depend on the devices, so that chunk numbers mean the same on all
        of them.
        """
        like = jax.eval_shape(self.chip.init, self.key)
        if issubclass(estimator.probe, GradientProbe):
            shown = self.order.batch * self.data.features * self.seeds
            return Plan.make(self.beat, max(1, BLOCK_FLOATS // shown), whole=True)
        if self.dynamics is not None:
            return Plan.make(self.beat, 1)
        window = self.clock.tau_theta
        samples = window // math.gcd(window, self.clock.tau_x)
        each = self.chip.floats(estimator, like, window, samples, self.order.batch)
        return Plan.make(self.clock, max(1, 4 * BLOCK_FLOATS // (each * self.seeds)))

    @cached_property
    def keys(self) -> Keys:
        """The keys of every seed, whatever their number."""

        return self.split.dealt(partial(_keys, self.seeds), self.key)

    def named(self) -> Keys:
        """The keys of every seed, on every process alike."""
        return _keys(self.seeds, self.key)

    def over_seeds(
        self, function: Callable, mapped: int, shared: int, donate: bool = False
    ) -> Any:
        """`function` of one seed, over all of them, on all devices.

        Its first `mapped` arguments have a leading axis of seeds; `shared` more do not.
        """
        return self.split.over_seeds(function, mapped, shared, donate)

    def go(
        self,
        file: Path | None,
        resume: bool,
        every_s: float,
        ending: Ending | None = None,
    ) -> tuple[State | AnalogState, History, dict[str, float]]:
        """Run until it ends: the last state, the curves, and seconds spent.

        A checkpoint is written to `file` every `every_s` seconds and at the end; by
        process 0, if there are several. `ending` says whether the run ended early; an
        error is kept there, and must be raised by the caller.
        """
        loop, ending = self.own_loop, ending or Ending()
        total = self.updates * loop.plan.per_window
        train = self.split.same((self.data.x_train, self.data.y_train))
        if self.start is None:
            state = self.over_seeds(loop.init, 1, 0)(self.keys)
        else:
            first = self.split.again(self.start)
            state = self.over_seeds(loop.init, 2, 0)(self.keys, first)
        self.best = Best() if self.keep == "best" else None
        history, done, kept = History([], [], []), 0, None
        times = {"seconds": 0.0, "compile_s": 0.0}
        mine = file if resume and processes.first() else None
        content = processes.share(checkpoint.read(mine, state) if mine else None)
        if file is not None and content is not None:
            state, progress = checkpoint.load(file, state, content)
            _refuse_other_plan(file, int(progress["chunk"]), loop.plan.chunk)
            done, kept = int(progress["done"]), str(progress.get("loop", "jax"))
            history = History(
                progress["slot"].tolist(),
                list(progress["scores"]),
                list(progress["cosines"]),
            )
            times = {name: float(progress[name]) for name in times}
            if self.best is not None:
                self.best.take(progress)
            state = self.split.again(state)

        began = time.perf_counter()
        step = self.step(loop, state, train, kept)
        times["compile_s"] += time.perf_counter() - began

        score = Scores(loop, self.data, self.split)
        angle = Angles(
            loop,
            self.loop(Backpropagation()),
            self.beat,
            self.slots,
            len(self.points),
            self.split,
            self.with_angles,
        )
        stops = self.stops(loop.plan)
        length, saved, failed = 1, time.monotonic(), 0
        alone = together = processes.count() == 1

        def save() -> None:
            # An interrupt that the others do not know of must not wait for them.
            if file is None or not together:
                return
            path = file
            place = {"done": done, "chunk": loop.plan.chunk, "loop": self.used}
            whole = processes.fetch(state)
            if processes.first():
                told, spec = {**place, **history.arrays(), **times}, self.spec
                told |= {} if self.best is None else self.best.arrays()
                ending.keep(at, lambda: checkpoint.save(path, whole, told, spec))

        at = 0
        try:
            while True:
                at = self.reached = done // loop.plan.per_window * self.beat.tau_theta
                if done in stops and at not in history.slot:
                    history.scores.append(score(state.params, self.keys))
                    point = len(history.slot)
                    history.cosines.append(angle(state, self.keys, train, done, point))
                    if self.best is not None:
                        here = processes.fetch(state.params)
                        self.best.see(at, history.scores[point], here)
                    history.slot.append(at)
                    self.split.refuse_drift(state.params)
                cost, diverged = processes.fetch((state.cost, state.diverged))
                failed = int(np.sum(diverged != NEVER))
                due = time.monotonic() - saved > every_s
                ending.look(self.glance(cost, history, at, times["seconds"], failed))
                length, due, stop = processes.agreed(length, due, ending.rank)
                together = True
                ending.agree(stop)
                if ending.by:
                    break
                if done >= total or (failed == self.seeds and done in stops):
                    break
                if due:
                    save()
                    saved = time.monotonic()
                together = alone
                target = min(stop for stop in stops if stop > done)
                ahead = min(length, target - done)
                bounds = np.uint32(done), np.uint32(done + ahead)
                began = time.perf_counter()
                # One statement: an interrupt must not find a new state at an old place.
                state, done = step(state, *bounds), done + ahead
                jax.block_until_ready(state)
                spent = time.perf_counter() - began
                times["seconds"] += spent
                if spent < CALL_S / 2 and ahead == length:
                    length *= 2
                elif spent > 2 * CALL_S:
                    length = max(1, length // 2)
        except BaseException as error:
            ending.failed(error)
            at = self.reached = done // loop.plan.per_window * self.beat.tau_theta
            if any(leaf.is_deleted() for leaf in jax.tree.leaves(state)):
                raise
        save()
        return (state if alone else processes.fetch(state)), history, times

    def step(
        self, loop: Loop | AnalogLoop, state: Any, train: Any, kept: str | None
    ) -> Callable:
        """The compiled step: from a state, a first and a last chunk to a state.

        `kept` is the loop that a checkpoint was made by; it is gone on with.
        """
        each = self.estimator.evaluations(self.beat, self.slots)
        self.used = chosen(
            self.wanted, kept, loop, self.given, self.data, each, self.seeds
        )
        if self.used == "fused":
            return Fused(self.loop(self.estimator), self.given, self.keys, self.data)
        step = self.over_seeds(loop.run, 2, 3, donate=True)
        bounds = np.uint32(0), np.uint32(1)
        compiled = step.lower(state, self.keys, train, *bounds).compile()
        return lambda state, *bounds: compiled(state, self.keys, train, *bounds)

    def stops(self, plan: Plan) -> set[int]:
        """Chunk numbers at which the run is scored: after whole windows only."""
        tau = self.beat.tau_theta
        points = {min(point // tau, self.updates) for point in self.points}
        return {window * plan.per_window for window in points | {self.updates}}

    def glance(
        self, cost: np.ndarray, history: History, slot: int, seconds: float, failed: int
    ) -> Progress:
        """What a watcher sees now."""
        accuracy = history.scores[-1][:, 3] if history.scores else np.empty(0)
        return Progress(
            self.phase,
            slot,
            self.updates * self.beat.tau_theta,
            self.estimator.evaluations(self.beat, slot) * self.seeds,
            seconds,
            cost,
            accuracy,
            failed,
            scores=history.newest(),
            points=len(history.slot),
        )


def _refuse_other_plan(file: Path, found: int, chunk: int) -> None:
    if found != chunk:
        raise ValueError(
            f"{file} must count chunks of {chunk} slots to be resumed here, got {found}"
        )


def _keys(seeds: int, key: Key[Array, ""]) -> Keys:
    number = jnp.arange(seeds, dtype=jnp.uint32)
    each = jax.vmap(lambda n: jax.random.fold_in(key, n))(number)
    return jax.vmap(Keys.split)(each)
