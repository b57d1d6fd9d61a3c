"""What is asked of a chip (a probe) and what it answers (a reading).

A probe is a description, not an array: a code, a key, a range of slots and a
reference. Whoever needs numbers makes them from it.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout

Reference = Literal["baseline", "antithetic"]


def _static(**kwargs: Any) -> Any:
    return field(metadata={"static": True}, **kwargs)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Slots:
    """`count` consecutive slots from `start`, each pattern held for `hold` of them."""

    start: UInt32[Array, ""]
    count: int = _static()
    hold: int = _static(default=1)

    @classmethod
    def range(cls, count: int, start: int = 0, hold: int = 1) -> "Slots":
        """Slots `start` to `start + count`, from plain integers."""
        return cls(jnp.uint32(start), count, hold)

    @property
    def patterns(self) -> UInt32[Array, " slots"]:
        """The code's own slot number in each of these slots."""
        slots = self.start + jnp.arange(self.count, dtype=jnp.uint32)
        return slots if self.hold == 1 else slots // jnp.uint32(self.hold)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class WeightProbe:
    """Offsets on all parameters at once, one pattern of `code` per slot."""

    key: Key[Array, ""]
    slots: Slots
    code: AbstractCode = _static()
    layout: Layout = _static()
    reference: Reference = _static()

    def patterns(self) -> PyTree:
        """The offsets themselves: a tree of (slots, *leaf.shape)."""
        return self.code.block(self.key, self.slots.patterns, self.layout)

    def evaluations(self, samples: int) -> int:
        """Cost evaluations that measuring this probe on `samples` samples takes."""
        if self.reference == "antithetic":
            return 2 * self.slots.count
        return self.slots.count + samples


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GradientProbe:
    """The exact gradient. Only a simulated chip can answer; silicon refuses."""

    slots: Slots

    def evaluations(self, samples: int) -> int:
        """Forward passes; each has a backward pass beside it."""
        return samples


Probe = WeightProbe | GradientProbe


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Reading:
    """What a chip answers to a probe.

    `signal` is the cost modulation in every slot: the perturbed cost less the
    baseline, or half the difference of an antithetic pair. `cost` is the mean cost at
    rest. `gradient` is filled for a GradientProbe only.
    """

    cost: Float[Array, ""]
    signal: Float[Array, " slots"] | None = None
    gradient: PyTree | None = None
    evaluations: int = _static(default=0)
