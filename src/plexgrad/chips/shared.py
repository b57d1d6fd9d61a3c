"""Full patterns, with the first product shared by all slots.

The pre-activation of the first layer is linear in its weights, so that of W + S is the
one of W, which all slots have in common, plus the one of S, which both halves of an
antithetic pair have in common. Later layers see other activations in every slot and get
W + S as it is. For any code and any network that uses each layer once.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from plexgrad.chips.engine import (
    FLOAT_S,
    FLOP_S,
    OP_S,
    SIGN_S,
    AbstractEngine,
    Work,
)
from plexgrad.chips.measuring import deal, over, reading
from plexgrad.core.layout import add, scale
from plexgrad.core.probe import Reading, WeightProbe
from plexgrad.nets import AbstractCost, AbstractLayered, AbstractNet
from plexgrad.nets.net import Affine, Ask, Params, drive


@dataclass(frozen=True)
class Shared(AbstractEngine):
    """Each slot's pattern is formed; W·x is not formed again."""

    name: ClassVar[str] = "shared"

    def refusal(self, work: Work) -> str:
        once = isinstance(work.net, AbstractLayered)
        return "" if once else "only networks that use each layer once"

    def seconds(self, work: Work) -> float:
        first, *later = work.shapes
        flops = first.flops * (1 + 1 / work.each)
        flops += work.signs * sum(shape.flops for shape in later)
        copies = first.rows * first.columns + work.signs * sum(
            2 * shape.rows * shape.columns for shape in later
        )
        kept = 3 * first.positions * first.columns * work.batch
        return (
            OP_S * (len(work.shapes) + 2) * work.signs / work.lanes
            + work.layout.size * SIGN_S
            + work.batch * flops * FLOP_S
            + (copies + kept + work.signs * work.shown) * FLOAT_S
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
        if not isinstance(net, AbstractLayered):
            raise ValueError(f"the shared engine must have layers, got {net}")
        samples, each = deal(probe, batch)
        lanes = lanes or Work.of(net, probe, samples, batch[0].shape[1]).lanes
        pair = probe.reference == "antithetic"

        def sample_slots(params: Params, dealt: tuple) -> tuple[Array, Array]:
            (x, y), patterns = dealt
            base = next(net.forward(x)).plainly(params[0])

            def slot(params: Params, pattern: Params) -> tuple[Array, Array]:
                change = next(net.forward(x)).plainly(pattern[0])

                def at(step: float) -> Array:
                    def answer(number: int, ask: Ask) -> Array:
                        if number == 0:
                            return base + step * change
                        offset = scale(pattern[number], step)
                        return ask.plainly(Affine(*add(params[number], offset)))

                    return cost(drive(net.forward(x), answer), y)

                up = at(1.0)
                if not pair:
                    return up, up
                down = at(-1.0)
                return (up - down) / 2, (up + down) / 2

            signal, level = over(slot, patterns, each, lanes, params)
            if pair:
                return signal, jnp.mean(level)
            rest = cost(net(params, x), y)
            return signal - rest, rest

        patterns = jax.tree.map(
            lambda leaf: leaf.reshape(samples, each, *leaf.shape[1:]), probe.patterns()
        )
        signal, levels = over(
            sample_slots, (batch, patterns), samples, max(1, lanes // each), params
        )
        return reading(probe, samples, signal, levels)
