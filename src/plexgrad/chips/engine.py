"""The contract of an engine: one way to simulate a block of slots on a network.

All engines give the same signal up to rounding; they differ in what they form and in
what they can answer. Each says how long it expects to need, so that the choice between
them can be made, and asked why (`chips.engines`).
"""

import abc
import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout
from plexgrad.core.probe import Reading, Reference, WeightProbe
from plexgrad.nets import AbstractCost, AbstractLayered, AbstractNet
from plexgrad.nets.net import Ask, Params, drive

OP_S = 1e-6
"""Seconds that starting one operation takes."""
FLOP_S = 6e-12
"""Seconds per floating-point operation of a large matrix product."""
FLOAT_S = 1e-10
"""Seconds to read or write one float32 that is not in the inner cache."""
SIGN_S = 6e-11
"""Seconds to draw one random sign and store it as float32.

The four figures are those of two cores of a server, rounded; only their ratios matter,
and the choice is the same on every machine, so a seed gives the same bits everywhere.
"""

LANE_FLOATS = 2**18
"""Numbers held side by side (1 MiB: they should stay in cache)."""


class Shape(NamedTuple):
    """One trainable layer: a product of (positions, rows) and (rows, columns).

    A step in time is a position like any other.
    """

    positions: int
    rows: int
    columns: int

    @property
    def flops(self) -> float:
        """Of the product, for one sample."""
        return 2.0 * self.positions * self.rows * self.columns


@dataclass(frozen=True)
class Work:
    """What there is to simulate: all that the speed of an engine depends on.

    `slots` patterns are dealt to `samples` batches of `batch` examples.
    """

    net: AbstractNet
    code: AbstractCode
    layout: Layout
    reference: Reference
    slots: int
    samples: int
    batch: int
    hold: int = 1

    @classmethod
    def of(
        cls, net: AbstractNet, probe: WeightProbe, samples: int, size: int
    ) -> "Work":
        """The work that a probe asks for."""
        slots, hold = probe.slots.count, probe.slots.hold
        return cls(
            net, probe.code, probe.layout, probe.reference, slots, samples, size, hold
        )

    @property
    def each(self) -> int:
        """Slots on one batch."""
        return max(1, self.slots // self.samples)

    @property
    def lanes(self) -> int:
        """Slots side by side whose parameters and activations stay in cache."""
        size = max(self.shown // self.net.repeats, self.layout.size)
        return max(1, min(self.slots, LANE_FLOATS // size))

    @property
    def signs(self) -> int:
        """Evaluations per slot."""
        return 2 if self.reference == "antithetic" else 1

    @cached_property
    def shapes(self) -> list[Shape]:
        """The trainable layers, input first."""
        net, found = self.net, []
        if not isinstance(net, AbstractLayered):
            return [Shape(net.repeats, *leaf) for leaf in self.layout.matrices]

        def forward(params: Params, x: Array) -> Array:
            def answer(number: int, ask: Ask) -> Array:
                weight, z = params[number].weight, ask.plainly(params[number])
                rows = math.prod(weight.shape[:-1])
                positions = math.prod(z.shape[1:-1])
                found.append(Shape(positions, rows, weight.shape[-1]))
                return z

            return drive(net.forward(x), answer)

        params = jax.eval_shape(net.init, jax.random.key(0))
        sample = jax.ShapeDtypeStruct((1, net.inputs), jnp.float32)
        jax.eval_shape(forward, params, sample)
        return found

    @property
    def flops(self) -> float:
        """Of all products, for one evaluation."""
        return self.batch * sum(shape.flops for shape in self.shapes)

    @property
    def shown(self) -> int:
        """Numbers that one evaluation forms: pre-activations of all examples."""
        return self.batch * self.net.nodes


class AbstractEngine(abc.ABC):
    """One way to simulate; frozen, without fields, found by its `name`."""

    name: ClassVar[str]

    def refusal(self, work: Work) -> str:
        """Why this engine cannot do the work, or an empty string if it can."""
        return ""

    @abc.abstractmethod
    def seconds(self, work: Work) -> float:
        """Expected time of one slot, by the cost model."""

    def turn(self, work: Work) -> int:
        """Slots that are measured together; between these a probe may be cut."""
        return 1

    def floats(self, work: Work) -> int:
        """Numbers that a probe needs in memory for each of its slots: its pattern."""
        return work.layout.size

    @abc.abstractmethod
    def measure(
        self,
        net: AbstractNet,
        cost: AbstractCost,
        params: PyTree,
        probe: WeightProbe,
        batch: tuple[Array, Array],
        lanes: int | None = None,
    ) -> Reading:
        """Answer the probe; at most `lanes` slots are simulated side by side.

        Leaves of `batch` have a leading axis of samples.
        """
