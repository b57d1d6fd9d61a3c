"""A device's cost as a meter reads it: rows in, costs out, counted, stopped in time."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from plexgrad.core.signals import Heard, listening
from plexgrad.core.validate import int_at_least
from plexgrad.lab.bench import Bench
from plexgrad.lab.samples import Samples
from plexgrad.lab.ways import MOST_FLOATS, MOST_ROWS

RANDOM = "random"
"""The key of samples that were drawn, not learnt."""

DRAWN = 24
"""How many of them."""


@dataclass
class Meter:
    """Costs of a device on a bench; `spent` counts them, `odd` those not finite.

    Before a cost is read, `wait_s` seconds have gone by since the last write.
    Raises KeyboardInterrupt between two calls once `stop` was asked.
    """

    bench: Bench
    samples: Samples
    stop: Heard
    spent: int = 0
    odd: int = 0
    wait_s: float = 0.0

    def __post_init__(self) -> None:
        can, draw = self.bench.can, np.random.default_rng(0)
        if can.inputs:
            # Of many sizes, so that neurons which one sample saturates answer others.
            size = np.geomspace(0.1, 1.0, DRAWN)[:, None]
            x = draw.random((DRAWN, can.inputs)) * size
            # One target for all: what a knob does to one sample, another cannot undo.
            y = np.zeros((DRAWN, can.outputs), np.float32)
            y[:, 0] = 1
            both = x.astype(np.float32), y
            self.samples.split[RANDOM] = both

    @property
    def most(self) -> int:
        """Rows in a call."""
        few = max(2, MOST_FLOATS // self.bench.can.parameters)
        return min(self.bench.can.max_rows or MOST_ROWS, few)

    @property
    def drawn(self) -> np.ndarray:
        """The numbers of the random samples, (1, batch)."""
        most = self.bench.can.max_samples
        count = min(DRAWN, most) if most else DRAWN
        return np.arange(DRAWN)[None, :: -(-DRAWN // count)]

    def cost(
        self, rows: np.ndarray, index: np.ndarray, key: str, repeats: int = 1
    ) -> np.ndarray:
        """Costs (rows,) of offsets (rows, P), dealt evenly to the groups of `index`."""
        int_at_least("rows", len(rows) // len(index), 1)
        each, most = len(rows) // len(index), self.most
        deal = rows.reshape(len(index), each, -1)
        found: list[np.ndarray] = []
        together = max(1, most // each)
        for first in range(0, len(index), together):
            some = slice(first, first + together)
            for part in range(0, each, most):
                cut = deal[some, part : part + most].reshape(-1, rows.shape[1])
                found.append(self._asked(cut, index[some], key, repeats))
        return np.concatenate(found).astype(float)

    def rest(self, index: np.ndarray, key: str, count: int) -> np.ndarray:
        """So many costs at rest, of the first group."""
        rows = np.zeros((count, self.bench.can.parameters), np.float32)
        return self.cost(rows, index[:1], key)

    def read(self) -> np.ndarray:
        """The parameters (P,) as the device holds them, whether as written or not."""
        self._go_on()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return self.bench.read_back()

    def write(self, theta: np.ndarray, wait: bool = True) -> None:
        """Set all parameters, within their range, and wait `wait_s` seconds."""
        self._go_on()
        self.bench.write(np.clip(theta, self.bench.can.low, self.bench.can.high))
        if wait and self.wait_s:
            time.sleep(self.wait_s)

    def _asked(
        self, rows: np.ndarray, index: np.ndarray, key: str, repeats: int
    ) -> np.ndarray:
        self._go_on()
        self.spent += len(rows) * repeats
        rows = rows.astype(np.float32)
        turns = [self.samples.measure(rows, index, key) for _ in range(repeats)]
        told = np.stack(turns)
        finite = np.isfinite(told)
        self.odd += int(finite.size - finite.sum())
        # Infinities would turn into warnings of NumPy's on the way.
        return np.where(finite, told, np.nan).mean(axis=0)

    def _go_on(self) -> None:
        if self.stop.came:
            raise KeyboardInterrupt(self.stop.came)


@contextmanager
def left_as_found(bench: Bench) -> Iterator[Heard]:
    """Put the parameters back at the end, whatever happens; Ctrl-C only asks.

    After an error or a second Ctrl-C a call may still be under way, so the device is
    opened anew before it is written to.
    """
    before = bench.read_back().copy()
    try:
        with listening() as stop:
            yield stop
    except BaseException as error:
        try:
            bench.reopen(before)
        except Exception as lost:  # a driver's own
            error.add_note(f"the parameters were not put back: {lost}")
        raise
    bench.write(before)
