r"""The trainer in plain integers: bit true to the logic, and exact in cycles.

A step measures the cost with all codes added, then with all taken away, in
$S_\pm = \sum (y - t)^2$ over the samples and outputs of its window; the difference goes
to every synapse, which adds or subtracts it as its own code says:

$$ s = 2^{16-\mathrm{shift}}\,(S_+ - S_-),\quad g_i \mathrel{+}= c_i s $$

After `period` steps $w_i$ loses the whole part of $g_i$, and the rest stays where it
is: a gradient of less than one step of a weight is not lost. Everything saturates.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from plexgrad.lab import shifts
from plexgrad.lab.rtl.design import GUARD, Design


@dataclass(frozen=True)
class Settings:
    """The control words of a run.

    `amplitude` in steps of a weight, `shift` the learning rate as a power of two down,
    `period` the steps between updates; `batch` samples at a time, from `first` up to
    but not including `stop`, around and around.
    """

    amplitude: int = 200
    shift: int = 0
    period: int = 1
    batch: int = 4
    first: int = 0
    stop: int = 4


def knee(
    design: Design, total: Int64[np.ndarray, "*shape"]
) -> Int64[np.ndarray, "*shape"]:
    """The neuron: as is up to 3/4, a sixteenth of the slope beyond, never above 1."""
    bend = 3 << design.fraction - 2
    above = bend + (total - bend >> 4)
    below = -bend + (total + bend >> 4)
    soft = np.where(total > bend, above, np.where(total < -bend, below, total))
    return np.clip(soft, -design.one, design.one)


class Model:
    """A trainer after reset: weights, gradients and data are zero.

    `weights` and `gradient` (P,) are integers; `plus` and `minus` the last two costs;
    `register`, `window` and `phase` where codes, data and update period stand.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self.weights = np.zeros(design.synapses, np.int64)
        self.gradient = np.zeros(design.synapses, np.int64)
        self.x = np.zeros((design.samples, design.inputs), np.int64)
        self.y = np.zeros((design.samples, design.outputs), np.int64)
        self.told = np.zeros(design.outputs, np.int64)
        self.register, self.window, self.phase = 1, 0, 0
        self.plus = self.minus = self.steps = self.cycles = 0

    def load(self, first: int, weights: Int64[np.ndarray, " n"]) -> None:
        """Write weights from number `first` on; their gradients become zero."""
        self.weights[first : first + len(weights)] = weights
        self.gradient[first : first + len(weights)] = 0

    def load_samples(
        self,
        first: int,
        x: Int64[np.ndarray, "n inputs"],
        y: Int64[np.ndarray, "n outputs"],
    ) -> None:
        """Write samples from number `first` on."""
        self.x[first : first + len(x)] = x
        self.y[first : first + len(y)] = y

    def reseed(self, register: int, window: int) -> None:
        """Put codes and data where a run begins."""
        self.register, self.window, self.phase = register, window, 0

    def signs(self) -> Int64[np.ndarray, " P"]:
        """The codes of this step."""
        size = self.design.synapses
        if self.design.code == "taps":
            return 2 * (self.register >> np.arange(size, dtype=np.int64) & 1) - 1
        return 2 * shifts.outputs(self.register, size).astype(np.int64) - 1

    def outputs(
        self, weights: Int64[np.ndarray, " P"], x: Int64[np.ndarray, "n inputs"]
    ) -> Int64[np.ndarray, "n outputs"]:
        """What the units say to samples."""
        start, design, a = 0, self.design, x
        for inputs, units in design.layers:
            stop = start + (inputs + 1) * units
            rows = weights[start:stop].reshape(units, inputs + 1)
            total = a @ rows[:, :-1].T + (rows[:, -1] << design.fraction)
            a, start = knee(design, total >> design.fraction), stop
        return a

    def half(self, settings: Settings, sign: int) -> int:
        """Measure one cost, with the codes times `sign` added; where it is 1, plus."""
        design, window = self.design, self.window
        shown = slice(window, window + settings.batch)
        weights = self.weights + sign * settings.amplitude * self.signs()
        told = self.outputs(_wrapped(weights, design.word), self.x[shown])
        error = np.clip(told - self.y[shown], -design.largest - 1, design.largest)
        cost = int((error * error >> design.fraction).sum())
        self.told = told[-1]
        self.cycles += design.half_cycles(settings.batch)
        if sign > 0:
            self.plus = cost
        else:
            self.minus = cost
        return cost

    def step(self, settings: Settings) -> None:
        """Both costs, the gradient, and the weights if it is time."""
        design = self.design
        self.half(settings, 1)
        self.half(settings, -1)
        difference = self.plus - self.minus
        broadcast = min(max(difference, -design.largest), design.largest)
        signal = broadcast << GUARD >> settings.shift
        most = (1 << design.accumulator - 1) - 1
        summed = self.gradient + self.signs() * signal
        self.gradient = np.clip(summed, -most - 1, most)
        self.phase += 1
        if self.phase >= settings.period:
            self.phase = 0
            moved = self.weights - (self.gradient >> GUARD)
            self.weights = np.clip(moved, -design.limit, design.limit)
            self.gradient &= (1 << GUARD) - 1
        stride = shifts.per_pattern(design.code, design.synapses)
        for _ in range(stride):
            self.register = shifts.shifted(self.register)
        self.window += settings.batch
        if self.window >= settings.stop:
            self.window = settings.first
        self.steps += 1
        self.cycles += design.cycles(settings.batch)
        self.cycles -= 2 * design.half_cycles(settings.batch)


def _wrapped(
    values: Int64[np.ndarray, "*shape"], bits: int
) -> Int64[np.ndarray, "*shape"]:
    """The lowest bits, as two's complement."""
    half = 1 << bits - 1
    return (values + half & (1 << bits) - 1) - half
