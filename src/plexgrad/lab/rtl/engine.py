"""What a driver needs of a trainer, and the bit-true model as one.

Everything is in the chip's own integers: words, addresses, registers. The other engine
is the logic itself, in `verilated`.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.model import Model, Settings


@dataclass(frozen=True, eq=False)
class Ran:
    """Steps that a trainer made alone: both costs of each, and the clock cycles."""

    plus: Int64[np.ndarray, " steps"]
    minus: Int64[np.ndarray, " steps"]
    cycles: int


@runtime_checkable
class Engine(Protocol):
    """A trainer, under a name."""

    name: str

    @property
    def cycles(self) -> int:
        """Clock cycles spent in probes and steps so far."""
        ...

    def load(self, first: int, weights: Int64[np.ndarray, " n"]) -> None:
        """Write weights from number `first` on."""
        ...

    def load_samples(
        self,
        first: int,
        x: Int64[np.ndarray, "n inputs"],
        y: Int64[np.ndarray, "n outputs"],
    ) -> None:
        """Write samples from number `first` on."""
        ...

    def weights(self) -> Int64[np.ndarray, " P"]:
        """The weights."""
        ...

    def said(self) -> Int64[np.ndarray, " outputs"]:
        """The outputs for the sample that was shown last."""
        ...

    def configure(self, settings: Settings) -> None:
        """Set the control words."""
        ...

    def reseed(self, register: int, window: int) -> None:
        """Put codes and data where a run begins."""
        ...

    def register(self) -> int:
        """Where the codes stand."""
        ...

    def probe(self, register: int, negative: bool, window: int) -> int:
        """One cost, with a register's codes added or taken away."""
        ...

    def run(self, steps: int) -> Ran:
        """Train for so many steps."""
        ...


class Modelled:
    """The bit-true model as an engine: no tools, some thousand steps per second."""

    name = "python"

    def __init__(self, design: Design) -> None:
        self.model, self.settings = Model(design), Settings()

    @property
    def cycles(self) -> int:
        """Clock cycles that the logic would have taken."""
        return self.model.cycles

    def load(self, first: int, weights: Int64[np.ndarray, " n"]) -> None:
        self.model.load(first, weights)

    def load_samples(
        self,
        first: int,
        x: Int64[np.ndarray, "n inputs"],
        y: Int64[np.ndarray, "n outputs"],
    ) -> None:
        self.model.load_samples(first, x, y)

    def weights(self) -> Int64[np.ndarray, " P"]:
        return self.model.weights.copy()

    def said(self) -> Int64[np.ndarray, " outputs"]:
        return self.model.told.copy()

    def configure(self, settings: Settings) -> None:
        self.settings = settings

    def reseed(self, register: int, window: int) -> None:
        self.model.reseed(register, window)

    def register(self) -> int:
        return self.model.register

    def probe(self, register: int, negative: bool, window: int) -> int:
        self.model.reseed(register, window)
        return self.model.half(self.settings, -1 if negative else 1)

    def run(self, steps: int) -> Ran:
        before, both = self.model.cycles, np.zeros((2, steps), np.int64)
        for step in range(steps):
            self.model.step(self.settings)
            both[:, step] = self.model.plus, self.model.minus
        return Ran(both[0], both[1], self.model.cycles - before)
