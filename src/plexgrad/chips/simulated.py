"""A simulated chip: a network, a cost, and ideal writes. Effects wrap it."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Array, Float, Key, PyTree

from plexgrad.chips.measuring import measure
from plexgrad.core.contracts import AbstractChip
from plexgrad.core.probe import GradientProbe, Probe, Reading, WeightProbe
from plexgrad.core.validate import positive_int
from plexgrad.nets import MLP, AbstractCost, AbstractNet, cost_named


@dataclass(frozen=True)
class Simulated(AbstractChip):
    """A network on a chip that answers with its cost, "mse" or "cross_entropy".

    `lanes` bounds how many slots are simulated side by side (None: as many as stay in
    cache); it changes speed, not results.
    """

    net: AbstractNet
    cost: AbstractCost | str = "mse"
    lanes: int | None = None

    accepts: ClassVar[tuple[type, ...]] = (WeightProbe, GradientProbe)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cost", cost_named(self.cost))
        if self.lanes is not None:
            positive_int("lanes", self.lanes)

    def init(self, key: Key[Array, ""]) -> PyTree:
        """Parameters as the network starts with."""
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
        return measure(self.loss, params, probe, batch, self.lanes)

    def score(
        self,
        params: PyTree,
        x: Float[Array, "batch *x"],
        y: Float[Array, "batch outputs"],
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Cost and accuracy at rest on one batch."""
        outputs = self.net(params, x)
        cost = cost_named(self.cost)
        return cost(outputs, y), cost.accuracy(outputs, y)

    @classmethod
    def demo(cls) -> "Simulated":
        return cls(MLP([3, 2, 2]), "mse")
