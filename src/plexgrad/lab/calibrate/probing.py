"""A device on the bench of `training.tune`: the same questions, asked over a link.

The twin of `training.probing.Bench`: patterns, batches and slots are numbered alike, so
an ideal device is recommended what a simulated chip is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout, scale
from plexgrad.lab.calibrate.meter import Meter
from plexgrad.lab.capabilities import Capabilities
from plexgrad.lab.limits import least_steps
from plexgrad.lab.ways import MOST_FLOATS
from plexgrad.lab.windows import Batches
from plexgrad.training.discrete import Keys
from plexgrad.training.order import Order
from plexgrad.training.probing import PAIR, Window

LEVELS = 9
SMALLEST, LARGEST = 1e-5, 0.125
"""Amplitudes to scan, relative to the narrowest range of a parameter."""


def levels_of(can: Capabilities, theta: np.ndarray) -> tuple[float, ...]:
    """Amplitudes that a device holding `theta` can make, growing.

    Raises ValueError for less than 3.
    """
    span = float((can.high - can.low).min())
    low = max(SMALLEST * span, can.amplitude_low, can.amplitude_step)
    low = max(low, float(least_steps(can, theta).max()))
    high = min(max(LARGEST * span, 4 * low), can.amplitude_high)
    tried = np.geomspace(low, max(low, high), LEVELS)
    if can.amplitude_step:
        tried = np.unique(np.rint(tried / can.amplitude_step)) * can.amplitude_step
        tried = tried[tried <= can.amplitude_high * (1 + 1e-6)]
    if len(tried) < 3 or low >= high:
        raise ValueError(
            "amplitudes to scan must be 3 at least; the device makes only "
            f"{', '.join(f'{a:g}' for a in np.unique(tried))}"
        )
    return tuple(float(a) for a in tried)


@dataclass
class DeviceBench:
    """What `training.tune` asks of a chip, answered by a device. See `Probing`."""

    meter: Meter
    order: Order
    draw: Batches
    keys: Keys
    key: str = "train"
    slot: int = 0
    batches: int = 0
    descended: int = 0
    compiled: dict[Any, Callable] = field(default_factory=dict)

    def __post_init__(self) -> None:
        groups = self.meter.bench.can.groups
        self.layout = Layout.of([np.zeros(g.shape, np.float32) for g in groups])

    @property
    def spent(self) -> int:
        """Evaluations so far."""
        return self.meter.spent

    @property
    def levels(self) -> tuple[float, ...]:
        """Amplitudes to scan."""
        return levels_of(self.meter.bench.can, self.meter.bench.shadow)

    def nearest(self, amplitude: float | int) -> float:
        """The amplitude that the device makes of one that is asked for."""
        can = self.meter.bench.can
        if can.amplitude_step:
            places = max(1, round(amplitude / can.amplitude_step))
            amplitude = places * can.amplitude_step
        return float(min(max(amplitude, can.amplitude_low), can.amplitude_high))

    def show(self, count: int) -> np.ndarray:
        """The numbers of so many new batches."""
        first, self.batches = self.batches, self.batches + count
        return np.arange(first, first + count, dtype=np.uint32)

    def readings(
        self, code: AbstractCode, multiples: Sequence[float], batches: np.ndarray
    ) -> np.ndarray:
        """Costs (batches, multiples): every batch at all multiples of a new pattern."""
        turns = len(multiples)
        start = self._aligned(turns)
        self.slot += len(batches) * turns
        costs = self._costs(code, multiples, start // turns, len(batches), batches)
        return costs.reshape(len(batches), turns)

    def direction(self, code: AbstractCode, turns: int) -> PyTree:
        """The pattern that the next readings of so many multiples go along."""
        number = self._aligned(turns) // turns
        return self.layout.unflatten(jnp.asarray(self._patterns(code, number, 1)[0]))

    def write(self, update: PyTree, times: int) -> None:
        """Write an update so many times over."""
        self._write(update, times, 1.0)
        self.slot += times

    def shake(self, update: PyTree, times: int) -> None:
        """Write an update and its opposite in turn, so many writes in all."""
        self._write(update, times, -1.0)
        self.slot += times

    def window(
        self, code: AbstractCode, slots: int, tau_x: int, eta: float | int
    ) -> Window:
        """Measure a window both ways and at rest, and descend once."""
        shown, start = max(1, slots // tau_x), self._aligned(3)
        batches = self.batches + np.arange(shown)
        first = start // 3
        costs = self._costs(code, PAIR, first, slots, batches).reshape(slots, 3)
        rest, up, down = costs.T
        odd, even = (up - down) / 2, (up + down) / 2 - rest
        estimate = self._demodulate(code)(
            self.keys.code,
            np.arange(first, first + slots, dtype=np.uint32),
            odd.astype(np.float32),
        )
        self._write(scale(estimate, -float(eta)), 1, 1.0)
        self.slot += 3 * slots
        before, self.descended = self.descended, self.descended + slots
        self.batches += self.descended // tau_x - before // tau_x
        return Window(rest, odd, even)

    def _write(self, update: PyTree, times: int, turn: float) -> None:
        change = np.asarray(self.layout.flatten(update), np.float32)
        for number in range(times):
            last = number == times - 1
            self.meter.write(self.meter.bench.shadow + change, wait=last)
            change = change * np.float32(turn)

    def _costs(
        self,
        code: AbstractCode,
        multiples: Sequence[float],
        first: int,
        count: int,
        batches: np.ndarray,
    ) -> np.ndarray:
        """Costs of patterns times multiples, one after the other, dealt to batches."""
        factor = np.asarray(multiples, np.float32)[None, :, None]
        each = count // len(batches)
        whole = max(1, MOST_FLOATS // (self.layout.size * len(multiples) * each))
        found = []
        for start in range(0, len(batches), whole):
            some = batches[start : start + whole]
            here = self._patterns(code, first + start * each, len(some) * each)
            rows = (here[:, None, :] * factor).reshape(-1, self.layout.size)
            found.append(self._measured(rows, self.draw.indices(some.astype(np.int64))))
        return np.concatenate(found)

    def _measured(self, rows: np.ndarray, index: np.ndarray) -> np.ndarray:
        can = self.meter.bench.can
        if np.abs(rows).max(initial=0) <= can.amplitude_high:
            return self.meter.cost(rows, index, self.key)
        # Too far for the perturbation: the parameters themselves go there and back.
        theta, found = self.meter.bench.shadow.copy(), []
        rest, each = np.zeros_like(rows[:1]), len(rows) // len(index)
        for number, row in enumerate(rows):
            self.meter.write(theta + row)
            group = index[number // each][None]
            found.append(self.meter.cost(rest, group, self.key))
        self.meter.write(theta)
        return np.concatenate(found)

    def _patterns(self, code: AbstractCode, first: int, count: int) -> np.ndarray:
        """(count, P) patterns from number `first` on."""

        def made(numbers: Array) -> Array:
            block = code.block(self.keys.code, numbers, self.layout)
            return self.layout.flatten(block)

        numbers = np.arange(first, first + count, dtype=np.uint32)
        ask = self._once(("patterns", code, count), lambda: jax.jit(made))
        return np.asarray(ask(numbers))

    def _demodulate(self, code: AbstractCode) -> Callable:
        def estimate(key: Array, numbers: Array, odd: Array) -> PyTree:
            return code.demodulate(key, numbers, odd, self.layout)

        return self._once(("demodulate", code), lambda: jax.jit(estimate))

    def _aligned(self, turns: int) -> int:
        self.slot = -(-self.slot // turns) * turns
        return self.slot

    def _once(self, name: Any, make: Callable[[], Callable]) -> Callable:
        if name not in self.compiled:
            self.compiled[name] = make()
        return self.compiled[name]
