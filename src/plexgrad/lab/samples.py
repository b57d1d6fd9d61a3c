"""Data on its way to a device: held there if it can be, sent if not; costs and scores.

Scoring is instrumentation: measured at rest, on the device, and not counted as training
evaluations. A device that gives outputs gets its cost from the host.
"""

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from plexgrad.core.validate import one_of, positive_int
from plexgrad.data import Dataset
from plexgrad.lab.costs import COSTS, per_sample, right
from plexgrad.lab.device import Measurement, Shown
from plexgrad.lab.perturbations import Perturbations
from plexgrad.lab.team import AnyBench
from plexgrad.training.instruments import TRAIN_SCORED

AVERAGES = ("mean", "median")
STRIDE = 250
"""Samples scored in one call."""


def refuse_mismatch(bench: AnyBench, data: Dataset | None) -> None:
    """Raise ValueError unless the device takes such samples."""
    can = bench.can
    if data is None:
        if can.inputs:
            raise ValueError(
                f"a task must be given, with its data: {bench.identity} shows samples"
            )
        return
    for what, mine, theirs in (
        ("inputs", can.inputs, data.features),
        ("outputs", can.outputs, data.outputs),
    ):
        if mine != theirs:
            raise ValueError(
                f"the device's {what} must match the data {data.name!r}: "
                f"{theirs}, got {mine}"
            )


@dataclass
class Samples:
    """The samples of a run on a device. Without data, it shows what it always does.

    Every row of training is measured `repeats` times, and `average` says what is made
    of them: their "mean", made by the device, or their "median", made here.
    """

    bench: AnyBench
    data: Dataset | None
    cost: str = "mse"
    repeats: int = 1
    average: str = "mean"

    def __post_init__(self) -> None:
        one_of("cost", self.cost, COSTS)
        positive_int("repeats", self.repeats)
        one_of("average", self.average, AVERAGES)
        self.split: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.held: list[str] = []
        if self.data is None:
            return
        for key in ("train", "test"):
            x, y = getattr(self.data, f"x_{key}"), getattr(self.data, f"y_{key}")
            flat = np.ascontiguousarray(x.reshape(len(x), -1), np.float32)
            self.split[key] = flat, y
        can, sizes = self.bench.can, self.data.sizes
        room = can.max_samples or math.inf
        for key, size in zip(("train", "test"), sizes, strict=True):
            if can.holds_data and size <= room:
                self.bench.load(*self.split[key], key)
                self.held.append(key)
                room -= size

    def shown(self, index: np.ndarray, key: str = "train") -> Shown:
        """The samples with these numbers, (groups, batch)."""
        if not self.split:
            return Shown()
        if key in self.held:
            return Shown(handle=key, index=index.astype(np.uint32))
        x, y = self.split[key]
        return Shown(x[index], y[index])

    def measure(
        self, what: Perturbations, index: np.ndarray, key: str = "train"
    ) -> np.ndarray:
        """The cost of every row, made by the device or of its outputs."""
        if self.average == "mean" or self.repeats == 1:
            return self._measured(what, index, key, self.repeats)
        turns = [self._measured(what, index, key, 1) for _ in range(self.repeats)]
        return np.median(turns, axis=0)

    def _measured(
        self, what: Perturbations, index: np.ndarray, key: str, repeats: int
    ) -> np.ndarray:
        shown = self.shown(index, key)
        if "cost" in self.bench.can.returns:
            return self.costs(self.bench.measure(what, shown, "cost", repeats))
        found = self.bench.measure(what, shown, "outputs", repeats)
        return self._judged(found, index, key).mean(axis=-1)

    def costs(self, found: Measurement) -> np.ndarray:
        """The costs that a device made. Raises ValueError if there are none."""
        if found.cost is None:
            raise ValueError("the device must answer with costs, got none")
        return np.asarray(found.cost, np.float32)

    def _judged(self, found: Measurement, index: np.ndarray, key: str) -> np.ndarray:
        if found.outputs is None:
            raise ValueError("the device must answer with outputs, got none")
        told = np.asarray(found.outputs, np.float32)
        target = self.split[key][1][index]
        each = np.repeat(target, len(told) // len(target), axis=0)
        return per_sample(self.cost, told, each)

    def scores(self) -> np.ndarray:
        """Train cost, train accuracy, test cost, test accuracy; NaN if not known."""
        with self._scoring():
            return self._scores()

    @contextlib.contextmanager
    def _scoring(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.bench.accounts.score_s += time.perf_counter() - began

    def _at_rest(self, shown: Shown, want: str = "cost") -> Measurement:
        """A row at rest, which is counted as scoring."""
        rest = np.zeros((1, self.bench.can.parameters), np.float32)
        self.bench.accounts.scored += 1
        self.bench.accounts.scored_readings += max(1, shown.batch)
        return self.bench.measure(rest, shown, want)

    def _scores(self) -> np.ndarray:
        if not self.split:
            found = self.costs(self._at_rest(Shown()))
            return np.array([found[0], np.nan, np.nan, np.nan], np.float32)
        both = []
        for key, (x, _) in self.split.items():
            size = min(len(x), TRAIN_SCORED) if key == "train" else len(x)
            spread = np.linspace(0, len(x) - 1, size).round().astype(np.int64)
            total = np.zeros(2)
            for first in range(0, size, STRIDE):
                index = spread[None, first : first + STRIDE]
                total += index.size * np.array(self._score(index, key))
            both.append(total / size)
        return np.concatenate(both).astype(np.float32)

    def _score(self, index: np.ndarray, key: str) -> tuple[float, float]:
        shown, returns = self.shown(index, key), self.bench.can.returns
        if "cost" in returns and ("hits" in returns or "outputs" not in returns):
            found = self._at_rest(shown)
            hits = np.nan if found.hits is None else float(found.hits[0])
            return float(self.costs(found)[0]), hits / index.size
        found = self._at_rest(shown, "outputs")
        cost = float(self._judged(found, index, key).mean())
        target = self.split[key][1][index]
        return cost, float(right(np.asarray(found.outputs), target).mean())

    def confusion(self) -> list[list[int]] | None:
        """How often each true class (row) was taken for another on the test set."""
        if not self.split or "outputs" not in self.bench.can.returns:
            return None
        with self._scoring():
            return self._confusion()

    def _confusion(self) -> list[list[int]]:
        y = self.split["test"][1]
        classes = max(2, y.shape[1])
        counts = np.zeros((classes, classes), int)
        for first in range(0, len(y), STRIDE):
            index = np.arange(first, min(first + STRIDE, len(y)))[None]
            told = self._at_rest(self.shown(index, "test"), "outputs")
            np.add.at(
                counts, (_labels(y[index[0]]), _labels(np.asarray(told.outputs)[0])), 1
            )
        return counts.tolist()


def _labels(outputs: np.ndarray) -> np.ndarray:
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0.5).astype(int)
    return outputs.argmax(axis=1)
