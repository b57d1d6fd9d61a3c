"""The engine that means what it says: params + pattern, slot by slot.

Every other engine must agree with it.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Array, PyTree

from plexgrad.chips.engine import FLOAT_S, FLOP_S, OP_S, SIGN_S, AbstractEngine, Work
from plexgrad.chips.measuring import measure
from plexgrad.core.probe import Reading, WeightProbe
from plexgrad.nets import AbstractCost, AbstractNet


@dataclass(frozen=True)
class Materialised(AbstractEngine):
    """W + S is formed for every slot and every sign."""

    name: ClassVar[str] = "materialised"

    def seconds(self, work: Work) -> float:
        return (
            OP_S * (len(work.shapes) + 2) * work.net.repeats * work.signs / work.lanes
            + work.layout.size * (SIGN_S + 2 * work.signs * FLOAT_S)
            + work.signs * (work.flops * FLOP_S + work.shown * FLOAT_S)
        )

    def measure(
        self,
        net: AbstractNet,
        cost: AbstractCost,
        params: PyTree,
        probe: WeightProbe,
        batch: tuple[Array, Array],
        lanes: int | None = None,
    ) -> Reading:
        def loss(params: PyTree, sample: tuple[Array, Array]) -> Array:
            return cost(net(params, sample[0]), sample[1])

        work = Work.of(net, probe, *batch[0].shape[:2])
        return measure(loss, params, probe, batch, lanes or work.lanes)
