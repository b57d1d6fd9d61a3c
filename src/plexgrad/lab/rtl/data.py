"""The chip's data memory: which samples lie where, and what a measurement shows.

Held samples lie one behind the other from the front; a quarter of the memory at its
end takes what is sent with a measurement, piece by piece. Between host and chip stand
`LEVELS`, as a digital part has them: what its zero and its one are inside.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from plexgrad.core.validate import one_of
from plexgrad.lab.device import Refused, Shown
from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.engine import Engine

Window = tuple[int, int]
"""Where a run of samples begins in the memory, and how many they are."""


def words(design: Design, values: np.ndarray) -> Int64[np.ndarray, "..."]:
    """Numbers as words of the chip: rounded, and never beyond the largest."""
    scaled = np.rint(np.asarray(values, np.float64) * design.one)
    return np.clip(scaled, -design.largest, design.largest).astype(np.int64)


@dataclass(frozen=True)
class Levels:
    """What 0 and 1 of the host are on the chip, for inputs and for targets."""

    inputs: tuple[float, float]
    targets: tuple[float, float]

    def shown(self, x: np.ndarray) -> np.ndarray:
        """Inputs on the chip."""
        low, high = self.inputs
        return low + (high - low) * np.asarray(x, np.float64)

    def aimed(self, y: np.ndarray) -> np.ndarray:
        """Targets on the chip."""
        return self.targets[0] + self.swing * np.asarray(y, np.float64)

    def told(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs of the chip, for the host."""
        return (outputs - self.targets[0]) / self.swing

    @property
    def swing(self) -> float:
        """From the target 0 to the target 1."""
        return self.targets[1] - self.targets[0]


LEVELS = {
    "bipolar": Levels((-1.0, 1.0), (-0.8, 0.8)),
    "plain": Levels((0.0, 1.0), (0.0, 1.0)),
}


class Data:
    """The samples that an engine of a design holds, and the levels of its signals."""

    def __init__(self, design: Design, levels: str = "bipolar") -> None:
        self.design, self.levels = design, LEVELS[one_of("levels", levels, LEVELS)]
        self.most = max(1, design.samples - max(1, design.samples // 4))
        self.held: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.places: dict[str, Window] = {}

    def keep(self, engine: Engine, x: np.ndarray, y: np.ndarray, key: str) -> None:
        """Hold samples under a key. Raises Refused if there is no room for them."""
        held = {**self.held, key: (np.asarray(x), np.asarray(y))}
        total = sum(len(each) for each, _ in held.values())
        if total > self.most:
            raise Refused(f"samples must be {self.most} at most, got {total}")
        self.held, first = held, 0
        for name, (inputs, targets) in held.items():
            self.places[name] = first, len(inputs)
            self._write(engine, first, inputs, targets)
            first += len(inputs)

    def scale(self, batch: int) -> float:
        """What the chip's sum of squares is multiplied by to become a mean."""
        design = self.design
        return 1 / (design.one * design.outputs * batch * self.levels.swing**2)

    def place(self, key: str) -> Window:
        """Where held samples lie. Raises Refused for a key that is not known."""
        if key not in self.places:
            raise Refused(f"no samples are held under {key!r}")
        return self.places[key]

    def windows(self, engine: Engine, shown: Shown, group: int) -> Iterator[Window]:
        """The samples of a group as runs in the memory, written there if need be."""
        if shown.index is None:
            yield from self._sent(engine, shown, group)
            return
        first, count = self.place(shown.handle)
        index = shown.index[group].astype(np.int64)
        if index.size and index.max() >= count:
            raise Refused(f"{count} samples are held, got number {index.max()}")
        for run in np.split(index, np.flatnonzero(np.diff(index) != 1) + 1):
            yield first + int(run[0]), len(run)

    def _sent(self, engine: Engine, shown: Shown, group: int) -> Iterator[Window]:
        if shown.x is None or shown.y is None:
            raise Refused("this chip needs samples, got none")
        x, y = shown.x[group], shown.y[group]
        first = max((start + count for start, count in self.places.values()), default=0)
        room = self.design.samples - first
        for start in range(0, len(x), room):
            here = slice(start, start + room)
            self._write(engine, first, x[here], y[here])
            yield first, len(x[here])

    def _write(self, engine: Engine, first: int, x: np.ndarray, y: np.ndarray) -> None:
        design = self.design
        if x.shape[1:] != (design.inputs,) or y.shape[1:] != (design.outputs,):
            raise Refused(
                f"samples must have {design.inputs} inputs and {design.outputs} "
                f"outputs, got {x.shape[1:]} and {y.shape[1:]}"
            )
        x, y = self.levels.shown(x), self.levels.aimed(y)
        engine.load_samples(first, words(design, x), words(design, y))
