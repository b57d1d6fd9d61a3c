"""A simulated chip: a network, a cost, and ideal writes."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree, Shaped

from plexgrad.chips.engine import LANE_FLOATS, Work
from plexgrad.chips.engines import NAMES, choose
from plexgrad.chips.measuring import measure, passed
from plexgrad.chips.parts import measure_in_parts
from plexgrad.chips.passing import outputs
from plexgrad.core.code import AbstractCode
from plexgrad.core.contracts import AbstractEstimator, AbstractTrainable
from plexgrad.core.layout import Layout
from plexgrad.core.probe import GradientProbe, Moment, Probe, Reading, WeightProbe
from plexgrad.core.validate import instance, one_of, positive_int
from plexgrad.nets import CNN, MLP, AbstractCost, AbstractNet, cost_named

PART_FLOATS = 2**17
"""Activations of a part of a batch of images (512 KiB), in each of its lanes."""

PART_LANES = 8
"""Slots side by side on such a part: enough products for all cores."""


@dataclass(frozen=True)
class Simulated(AbstractTrainable):
    """A network on a chip that answers with its cost, "mse" or "cross_entropy".

    `lanes` bounds how many slots are simulated side by side (None: as many as stay in
    cache), `engine` says how: "materialised", "shared", "outer", "walsh", or "auto" for
    the one that should be fastest (see `chips.engines`). They change speed, and results
    by rounding only.
    """

    net: AbstractNet
    cost: AbstractCost | str = "mse"
    lanes: int | None = None
    engine: str = "auto"

    accepts: ClassVar[tuple[type, ...]] = (WeightProbe, GradientProbe)

    def __post_init__(self) -> None:
        instance("net", self.net, AbstractNet, "network, such as nets.MLP([2, 2, 1])")
        object.__setattr__(self, "cost", cost_named(self.cost))
        one_of("engine", self.engine, NAMES)
        if self.lanes is not None:
            positive_int("lanes", self.lanes)

    def init(self, key: Key[Array, ""]) -> PyTree:
        return self.net.init(key)

    def loss(
        self,
        params: PyTree,
        sample: tuple[Float[Array, "batch *x"], Array],
        through: tuple = (),
    ) -> Float[Array, ""]:
        """The cost at rest on one batch `(x, y)`, of a network behind effects."""
        x, y = sample
        return cost_named(self.cost)(outputs(self.net, params, x, through), y)

    def measure(
        self, params: PyTree, probe: Probe, batch: PyTree, key: Key[Array, ""]
    ) -> Reading:
        (samples, size), lanes, turn = batch[0].shape[:2], self.lanes or PART_LANES, 1
        if isinstance(probe, WeightProbe):
            work = Work.of(self.net, probe, samples, size)
            if self._plain(probe):
                turn = choose(work, self.engine).turn(work)
            lanes = min(lanes, work.each // turn)
        parts = self._parts(size, lanes)
        if parts == 1:
            return self._measured(params, probe, batch, self.lanes)

        def part(probe: Probe, batch: PyTree) -> Reading:
            return self._measured(params, probe, batch, lanes)

        return measure_in_parts(part, probe, batch, parts, lanes, turn)

    @staticmethod
    def _plain(probe: Probe) -> bool:
        """Whether engines can answer: the code's patterns against a reference."""
        weights = isinstance(probe, WeightProbe)
        return weights and probe.plain and probe.reference != "direct"

    def _parts(self, size: int, lanes: int) -> int:
        """Equal parts of a batch of images that stay in cache with so many lanes.

        The cost is a mean over examples, so it is the mean over parts. On a CPU this is
        1.5 times faster at a hundred images of 28 x 28 and 5 times at a thousand.
        """
        if not isinstance(self.net, CNN) or jax.default_backend() != "cpu":
            return 1
        most = max(1, PART_FLOATS * PART_LANES // lanes // self.net.nodes)
        whole = max(n for n in range(1, min(size, most) + 1) if size % n == 0)
        return size // whole

    def _measured(
        self, params: PyTree, probe: Probe, batch: PyTree, lanes: int | None
    ) -> Reading:
        samples, size = batch[0].shape[:2]
        if not isinstance(probe, WeightProbe) or not self._plain(probe):
            shown = max(size * self.net.nodes, self.net.parameters)
            lanes = lanes or max(1, LANE_FLOATS // shown)
            loss = partial(self.loss, through=probe.through)
            return measure(loss, params, probe, batch, lanes)
        engine = choose(Work.of(self.net, probe, samples, size), self.engine)
        cost = cost_named(self.cost)
        return engine.measure(self.net, cost, params, probe, batch, lanes)

    def floats(
        self,
        estimator: AbstractEstimator,
        like: PyTree | Layout,
        slots: int,
        samples: int,
        size: int,
    ) -> int:
        code, layout = getattr(estimator, "code", None), Layout.of(like)
        if not isinstance(code, AbstractCode):
            return super().floats(estimator, layout, slots, samples, size)
        reference: Any = getattr(estimator, "reference", "baseline")
        work = Work(self.net, code, layout, reference, slots, samples, size)
        return choose(work, self.engine).floats(work)

    @property
    def inputs(self) -> int:
        return self.net.inputs

    @property
    def outputs(self) -> int:
        return self.net.outputs

    def predict(
        self,
        params: PyTree,
        x: Shaped[Array | np.ndarray, "batch ..."],
        key: Key[Array, ""] | None = None,
        through: tuple = (),
    ) -> Float[Array, "batch outputs"]:
        now = Moment(jnp.uint32(0), jnp.uint32(0))
        return outputs(self.net, passed(through, params, None, now), x, through)

    def score(
        self,
        params: PyTree,
        x: Shaped[Array | np.ndarray, "batch ..."],
        y: Any,
        key: Key[Array, ""] | None = None,
        through: tuple = (),
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        told, cost = self.predict(params, x, key, through), cost_named(self.cost)
        return cost(told, y), cost.accuracy(told, y)

    @classmethod
    def demo(cls) -> "Simulated":
        return cls(MLP([3, 2, 2]), "mse")
