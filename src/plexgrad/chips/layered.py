"""Slots that perturb one layer each: what stands before that layer is shared.

With a layerwise code the slots of one layer are measured together. Up to that layer the
network is the unperturbed one, the same for all of them; after it the weights are, so a
layer is one large product over all slots. Only the layer itself sees W + S. Over the
nine layers of the VGG-like network a slot costs a third of a whole pass or less.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array

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
from plexgrad.codes import Layerwise
from plexgrad.core.probe import Reading, WeightProbe
from plexgrad.nets import AbstractCost, AbstractLayered, AbstractNet
from plexgrad.nets.net import Affine, Ask, Params, drive


@dataclass(frozen=True)
class Layered(AbstractEngine):
    """A slot costs the pass from its layer on."""

    name: ClassVar[str] = "layered"

    def refusal(self, work: Work) -> str:
        if not isinstance(work.code, Layerwise):
            return "only Layerwise codes"
        if not isinstance(work.net, AbstractLayered):
            return "only networks that use each layer once"
        layers = len(work.code.layers(work.layout))
        if layers != len(work.shapes):
            return "the code's layers must be the network's"
        if work.hold != 1:
            return "a pattern must be held for one slot"
        if work.each % layers:
            return f"a sample's slots must be a multiple of the {layers} layers"
        return ""

    def turn(self, work: Work) -> int:
        return len(work.shapes)

    def floats(self, work: Work) -> int:
        return 4

    def seconds(self, work: Work) -> float:
        total, behind, shown = 0.0, 0.0, 0.0
        for shape in reversed(work.shapes):
            behind += shape.flops
            shown += shape.positions * shape.columns
            size = shape.rows * shape.columns + shape.columns
            total += size * (SIGN_S + 2 * work.signs * FLOAT_S)
            total += work.signs * work.batch * (behind * FLOP_S + shown * FLOAT_S)
        return OP_S + total / len(work.shapes)

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
        work, code = Work.of(net, probe, samples, batch[0].shape[1]), probe.code
        why = self.refusal(work)
        if (
            why
            or not isinstance(code, Layerwise)
            or not isinstance(net, AbstractLayered)
        ):
            raise ValueError(f"the layered engine cannot answer this probe: {why}")
        layers = len(params)
        pair = probe.reference == "antithetic"

        def at(params: Params, sample: tuple, layer: int, offset: Affine) -> Array:
            def answer(number: int, ask: Ask) -> Array:
                held = params[number]
                if number == layer:
                    held = Affine(held.weight + offset.weight, held.bias + offset.bias)
                return ask.plainly(held)

            return cost(drive(net.forward(sample[0]), answer), sample[1])

        def in_turn(
            params: Params, sample: tuple, patterns: Array, layer: int
        ) -> tuple[Array, Array]:
            """The signal of one layer's slots before the baseline, and the level."""

            def slot(params: Params, pattern: Array) -> tuple[Array, Array]:
                drawn = code.layer_block(probe.key, pattern[None], probe.layout, layer)
                weight, bias = (leaf[0] for leaf in drawn)
                up = at(params, sample, layer, Affine(weight, bias))
                if not pair:
                    return up, up
                down = at(params, sample, layer, Affine(-weight, -bias))
                return (up - down) / 2, (up + down) / 2

            width = lanes or _lanes(work)
            return over(slot, patterns, len(patterns), width, params)

        def sample_slots(params: Params, dealt: tuple) -> tuple[Array, Array]:
            sample, patterns = dealt
            signal, levels = jnp.zeros(each, jnp.float32), []
            first = patterns[0] % jnp.uint32(layers)
            for layer in range(layers):
                # Where the layer's first turn is, among consecutive slots.
                ahead = jnp.uint32(layer + layers) - first
                place = (ahead % jnp.uint32(layers)).astype(jnp.int32)
                mine = place + layers * jnp.arange(each // layers, dtype=jnp.int32)
                told, level = in_turn(params, sample, patterns[mine], layer)
                signal = signal.at[mine].set(told.astype(jnp.float32))
                levels.append(jnp.mean(level))
            if pair:
                return signal, jnp.mean(jnp.stack(levels))
            rest = cost(net(params, sample[0]), sample[1])
            return signal - rest, rest

        patterns = probe.slots.patterns.reshape(samples, each)
        signal, levels = over(sample_slots, (batch, patterns), samples, 1, params)
        return reading(probe, samples, signal, levels)


def _lanes(work: Work) -> int:
    # Products over many slots use all cores from about 2 MiB on.
    return max(1, 2 * LANE_FLOATS // (work.batch * work.net.nodes))
