"""Patterns that are outer products of signs, on dense layers: nothing full is formed.

With pattern D r c' in a layer, the pre-activation is a·W + D (a·r) c': the product with
W is shared by all slots (in the first layer also by both signs), and a slot adds one
dot product and one rank-1 term.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from plexgrad.chips.engine import (
    FLOAT_S,
    FLOP_S,
    LANE_FLOATS,
    OP_S,
    SIGN_S,
    AbstractEngine,
    Work,
)
from plexgrad.chips.measuring import deal, over, reading
from plexgrad.core.code import Factors
from plexgrad.core.probe import Reading, WeightProbe
from plexgrad.nets import MLP, AbstractCost, AbstractNet
from plexgrad.nets.net import Affine, Ask, Params, drive

Nodes = Float[Array, "slots signs batch nodes"]
"""Activations or pre-activations of a block of slots."""


@dataclass(frozen=True)
class Outer(AbstractEngine):
    """W·x is shared, and a slot costs a rank-1 term."""

    name: ClassVar[str] = "outer"

    def refusal(self, work: Work) -> str:
        if not work.code.has_factors:
            return f"{type(work.code).__name__} has no row and column factors"
        return "" if isinstance(work.net, MLP) else "only dense layers (MLP)"

    def floats(self, work: Work) -> int:
        return sum(rows + columns for rows, columns in work.layout.matrices)

    def seconds(self, work: Work) -> float:
        first, *later = work.shapes
        flops = first.flops / work.each + 2 * first.rows
        flops += work.signs * sum(shape.flops + 4 * shape.rows for shape in later)
        return (
            OP_S * (8 + 8 * len(later)) / min(work.slots, _lanes(work))
            + self.floats(work) * (SIGN_S + FLOAT_S)
            + work.batch * flops * FLOP_S
            + 3 * work.signs * work.shown * FLOAT_S
        )

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
        factors = probe.code.factors(probe.key, probe.slots.patterns, probe.layout)
        if factors is None or not isinstance(net, MLP):
            raise ValueError(
                "the outer engine must have a code with factors and dense layers, "
                f"got {probe.code} and {net}"
            )
        lanes = lanes or _lanes(Work.of(net, probe, samples, batch[0].shape[1]))
        steps = steps_of(probe)

        def sample_slots(params: Params, dealt: tuple) -> tuple[Array, Array]:
            (x, y), factors = dealt
            first = next(net.forward(x))
            base = first.plainly(params[0])
            # All slots' row signs side by side: one product for the whole block.
            inner = factors[0][0] @ first.a.T

            def block(params: Params, item: tuple[Array, Factors]) -> Array:
                inner, factors = item

                def answer(number: int, ask: Ask) -> Nodes:
                    pair = factors[2 * number : 2 * number + 2]
                    if number == 0:
                        plain, added = base[None, None], inner[:, None]
                    else:
                        plain, added = products(ask, params[number], pair[0][0])
                    return plain + steps * change(added, pair, ask.sign)

                return costs_of(cost, drive(net.forward(x), answer), y)

            costs = in_blocks(block, params, (inner, factors), each, lanes)
            if steps.size == 2:
                return (costs[:, 0] - costs[:, 1]) / 2, jnp.mean(costs)
            rest = cost(net(params, x), y)
            return costs[:, 0] - rest, rest

        dealt = jax.tree.map(
            lambda leaf: leaf.reshape(samples, each, leaf.shape[-1]), factors
        )
        signal, levels = over(
            sample_slots, (batch, dealt), samples, max(1, lanes // each), params
        )
        return reading(probe, samples, signal, levels)


def products(
    ask: Ask, layer: Affine, rows: Float[Array, "slots inputs"]
) -> tuple[Nodes, Float[Array, "slots signs batch"]]:
    """The unperturbed answer, and the activations times each slot's row signs."""
    plain = ask.a @ layer.weight + ask.sign * layer.bias[None, None, None]
    return plain, jnp.einsum("ksbn,kn->ksb", ask.a, rows)


def change(
    inner: Float[Array, "slots _ batch"], pair: Factors, sign: int
) -> Float[Array, "slots _ batch nodes"]:
    """What a slot's signs add to a pre-activation, for an amplitude of one."""
    (_, columns), (one, bias_columns) = pair
    biases = (one * bias_columns)[:, None, None]
    return inner[..., None] * columns[:, None, None] + sign * biases


def costs_of(
    cost: AbstractCost, outputs: Nodes, y: Array
) -> Float[Array, "slots signs"]:
    """The cost of every slot and sign."""
    return jax.vmap(jax.vmap(cost, in_axes=(0, None)), in_axes=(0, None))(outputs, y)


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


def steps_of(probe: WeightProbe) -> Float[Array, "1 signs 1 1"]:
    """The amplitude with the sign of every evaluation of a slot."""
    size = probe.code.amplitude
    both = (size, -size) if probe.reference == "antithetic" else (size,)
    return jnp.asarray(both, jnp.float32)[None, :, None, None]


def _lanes(work: Work) -> int:
    # Wide enough for products that use all cores: 4 MiB.
    return max(1, 4 * LANE_FLOATS // (work.signs * work.shown))
