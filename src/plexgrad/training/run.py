"""One run over blocks of slots: all seeds at once, on all devices, from any checkpoint.

Seeds are dealt to the devices and never exchange anything. The compiled step takes the
first and last chunk as arguments, so calls of any length share one compilation, memory
does not grow with the number of slots, and where a call ends changes no bit.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Key

from plexgrad.core.clock import Clock
from plexgrad.core.code import BLOCK_FLOATS
from plexgrad.core.contracts import AbstractEstimator, AbstractTrainable
from plexgrad.core.layout import Layout
from plexgrad.core.probe import GradientProbe
from plexgrad.data import Dataset
from plexgrad.estimators import Backpropagation
from plexgrad.training import checkpoint
from plexgrad.training.discrete import NEVER, Keys, Loop, State
from plexgrad.training.instruments import Angles, Scores
from plexgrad.training.order import Order
from plexgrad.training.plan import Plan
from plexgrad.training.progress import Progress, Watcher

CALL_S = 0.5
"""Seconds that one call of the compiled step should last."""


@dataclass
class History:
    """Curves as they grow: `slot` per point, and (points, seeds) for each metric.

    `slot` is appended last: a point counts once it is whole.
    """

    slot: list[int]
    scores: list[np.ndarray]
    cosines: list[np.ndarray]

    def arrays(self) -> dict[str, np.ndarray]:
        """As arrays, for a checkpoint."""
        whole = len(self.slot)
        return {
            "slot": np.asarray(self.slot, np.int64),
            "scores": np.asarray(self.scores[:whole], np.float32),
            "cosines": np.asarray(self.cosines[:whole], np.float32),
        }


@dataclass
class Run:
    """The arguments of a run, and the machinery made from them."""

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

    @cached_property
    def devices(self) -> int:
        """The most devices that the seeds can be dealt to evenly."""
        most = min(len(jax.devices()), self.seeds)
        return max(n for n in range(1, most + 1) if self.seeds % n == 0)

    @cached_property
    def updates(self) -> int:
        """Parameter updates in the whole run."""
        return self.clock.updates(self.slots)

    def loop(self, estimator: AbstractEstimator) -> Loop:
        """The loop of one seed with this estimator.

        Its plan does not depend on the devices, so that chunk numbers mean the same on
        all of them.
        """
        like = jax.eval_shape(self.chip.init, self.key)
        size = Layout.of(like).size
        if issubclass(estimator.probe, GradientProbe):
            shown = self.order.batch * self.data.features * self.seeds
            plan = Plan.make(self.clock, max(1, BLOCK_FLOATS // shown), whole=True)
        else:
            plan = Plan.make(
                self.clock, max(1, 4 * BLOCK_FLOATS // (size * self.seeds))
            )
        return Loop(self.chip, estimator, self.rule, self.order, plan)

    @cached_property
    def keys(self) -> Keys:
        """The keys of every seed, whatever their number."""
        number = jnp.arange(self.seeds, dtype=jnp.uint32)
        each = jax.vmap(lambda n: jax.random.fold_in(self.key, n))(number)
        return jax.vmap(Keys.split)(each)

    def over_seeds(
        self, function: Callable, mapped: int, shared: int, donate: bool = False
    ) -> Any:
        """`function` of one seed, over all of them, on all devices.

        Its first `mapped` arguments have a leading axis of seeds; `shared` more do not.
        """
        many = jax.vmap(function, in_axes=(0,) * mapped + (None,) * shared)
        if self.devices > 1:
            mesh = Mesh(np.array(jax.devices()[: self.devices]), ("seeds",))
            dealt, same = PartitionSpec("seeds"), PartitionSpec()
            many = jax.shard_map(
                many,
                mesh=mesh,
                in_specs=(dealt,) * mapped + (same,) * shared,
                out_specs=dealt,
                check_vma=False,
            )
        return jax.jit(many, donate_argnums=(0,) if donate else ())

    def go(
        self, file: Path | None, resume: bool, every_s: float, watch: Watcher | None
    ) -> tuple[State, History, dict[str, float]]:
        """Run to the end: the last state, the curves, and seconds spent.

        A checkpoint is written to `file` every `every_s` seconds and on
        KeyboardInterrupt.
        """
        loop = self.loop(self.estimator)
        total = self.updates * loop.plan.per_window
        train = (jnp.asarray(self.data.x_train), jnp.asarray(self.data.y_train))
        state = self.over_seeds(loop.init, 1, 0)(self.keys)
        history, done = History([], [], []), 0
        times = {"seconds": 0.0, "compile_s": 0.0}
        if resume and file is not None and file.exists():
            state, progress = checkpoint.load(file, state)
            _refuse_other_plan(file, int(progress["chunk"]), loop.plan.chunk)
            done = int(progress["done"])
            history = History(
                progress["slot"].tolist(),
                list(progress["scores"]),
                list(progress["cosines"]),
            )
            times = {name: float(progress[name]) for name in times}
            state = jax.tree.map(jnp.asarray, state)

        began = time.perf_counter()
        step = self.over_seeds(loop.run, 2, 3, donate=True)
        bounds = jnp.uint32(0), jnp.uint32(1)
        step = step.lower(state, self.keys, train, *bounds).compile()
        times["compile_s"] += time.perf_counter() - began

        score = Scores(loop, self.data, self.over_seeds)
        angle = Angles(
            loop,
            self.loop(Backpropagation()),
            self.clock,
            self.slots,
            len(self.points),
            self.over_seeds,
            self.with_angles,
        )
        stops = self.stops(loop.plan)
        length, saved, failed = 1, time.monotonic(), 0

        def save() -> None:
            if file is not None:
                place = {"done": done, "chunk": loop.plan.chunk}
                extra = {**place, **history.arrays(), **times}
                checkpoint.save(file, state, extra)

        try:
            while True:
                at = done // loop.plan.per_window * self.clock.tau_theta
                if done in stops and at not in history.slot:
                    history.scores.append(score(state.params))
                    point = len(history.slot)
                    history.cosines.append(
                        angle(state.params, self.keys, train, done, point)
                    )
                    history.slot.append(at)
                diverged = np.asarray(state.diverged)
                failed = int(np.sum(diverged != NEVER))
                if watch is not None:
                    watch(self.glance(state, history, at, times["seconds"], failed))
                if done >= total or (failed == self.seeds and done in stops):
                    break
                target = min(stop for stop in stops if stop > done)
                ahead = min(length, target - done)
                bounds = jnp.uint32(done), jnp.uint32(done + ahead)
                began = time.perf_counter()
                # One statement: an interrupt must not find a new state at an old place.
                state, done = step(state, self.keys, train, *bounds), done + ahead
                jax.block_until_ready(state)
                spent = time.perf_counter() - began
                times["seconds"] += spent
                if spent < CALL_S / 2 and ahead == length:
                    length *= 2
                elif spent > 2 * CALL_S:
                    length = max(1, length // 2)
                if time.monotonic() - saved > every_s:
                    save()
                    saved = time.monotonic()
        except KeyboardInterrupt:
            if not any(leaf.is_deleted() for leaf in jax.tree.leaves(state)):
                save()
            raise
        save()
        return state, history, times

    def stops(self, plan: Plan) -> set[int]:
        """Chunk numbers at which the run is scored: after whole windows only."""
        tau = self.clock.tau_theta
        points = {min(point // tau, self.updates) for point in self.points}
        return {window * plan.per_window for window in points | {self.updates}}

    def glance(
        self, state: State, history: History, slot: int, seconds: float, failed: int
    ) -> Progress:
        """What a watcher sees now."""
        accuracy = history.scores[-1][:, 3] if history.scores else np.empty(0)
        return Progress(
            self.phase,
            slot,
            self.updates * self.clock.tau_theta,
            self.estimator.evaluations(self.clock, slot) * self.seeds,
            seconds,
            np.asarray(state.cost),
            accuracy,
            failed,
        )


def _refuse_other_plan(file: Path, found: int, chunk: int) -> None:
    if found != chunk:
        raise ValueError(
            f"{file} must count chunks of {chunk} slots to be resumed here, got {found}"
        )
