"""A simulated chip: a network, a cost, and ideal writes."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax
import numpy as np
from jaxtyping import Array, Float, Key, PyTree, Shaped

from plexgrad.chips.measuring import LANE_FLOATS, measure
from plexgrad.chips.outer import measure_outer
from plexgrad.core.contracts import AbstractTrainable
from plexgrad.core.layout import Layout
from plexgrad.core.probe import GradientProbe, Probe, Reading, WeightProbe
from plexgrad.core.validate import one_of, positive_int
from plexgrad.nets import MLP, AbstractCost, AbstractNet, cost_named

FEW_SLOTS = 4
"""Slots in a block below which the shared product does not pay."""


@dataclass(frozen=True)
class Simulated(AbstractTrainable):
    """A network on a chip that answers with its cost, "mse" or "cross_entropy".

    `lanes` bounds how many slots are simulated side by side (None: as many as stay in
    cache), `engine` says how; they change speed, and results by rounding only.
    """

    net: AbstractNet
    cost: AbstractCost | str = "mse"
    lanes: int | None = None
    engine: Literal["auto", "materialised", "outer"] = "auto"

    accepts: ClassVar[tuple[type, ...]] = (WeightProbe, GradientProbe)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cost", cost_named(self.cost))
        one_of("engine", self.engine, ("auto", "materialised", "outer"))
        if self.lanes is not None:
            positive_int("lanes", self.lanes)

    def init(self, key: Key[Array, ""]) -> PyTree:
        return self.net.init(key)

    def loss(
        self, params: PyTree, sample: tuple[Float[Array, "batch *x"], Array]
    ) -> Float[Array, ""]:
        """The cost at rest on one batch `(x, y)`."""
        x, y = sample
        return cost_named(self.cost)(self.net(params, x), y)

    def measure(
        self, params: PyTree, probe: Probe, batch: PyTree, key: Key[Array, ""]
    ) -> Reading:
        if isinstance(probe, WeightProbe) and self._outer(probe):
            cost = cost_named(self.cost)
            return measure_outer(self.net, cost, params, probe, batch, self.lanes)
        shown = jax.tree.leaves(batch)[0].shape[1] * self.net.nodes
        size = max(shown, Layout.of(params).size)
        lanes = self.lanes or max(1, LANE_FLOATS // size)
        return measure(self.loss, params, probe, batch, lanes)

    def _outer(self, probe: WeightProbe) -> bool:
        if self.engine != "auto":
            return self.engine == "outer"
        # Convolutions of many perturbed images gain nothing, nor does a block of few.
        dense = all(len(shape) <= 2 for shape in probe.layout.shapes)
        return probe.code.has_factors and dense and probe.slots.count >= FEW_SLOTS

    @property
    def inputs(self) -> int:
        return self.net.inputs

    @property
    def outputs(self) -> int:
        return self.net.outputs

    def predict(
        self, params: PyTree, x: Shaped[Array | np.ndarray, "batch ..."]
    ) -> Float[Array, "batch outputs"]:
        return self.net(params, x)

    def score(
        self, params: PyTree, x: Shaped[Array | np.ndarray, "batch ..."], y: Any
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        outputs, cost = self.predict(params, x), cost_named(self.cost)
        return cost(outputs, y), cost.accuracy(outputs, y)

    @classmethod
    def demo(cls) -> "Simulated":
        return cls(MLP([3, 2, 2]), "mse")
