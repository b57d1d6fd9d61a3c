r"""A whole Walsh period on one held sample, for the price of its output layer.

The slot number splits into high and low bits, and so do the codes: the row signs of the
first layer depend on the low part only, its column signs b on the high part. So

- the response of all slots of the period to the input is one product with a Hadamard
  matrix, $v_j(t_{lo}) = \kappa_j \sum_i x_i \rho_i H(t_{lo}, i)$;
- a hidden unit takes two values per low part, f(base + D v) and f(base - D v): which
  one is the sign $b_j(t_{hi})$. With their mean m and half difference d, the next layer
  is $W m + W (b \circ d)$, again a product with a Hadamard matrix. The other half of an
  antithetic pair is $W m - W (b \circ d)$.

Further layers see other activations in every slot and are the rank-1 products of
`chips.outer`. Same numbers as the reference up to rounding.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from plexgrad.chips.engine import (
    FLOP_S,
    LANE_FLOATS,
    OP_S,
    AbstractEngine,
    Work,
)
from plexgrad.chips.measuring import deal, over, reading
from plexgrad.chips.outer import change, costs_of, products, steps_of
from plexgrad.codes import Walsh
from plexgrad.codes.walsh import allocate
from plexgrad.core.code import Factors
from plexgrad.core.probe import Reading, WeightProbe
from plexgrad.nets import MLP, AbstractCost, AbstractNet
from plexgrad.nets.net import Affine, Ask, Params, drive

OUTPUT_S = 6e-9
"""Seconds from one output of a slot to its share in the cost: exponentials, mostly."""


@dataclass(frozen=True)
class WalshPeriod(AbstractEngine):
    """All slots of a period at once, whichever of them are asked for."""

    name: ClassVar[str] = "walsh"

    def refusal(self, work: Work) -> str:
        if not isinstance(work.code, Walsh):
            return "only Walsh codes"
        if not isinstance(work.net, MLP) or len(work.net.sizes) < 3:
            return "only dense layers (MLP), at least two"
        if not all(allocate(work.layout).rows_low[:2]):
            return "the first layer's columns must run over the code's high bits"
        return ""

    def floats(self, work: Work) -> int:
        return 4

    def seconds(self, work: Work) -> float:
        plan = allocate(work.layout)
        _, second, *later = work.shapes
        flops = 2 * second.rows * (second.columns + 2)
        flops += work.signs * sum(shape.flops + 4 * shape.rows for shape in later)
        shown = second.columns + sum(shape.columns for shape in later)
        slot = (
            OP_S * 20 / _lanes(work)
            + work.batch * flops * FLOP_S
            + work.batch * work.signs * shown * OUTPUT_S
        )
        return slot * max(1.0, plan.period / work.each)

    def measure(
        self,
        net: AbstractNet,
        cost: AbstractCost,
        params: Params,
        probe: WeightProbe,
        batch: tuple[Array, Array],
        lanes: int | None = None,
    ) -> Reading:
        samples, each = deal(probe, batch)
        work = Work.of(net, probe, samples, batch[0].shape[1])
        code, why = probe.code, self.refusal(work)
        if why or not (isinstance(code, Walsh) and isinstance(net, MLP)):
            raise ValueError(f"the walsh engine cannot answer this probe: {why}")
        codes = _Split.of(probe, code)
        width = _width(codes, lanes or _lanes(work))

        asked = probe.slots.patterns.reshape(samples, each) % jnp.uint32(codes.period)

        def slots(params: Params, item: tuple) -> tuple[Array, Array]:
            sample, asked = item
            costs = _costs(net, cost, params, probe, codes, sample, width)
            if probe.slots.hold == 1 and each % codes.period == 0:
                costs = jnp.roll(costs, -asked[0].astype(jnp.int32), axis=1)
                costs = jnp.tile(costs, (1, each // codes.period))
            else:
                costs = costs[:, asked]
            if len(costs) == 2:
                return (costs[0] - costs[1]) / 2, jnp.mean(costs)
            rest = cost(net(params, sample[0]), sample[1])
            return costs[0] - rest, rest

        signal, levels = over(slots, (batch, asked), samples, 1, params)
        return reading(probe, samples, signal, levels)


class _Split(NamedTuple):
    """The factors of a period by the low and the high part of the slot number.

    Every factor is `low * high`; static signs are in `low`.
    """

    low: Factors
    high: Factors

    @classmethod
    def of(cls, probe: WeightProbe, code: Walsh) -> "_Split":
        plan = allocate(probe.layout)
        low = np.arange(1 << plan.low_bits, dtype=np.uint32)
        high = np.arange(1 << plan.high_bits, dtype=np.uint32) << plan.low_bits
        ends = [
            code.factors(probe.key, jnp.asarray(part), probe.layout)
            for part in (low, high)
        ]
        # In slot 0 every Walsh function is 1, so only the static signs are left.
        still = jax.tree.map(lambda leaf: leaf[:1], ends[0])
        return cls(ends[0], jax.tree.map(jnp.multiply, ends[1], still))

    @property
    def period(self) -> int:
        return len(self.low[0][0]) * len(self.high[0][0])


def _costs(
    net: MLP,
    cost: AbstractCost,
    params: Params,
    probe: WeightProbe,
    codes: _Split,
    sample: tuple[Array, Array],
    width: int,
) -> Float[Array, "signs period"]:
    """The cost of every slot of the period with each sign, on one batch."""
    x, y = sample
    first = next(net.forward(x))
    base = first.plainly(params[0])
    (rows, columns), (one, bias_columns) = codes.low[:2]
    swing = (rows @ first.a.T)[:, :, None] * columns[:, None]
    swing = probe.code.amplitude * (swing + first.sign * (one * bias_columns)[:, None])
    # (low, batch, nodes): the two values of every hidden unit.
    up, down = _activated(net, x, jnp.stack([base[None] + swing, base[None] - swing]))
    steps = steps_of(probe).reshape(-1)

    def block(params: Params, item: tuple[Array, Array, Factors]) -> Array:
        mean, half, low = item

        def factors(leaf: int) -> tuple[Array, Array]:
            row_signs, column_signs = (
                (one[:, None] * other[None]).reshape(-1, one.shape[1])
                for one, other in zip(low[leaf], codes.high[leaf], strict=True)
            )
            return row_signs, column_signs

        def answer(number: int, ask: Ask) -> Array:
            if number == 0:
                return base  # A place holder: the next layer's answer starts anew.
            if number == 1:
                part = _Split(low, codes.high)
                z = _second(ask, params[1], mean, half, part, steps)
                if len(params) == 2:
                    return z
                slots = jnp.transpose(z, (2, 4, 1, 3, 0))
                return slots.reshape(-1, *slots.shape[2:])
            pair = [factors(2 * number), factors(2 * number + 1)]
            plain, inner = products(ask, params[number], pair[0][0])
            return plain + steps[None, :, None, None] * change(inner, pair, ask.sign)

        outputs = drive(net.forward(x), answer)
        if len(params) > 2:
            costs = costs_of(cost, outputs, y)
            return costs.reshape(len(low[0][0]), -1, steps.size)
        return _costs_nodes_first(cost, outputs, y)

    items = ((up + down) / 2, (up - down) / 2, codes.low)
    count = len(swing)
    blocks = max(1, count // width)
    items = jax.tree.map(lambda leaf: leaf.reshape(blocks, -1, *leaf.shape[1:]), items)
    costs = jax.lax.map(lambda item: block(params, item), items)
    # (low part, high part, signs): in the slot number the low part counts first.
    costs = costs.reshape(count, -1, steps.size)
    return jnp.transpose(costs, (2, 1, 0)).reshape(steps.size, -1)


def _activated(net: MLP, x: Array, z: Array) -> Array:
    """The first layer's activation of any pre-activations."""
    forward = net.forward(x)
    next(forward)
    return forward.send(z).a


def _second(
    ask: Ask,
    layer: Affine,
    mean: Float[Array, "low batch hidden"],
    half: Float[Array, "low batch hidden"],
    codes: _Split,
    steps: Float[Array, " signs"],
) -> Float[Array, "nodes signs low batch high"]:
    """The second layer's answer; everything runs along the high part.

    The hidden activations are mean + sign * (half o b), with b the first layer's column
    signs in the high part of the slot number.
    """
    weight, bias = layer
    (rows, columns), (one, bias_columns) = codes.low[2:4]
    (rows_high, columns_high), (one_high, bias_high) = codes.high[2:4]
    b = codes.high[0][1]
    signs = jnp.sign(steps)[:, None, None, None]
    even = jnp.moveaxis(mean @ weight + ask.sign * bias[None, None], 2, 0)
    odd = (half[None] * weight.T[:, None, None]) @ b.T
    inner = (mean * rows[:, None]) @ rows_high.T
    inner = inner[None] + signs * ((half * rows[:, None]) @ (b * rows_high).T)[None]

    def spread(at_low: Array, at_high: Array) -> Array:
        return at_low.T[:, None, :, None, None] * at_high.T[:, None, None, None]

    added = inner[None] * spread(columns, columns_high)
    added = added + ask.sign * spread(one * bias_columns, one_high * bias_high)
    plain = even[:, None, :, :, None] + signs[None] * odd[:, None]
    return plain + steps[None, :, None, None, None] * added


def _costs_nodes_first(
    cost: AbstractCost, outputs: Float[Array, "nodes signs low batch high"], y: Array
) -> Float[Array, "low high signs"]:
    nodes, signs, low, batch, high = outputs.shape
    targets = jnp.broadcast_to(y.T[:, None, None, :, None], outputs.shape)
    each = cost.per_sample(outputs.reshape(nodes, -1).T, targets.reshape(nodes, -1).T)
    costs = jnp.mean(each.reshape(signs, low, batch, high), axis=2)
    return jnp.transpose(costs, (1, 2, 0))


def _width(codes: _Split, lanes: int) -> int:
    """Low parts in a block: a power of two, for at most `lanes` slots."""
    most = max(1, lanes // len(codes.high[0][0]))
    return min(len(codes.low[0][0]), 1 << (most.bit_length() - 1))


def _lanes(work: Work) -> int:
    later = sum(shape.columns for shape in work.shapes[1:])
    # As for `chips.outer`: wide enough for products that use all cores.
    return max(1, 4 * LANE_FLOATS // (work.signs * work.batch * later))
