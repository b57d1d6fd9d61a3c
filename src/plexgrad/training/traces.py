"""What every slot of an analog run saw: cost, modulation, parameters, estimate.

An instrument, as an oscilloscope at the chip: it runs the loop of `training.analog`
again and keeps what a run throws away.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from plexgrad.core.clock import MAX_SLOTS, Clock
from plexgrad.core.keys import as_key
from plexgrad.core.layout import Layout
from plexgrad.core.probe import Slots
from plexgrad.core.validate import int_at_least, positive_int
from plexgrad.data import Dataset
from plexgrad.training.analog import AnalogLoop, AnalogState, resolved
from plexgrad.training.arguments import refuse_mismatch
from plexgrad.training.order import Order
from plexgrad.training.rule import build_rule
from plexgrad.training.run import Run


class Traces(NamedTuple):
    """Arrays with a leading axis of seeds, then of slots, then of chosen parameters.

    `slot` has no seeds, `sample` is the number of the sample (or batch) on show. In
    every slot `params` and `perturbation` are those that `cost` was measured with,
    `modulation` is the high-passed cost and `gradient` the low-passed estimate after
    it. `parameters` are the chosen numbers, in the flat order.
    """

    slot: np.ndarray
    sample: np.ndarray
    cost: np.ndarray
    modulation: np.ndarray
    params: np.ndarray
    perturbation: np.ndarray
    gradient: np.ndarray
    parameters: tuple[int, ...]


def traces(
    chip: Any,
    data: Dataset,
    *,
    estimator: Any,
    rule: Any,
    slots: int,
    key: Any,
    clock: Clock | None = None,
    seeds: int = 1,
    batch: int = 1,
    dynamics: Any = "analog",
    after: int = 0,
    parameters: Sequence[int] | None = None,
    updates: int | None = None,
    **others: Any,
) -> Traces:
    """Traces of `slots` slots of the run that `train` makes of the same arguments.

    The first `after` slots are run without a trace. `parameters` are numbers in the
    flat order (None: all). `updates` is how long the whole run is, for a rule whose
    rate follows a schedule; by default it ends here. Other arguments of `train` are
    left aside. Raises ValueError as `train` does, and for discrete dynamics.
    """
    clock = clock or Clock()
    filters, estimator = resolved(dynamics, estimator, clock)
    if filters is None:
        raise ValueError("traces must be of analog dynamics, got discrete ones")
    slots = positive_int("slots", slots, MAX_SLOTS)
    after = int_at_least("after", after, 0, MAX_SLOTS - slots)
    chip.refuse_foreign(estimator)
    refuse_mismatch(chip, data)
    run = Run(
        chip,
        data,
        estimator,
        build_rule(rule, updates or after + slots),
        clock,
        Order(len(data.x_train), batch, others.get("sampling", "epoch")),
        slots,
        as_key(key),
        positive_int("seeds", seeds),
        [],
        dynamics=filters,
        shard="seeds",
    )
    loop: Any = run.own_loop
    size = Layout.of(jax.eval_shape(chip.init, run.key)).size
    chosen = tuple(range(size)) if parameters is None else tuple(parameters)
    for number in chosen:
        int_at_least("parameters", number, 0, size - 1)
    seen = run.split.same((data.x_train, data.y_train))
    state = run.over_seeds(loop.init, 1, 0)(run.keys)
    if after:
        bounds = np.uint32(0), np.uint32(after)
        state = run.over_seeds(loop.run, 2, 3)(state, run.keys, seen, *bounds)

    def traced(state: AnalogState, keys: Any, data: tuple, slot: Array) -> PyTree:
        return _trace(loop, state, keys, data, slot, chosen)

    slot = np.arange(after, after + slots, dtype=np.uint32)
    told: Any = run.over_seeds(traced, 2, 2)(state, run.keys, seen, slot)
    cost, modulation, *flat = map(np.asarray, told)
    sample = np.broadcast_to(slot // clock.tau_x, (seeds, slots))
    return Traces(slot, sample, cost, modulation, flat[0], flat[1], flat[2], chosen)


def _trace(
    loop: AnalogLoop,
    state: AnalogState,
    keys: Any,
    data: tuple,
    slots: Array,
    chosen: tuple[int, ...],
) -> PyTree:
    layout, picked = Layout.of(state.params), np.asarray(chosen, np.int32)

    def body(state: AnalogState, slot: Array) -> tuple[AnalogState, PyTree]:
        after = loop.step(slot, state, keys, data)
        clock = loop.plan.clock
        here = Slots(slot, 1, clock.tau_p, clock)
        probe: Any = loop.estimator.ask(keys.code, here, state.params)
        patterns = layout.flatten(probe.patterns())[0]
        trees = layout.flatten(state.params), patterns, layout.flatten(after.gradient)
        flat = jnp.stack(trees)[:, picked]
        return after, (after.cost, after.modulation, *flat)

    return jax.lax.scan(body, state, slots)[1]
