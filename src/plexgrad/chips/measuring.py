"""How a simulated chip measures a probe: the materialised reference.

Every pattern of the block is written out and the cost is taken at params + pattern.
This defines what a measurement means; faster engines must agree with it.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from plexgrad.chips.engine import LANE_FLOATS
from plexgrad.core.layout import Layout, add
from plexgrad.core.probe import GradientProbe, Moment, Probe, Reading, WeightProbe

Cost = Callable[[PyTree, PyTree], Any]


def measure(
    cost: Cost, params: PyTree, probe: Probe, batch: PyTree, lanes: int | None = None
) -> Reading:
    """Answer a probe with `cost(params, sample)`, a scalar.

    Leaves of `batch` have a leading axis of samples, to which the slots are dealt
    evenly. At most `lanes` slots are evaluated side by side (None: as many as stay in
    cache).
    """
    samples = samples_of(batch)

    def scalar(at: PyTree, sample: PyTree) -> Float[Array, ""]:
        value = jnp.asarray(cost(at, sample))
        if value.shape != ():
            raise ValueError(f"the cost must be a scalar, got shape {value.shape}")
        if jnp.issubdtype(value.dtype, jnp.floating) and value.dtype.itemsize < 4:
            raise ValueError(
                "the cost must be float32 at least, since differences of it are read, "
                f"got {value.dtype}"
            )
        return value if value.dtype == jnp.float64 else value.astype(jnp.float32)

    if isinstance(probe, GradientProbe):

        def at_rest(at: PyTree, sample: PyTree) -> Float[Array, ""]:
            now = Moment(probe.slots.start, jnp.uint32(0))
            return scalar(passed(probe.through, at, None, now), sample)

        costs, gradients = over(
            jax.value_and_grad(at_rest), batch, samples, lanes or samples, params
        )
        gradient = jax.tree.map(lambda leaf: jnp.mean(leaf, 0), gradients)
        evaluations = probe.evaluations(samples)
        return Reading(_mean(costs), gradient=gradient, evaluations=evaluations)
    return _measure_weights(scalar, params, probe, batch, lanes)


def _measure_weights(
    cost: Cost,
    params: PyTree,
    probe: WeightProbe,
    batch: PyTree,
    lanes: int | None,
) -> Reading:
    samples, each = deal(probe, batch)
    if lanes is None:
        lanes = max(1, LANE_FLOATS // Layout.of(params).size)

    def sample_slots(at: PyTree, dealt: tuple) -> tuple[Array, Array]:
        sample, items, rest = dealt

        def slot(at: PyTree, item: tuple) -> tuple[Array, Array]:
            pattern, now = item
            up = cost(passed(through, at, pattern, now), sample)
            if probe.reference != "antithetic":
                return up, up
            pattern = jax.tree.map(jnp.negative, pattern)
            down = cost(passed(through, at, pattern, now), sample)
            return (up - down) / 2, (up + down) / 2

        signal, level = over(slot, items, each, lanes, at)
        if probe.reference != "baseline":
            return signal, jnp.mean(level)
        rest_cost = cost(passed(through, at, None, rest), sample)
        return signal - rest_cost, rest_cost

    slots, through = probe.slots, probe.through
    items = jax.tree.map(
        lambda leaf: leaf.reshape(samples, each, *leaf.shape[1:]),
        (probe.patterns(), slots.moments(slots.numbers)),
    )
    rests = jax.tree.map(lambda leaf: leaf[::each], slots.moments(slots.rested))
    signal, levels = over(
        sample_slots, (batch, items, rests), samples, max(1, lanes // each), params
    )
    return reading(probe, samples, signal, levels)


def passed(
    through: tuple, params: PyTree, pattern: PyTree | None, now: Moment
) -> PyTree:
    """The parameters that the network has after its effects, with a pattern on or not.

    Each effect maps what is held and what is added to it, outermost first.
    """
    if through and pattern is None:
        pattern = jax.tree.map(jnp.zeros_like, params)
    for effect in through:
        params, pattern = effect.knobs(params, pattern, now)
    return params if pattern is None else add(params, pattern)


def reading(
    probe: WeightProbe,
    samples: int,
    signal: Float[Array, "samples each"],
    levels: Float[Array, " samples"],
) -> Reading:
    """The reading from the signal of each sample's slots and its cost at rest."""
    return Reading(
        cost=_mean(levels),
        signal=signal.reshape(-1).astype(jnp.float32),
        evaluations=probe.evaluations(samples),
    )


def deal(probe: WeightProbe, batch: PyTree) -> tuple[int, int]:
    """Samples in the batch, and slots for each.

    Raises ValueError unless the slots can be dealt evenly.
    """
    samples = samples_of(batch)
    each, rest = divmod(probe.slots.count, samples)
    if rest:
        raise ValueError(
            "a probe's slots must be dealt evenly to the samples of the batch, "
            f"got {probe.slots.count} slots and {samples} samples"
        )
    return samples, each


def over(
    function: Callable, items: PyTree, count: int, lanes: int, params: PyTree
) -> Any:
    """`function(params, item)` for every item, `lanes` at a time."""
    if count == 1:
        first = jax.tree.map(lambda leaf: leaf[0], items)
        return jax.tree.map(lambda leaf: leaf[None], function(params, first))
    if lanes >= count:
        return jax.vmap(function, in_axes=(None, 0))(params, items)
    size = lanes if lanes > 1 else None
    return jax.lax.map(lambda item: function(params, item), items, batch_size=size)


def _mean(costs: Float[Array, " samples"]) -> Float[Array, ""]:
    return jnp.mean(costs).astype(jnp.float32)


def samples_of(batch: PyTree) -> int:
    """How many samples lie along the first axis. Raises ValueError if leaves differ."""
    leaves = jax.tree.leaves(batch)
    counts = {leaf.shape[0] for leaf in leaves}
    if len(counts) > 1:
        raise ValueError(f"leaves of a batch must agree in samples, got {counts}")
    return counts.pop() if counts else 1
