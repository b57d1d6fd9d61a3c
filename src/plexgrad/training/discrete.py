"""Discrete time: measure a window of slots, write the parameters, begin again.

Algorithm 1 of McCaughan et al. 2023 (doi:10.1063/5.0157645), with the estimate as a
mean over the window. One body runs every chunk of every window of every seed, so it is
compiled once, and the result does not depend on where a call ends.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.core.clock import MAX_SLOTS
from plexgrad.core.contracts import AbstractEstimator, AbstractTrainable
from plexgrad.core.layout import Layout, add, cosine, scale, scale_leaves
from plexgrad.core.probe import Moment, Reading, Slots
from plexgrad.core.resolution import widened
from plexgrad.training.order import Order
from plexgrad.training.plan import Plan

NEVER = MAX_SLOTS + 1
"""Marks a seed that has not diverged."""

SLOTS = "slots"
"""The mesh axis along which workers share the slots of a chunk."""


class Keys(NamedTuple):
    """One key for each thing that is random in a run, split once at the top.

    `noise` names the chip: its flaws and its noise come from it.
    """

    init: Key[Array, ""]
    code: Key[Array, ""]
    data: Key[Array, ""]
    noise: Key[Array, ""]

    @classmethod
    def split(cls, key: Key[Array, ""]) -> "Keys":
        """The keys of one seed."""
        names = jax.random.split(key, 4)
        return cls(names[0], names[1], names[2], names[3])


class State(NamedTuple):
    """All that a run needs to go on, besides its spec and its keys."""

    params: PyTree
    rule: PyTree
    gradient: PyTree
    cost: Float[Array, ""]
    """The mean of what the window has measured so far."""
    diverged: UInt32[Array, ""]


@dataclass(frozen=True)
class Loop:
    """The training loop of one seed, as pure functions of chunk numbers.

    `workers` devices along the mesh axis "slots" share the slots of every chunk.
    """

    chip: AbstractTrainable
    estimator: AbstractEstimator
    rule: optax.GradientTransformationExtraArgs
    order: Order
    plan: Plan
    workers: int = 1

    def init(self, keys: Keys, start: PyTree | None = None) -> State:
        """The state before the first slot, from these parameters or from new ones."""
        first = self.chip.init(keys.init) if start is None else start
        params = self.chip.settle(first, keys.noise)
        zero = jax.tree.map(jnp.zeros_like, widened(params))
        return State(
            params,
            self.rule.init(params),
            zero,
            jnp.float32(jnp.nan),
            jnp.uint32(NEVER),
        )

    def run(
        self,
        state: State,
        keys: Keys,
        data: tuple[Array, Array],
        first: UInt32[Array, ""],
        last: UInt32[Array, ""],
    ) -> State:
        """The state after chunks `first` to `last` (not included)."""

        def body(number: Array, state: State) -> State:
            return self._step(number.astype(jnp.uint32), state, keys, data)

        return jax.lax.fori_loop(first, last, body, state)

    def _step(
        self, number: UInt32[Array, ""], state: State, keys: Keys, data: tuple
    ) -> State:
        per_window = jnp.uint32(self.plan.per_window)
        window, inside = number // per_window, number % per_window
        part, reading, wrong = self.measured(state.params, window, inside, keys, data)
        cost = reading.cost
        if self.plan.per_window > 1:
            cost = _running_mean(state.cost, cost, inside)
        state = state._replace(cost=cost, diverged=jnp.minimum(state.diverged, wrong))
        if self.plan.per_window == 1:
            # The zeros that wait in the state are left alone: P floats less to store.
            return self._write(state, part, window, keys)

        def write(state: State) -> State:
            zero = jax.tree.map(jnp.zeros_like, state.gradient)
            written = self._write(state, state.gradient, window, keys)
            return written._replace(gradient=zero)

        state = state._replace(gradient=add(state.gradient, part))
        last = inside == per_window - 1
        return jax.lax.cond(last, write, lambda state: state, state)

    def measured(
        self,
        params: PyTree,
        window: UInt32[Array, ""],
        inside: UInt32[Array, ""],
        keys: Keys,
        data: tuple,
    ) -> tuple[PyTree, Reading, UInt32[Array, ""]]:
        """What a chunk adds to the window's gradient, its reading, its first bad slot.

        The slot is `NEVER` unless a cost there is not finite.
        """
        plan, params = self.plan, widened(params)
        start = plan.start(window, inside)
        slots = Slots(start, plan.chunk, plan.clock.tau_p, plan.clock)
        probe = self.estimator.ask(keys.code, slots, params)
        reading = self._reading(params, start, keys, data)
        signal, bad = reading.signal, ~jnp.isfinite(reading.cost)[None]
        if signal is not None:
            if plan.ragged:
                signal = jnp.where(plan.valid(inside), signal, 0.0)
            reading = replace(reading, signal=signal)
            bad = ~jnp.isfinite(signal)
        first = start + jnp.argmax(bad).astype(jnp.uint32)
        wrong = jnp.where(jnp.any(bad), first, jnp.uint32(NEVER))
        share = plan.chunk / plan.clock.tau_theta
        return scale(self.estimator.tell(probe, reading), share), reading, wrong

    def _reading(
        self, params: PyTree, start: UInt32[Array, ""], keys: Keys, data: tuple
    ) -> Reading:
        """The reading of the chunk from `start`: each worker measures its share.

        The signal and the mean cost are all that workers exchange; what a share
        overhangs is cut off.
        """
        plan, share = self.plan, self.plan.share(self.workers)
        if share is None:
            raise ValueError(f"workers must share a chunk, got {self.workers}")
        count, groups = share
        if self.workers > 1:
            start = start + jax.lax.axis_index(SLOTS).astype(jnp.uint32) * count
        x, y = data
        chosen = self.order.indices(keys.data, plan.samples(start, groups))
        slots = Slots(start, count, plan.clock.tau_p, plan.clock)
        probe = self.estimator.ask(keys.code, slots, params)
        reading = self.chip.measure(params, probe, (x[chosen], y[chosen]), keys.noise)
        if self.workers == 1 or reading.signal is None:
            return reading
        mine = jnp.append(reading.signal, reading.cost)
        every = jax.lax.all_gather(mine, SLOTS)
        signal = every[:, :-1].reshape(-1)[: plan.chunk]
        return replace(reading, signal=signal, cost=jnp.mean(every[:, -1]))

    def _write(
        self, state: State, gradient: PyTree, window: UInt32[Array, ""], keys: Keys
    ) -> State:
        gradient = scale_leaves(gradient, self._shrinkage(state.params))
        gradient = Layout.of(state.params).cast(gradient)
        update, rule = self.rule.update(
            gradient, state.rule, state.params, value=state.cost
        )
        span = self.plan.clock.tau_theta
        held = jnp.uint32(span)
        at = Moment((window + jnp.uint32(1)) * held, held, span)
        params = self.chip.write(state.params, update, keys.noise, at)
        return state._replace(params=params, rule=rule)

    def _shrinkage(self, params: PyTree) -> tuple[float, ...]:
        patterns = self.plan.clock.patterns
        return self.estimator.shrinkage(patterns, Layout.of(params))

    def window_gradient(
        self, params: PyTree, window: UInt32[Array, ""], keys: Keys, data: tuple
    ) -> PyTree:
        """The gradient that a window gives at fixed parameters."""

        def body(number: Array, total: PyTree) -> PyTree:
            inside = number.astype(jnp.uint32)
            return add(total, self.measured(params, window, inside, keys, data)[0])

        zero = jax.tree.map(jnp.zeros_like, widened(params))
        last = jnp.uint32(self.plan.per_window)
        return jax.lax.fori_loop(jnp.uint32(0), last, body, zero)


def _running_mean(
    before: Float[Array, ""], new: Float[Array, ""], count: UInt32[Array, ""]
) -> Float[Array, ""]:
    """The mean of `count` numbers and a new one; that itself if there are none."""
    part = (new - before) / (count.astype(jnp.float32) + 1)
    return jnp.where(count == 0, new, before + part)


def window_cosine(loop: Loop, exact: Loop) -> Any:
    """A function of (params, window, keys, data): how far the estimate points wrong.

    The cosine between the window's estimate and the exact gradient on the same samples.
    """

    def measure(
        params: PyTree, window: UInt32[Array, ""], keys: Keys, data: tuple
    ) -> Float[Array, ""]:
        estimate = loop.window_gradient(params, window, keys, data)
        return cosine(estimate, exact.window_gradient(params, window, keys, data))

    return measure
