"""Fast measuring where every pattern is an outer product of signs in every leaf.

With pattern D r c' in a layer, the pre-activation is linear(a, W) + D linear(a, r) c':
the product with W is shared by all slots (in the first layer also by all inputs), and
a slot adds one output column. W + pattern is never formed. For dense layers and
convolutions alike; the same numbers as the materialised reference up to rounding.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from plexgrad.chips.measuring import LANE_FLOATS, deal, over, reading
from plexgrad.core.code import Factors
from plexgrad.core.probe import Reading, WeightProbe
from plexgrad.nets import AbstractCost, AbstractNet
from plexgrad.nets.net import Ask, Params, drive


def measure_outer(
    net: AbstractNet,
    cost: AbstractCost,
    params: Params,
    probe: WeightProbe,
    batch: tuple[Array, Array],
    lanes: int | None = None,
) -> Reading:
    """Answer a probe whose code has `factors`; arguments as for `measuring.measure`."""
    samples, each = deal(probe, batch)
    factors = probe.code.factors(probe.key, probe.slots.patterns, probe.layout)
    if factors is None:
        raise ValueError(f"code must have factors, got {probe.code}")
    signs = (1.0, -1.0) if probe.reference == "antithetic" else (1.0,)
    if lanes is None:
        shown = len(signs) * batch[0].shape[1] * net.nodes
        lanes = max(1, LANE_FLOATS // shown)

    def sample_slots(params: Params, dealt: tuple) -> tuple[Array, Array]:
        sample, factors = dealt
        costs = _costs(net, cost, params, sample, factors, each, lanes, signs, probe)
        if len(signs) == 2:
            return (costs[:, 0] - costs[:, 1]) / 2, jnp.mean(costs)
        rest = cost(net(params, sample[0]), sample[1])
        return costs[:, 0] - rest, rest

    dealt = jax.tree.map(
        lambda leaf: leaf.reshape(samples, each, leaf.shape[-1]), factors
    )
    signal, levels = over(
        sample_slots, (batch, dealt), samples, max(1, lanes // each), params
    )
    return reading(probe, samples, signal, levels)


def _costs(
    net: AbstractNet,
    cost: AbstractCost,
    params: Params,
    sample: tuple[Array, Array],
    factors: Factors,
    each: int,
    lanes: int,
    signs: tuple[float, ...],
    probe: WeightProbe,
) -> Float[Array, "slots signs"]:
    """The cost of every slot with each sign of its pattern, on one sample."""
    x, y = sample
    step = probe.code.amplitude * jnp.asarray(signs, jnp.float32)
    first = next(net.forward(x))
    base, weight = first.plainly(params[0]), params[0].weight
    # All slots' row signs side by side: one product with as many output columns.
    rows = jnp.moveaxis(factors[0][0].reshape(each, *weight.shape[:-1]), 0, -1)
    columns = jnp.moveaxis(first.linear(first.a, rows), -1, 0)

    def block(params: Params, item: tuple[Array, Factors]) -> Array:
        column, factors = item
        slots = len(column)

        def answer(number: int, ask: Ask) -> Array:
            weight = params[number].weight
            (rows, signs_out), (one, signs_bias) = factors[2 * number : 2 * number + 2]
            if number == 0:
                z = base[None, None]
                added = column[:, None]
            else:
                z = ask.plainly(params[number])
                mine = ask.a.reshape(slots, -1, *ask.a.shape[1:])
                kernel = rows.reshape(slots, *weight.shape[:-1], 1)
                added = jax.vmap(ask.linear)(mine, kernel)[..., 0]
                shape = (slots, len(signs), len(x))
                z = z.reshape(*shape, *z.shape[1:])
                added = added.reshape(*shape, *added.shape[2:])
            wide = tuple(range(1, z.ndim - 1))
            change = added[..., None] * jnp.expand_dims(signs_out, wide)
            change = change + ask.sign * jnp.expand_dims(one * signs_bias, wide)
            sizes = jnp.expand_dims(step, tuple(range(1, z.ndim - 1)))[None]
            z = z + sizes * change
            return z.reshape(-1, *z.shape[3:])

        outputs = drive(net.forward(x), answer)
        outputs = outputs.reshape(slots * len(signs), len(x), -1)
        costs = jax.vmap(cost, in_axes=(0, None))(outputs, y)
        return costs.reshape(slots, len(signs))

    return in_blocks(block, params, (columns, factors), each, lanes)


def in_blocks(
    function: Callable, params: PyTree, items: PyTree, count: int, lanes: int
) -> Array:
    """`function(params, block)` over blocks of at most `lanes` of `count` items."""
    width = min(count, lanes)
    whole = count // width * width
    blocks = jax.tree.map(
        lambda leaf: leaf[:whole].reshape(-1, width, *leaf.shape[1:]), items
    )
    if whole == width:
        done = function(params, jax.tree.map(lambda leaf: leaf[0], blocks))
    else:
        done = jax.lax.map(lambda block: function(params, block), blocks)
        done = done.reshape(whole, *done.shape[2:])
    if whole == count:
        return done
    rest = jax.tree.map(lambda leaf: leaf[whole:], items)
    return jnp.concatenate([done, function(params, rest)])
