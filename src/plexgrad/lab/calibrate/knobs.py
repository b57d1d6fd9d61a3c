r"""Which knobs move the cost: dead ones, saturated ones, and how much each one does.

One knob at a time where the budget lets: $|C(\theta + \delta e_i) - C(\theta)|$ both
ways. Where there are more knobs than that, blocks of neighbours move together by random
signs, and the block that moves the cost least is halved next: a dead row or channel is
found in some $\log_2$ steps, a single dead knob among many only when the halving gets
down to it, and `block` says how far it got.

A suspect gets a second look, at other parameters and by several amplitudes, as a slope
may be nil by chance, and a neuron be silent in one place.
"""

import heapq
from dataclasses import dataclass, field

import numpy as np

from plexgrad.lab.calibrate.meter import Meter

SURE = 4.0
"""Standard deviations by which an effect must stand out."""

CLEAR = 8.0
"""How far above what can be seen a usual effect must be for silence to mean death."""

PLACES = 3
"""Parameters at which a suspect is looked at again."""

SCALES = (1.0, 0.5, 2.0, 4.0)
"""Amplitudes there, relative to the first one."""

RESTS = 8
ROUNDING = 2.0**-21
"""What a cost in float32 may be wrong by, relative to it."""


@dataclass(frozen=True)
class Knobs:
    """The effect of every knob up and down, in costs; NaN if it was not moved alone.

    `dead` knobs do not move the cost; `saturated` ones move it one way only: "high" is
    one that goes down, but not up. `undecided` ones may be either: their effect, if
    any, is too small to be seen. Effects below `seen` are not.
    """

    up: tuple[float, ...]
    down: tuple[float, ...]
    dead: tuple[int, ...]
    saturated: dict[int, str]
    undecided: tuple[int, ...]
    amplitude: float
    seen: float
    block: int
    evaluations: int


@dataclass
class Inspection:
    """Moves knobs of a device around where it stands, by `amplitude` to begin with."""

    meter: Meter
    index: np.ndarray
    key: str
    amplitude: float
    noise: float
    budget: int
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = self.meter.bench.can.parameters
        self.begun = self.meter.spent
        self.random = np.random.default_rng(2)
        self.seen = 0.0

    @property
    def left(self) -> int:
        """Evaluations that may still be spent."""
        return self.budget - (self.meter.spent - self.begun)

    def run(self) -> Knobs:
        """Every knob, or as many as the budget lets."""
        up, down = np.full((2, self.size), np.nan)
        theta = self.meter.bench.shadow.copy()
        dead, block = [], 1
        if 2 * self.size + RESTS <= 0.75 * self.budget:
            up, down = self._each(np.arange(self.size), self.amplitude)
        else:
            dead, block = self._halved()
        both = np.fmax(np.abs(up), np.abs(down))
        quiet = (np.abs(up) < self.seen) | (np.abs(down) < self.seen)
        usual = float(np.median(both[~quiet])) if (~quiet & (both >= 0)).any() else 0.0
        suspects = np.flatnonzero(quiet)
        found = self._again(suspects, theta, usual)
        return Knobs(
            up=tuple(map(float, up)),
            down=tuple(map(float, down)),
            dead=(*dead, *found["dead"]),
            saturated={n: way for way in ("high", "low") for n in found[way]},
            undecided=tuple(found["undecided"]),
            amplitude=self.amplitude,
            seen=self.seen,
            block=block,
            evaluations=self.meter.spent - self.begun,
        )

    def _each(self, knobs: np.ndarray, amplitude: float) -> tuple[np.ndarray, ...]:
        """What the cost changes by when each knob is moved up, and down."""
        rest = self._rest()
        sides, whole = [], max(1, self.meter.most // 2)
        for sign in (1, -1):
            part = []
            for first in range(0, len(knobs), whole):
                some = knobs[first : first + whole]
                rows = np.zeros((len(some), self.size), np.float32)
                rows[np.arange(len(some)), some] = sign * amplitude
                part.append(self.meter.cost(rows, self.index, self.key) - rest)
            sides.append(np.concatenate([np.empty(0), *part]))
        return tuple(sides)

    def _rest(self) -> float:
        rest = self.meter.rest(self.index, self.key, RESTS).mean()
        doubt = self.noise * np.sqrt(1 + 1 / RESTS)
        self.seen = max(SURE * doubt, ROUNDING * abs(rest))
        return float(rest)

    def _halved(self) -> tuple[list[int], int]:
        """Dead blocks, and the size of the smallest blocks that were told apart."""
        blocks = [(np.inf, np.inf, 0, self.size)]
        dead, smallest = [], self.size
        while blocks and self.left > 0.25 * self.budget:
            _, moved, start, stop = heapq.heappop(blocks)
            smallest = min(smallest, stop - start)
            if moved < self.seen:
                dead += range(start, stop)
                continue
            if stop - start == 1:
                continue
            middle = (start + stop) // 2
            for low, high in ((start, middle), (middle, stop)):
                moved = self._block(low, high)
                # Effects of single knobs add up as squares.
                each = moved / np.sqrt(high - low)
                heapq.heappush(blocks, (each, moved, low, high))
        return dead, smallest

    def _block(self, low: int, high: int) -> float:
        """The largest effect of a block that moves by random signs, twice both ways."""
        rest = self._rest()
        rows = np.zeros((4, self.size), np.float32)
        signs = np.where(self.random.random((2, high - low)) < 0.5, -1.0, 1.0)
        rows[:2, low:high], rows[2:, low:high] = signs, -signs
        rows *= np.float32(self.amplitude)
        return float(np.abs(self.meter.cost(rows, self.index, self.key) - rest).max())

    def _again(
        self, knobs: np.ndarray, theta: np.ndarray, usual: float
    ) -> dict[str, list[int]]:
        """A second look at suspects: what each of them is."""
        found: dict[str, list[int]] = {
            name: [] for name in ("fine", "dead", "high", "low", "undecided")
        }
        can = self.meter.bench.can
        farthest = min(can.amplitude_high, float((can.high - can.low).min()) / 2)
        most = np.zeros((2, len(knobs)))
        times = np.zeros((2, len(knobs)), int)
        for place in range(PLACES):
            cost = 2 * len(knobs) * len(SCALES) + RESTS * len(SCALES)
            if not len(knobs) or self.left < cost:
                break
            self.meter.write(self._elsewhere(theta, place))
            for scale in SCALES:
                moved = self._each(knobs, min(scale * self.amplitude, farthest))
                most = np.maximum(most, np.abs(moved))
                times += np.abs(moved) >= self.seen
        self.meter.write(theta)
        clear = usual > CLEAR * self.seen / SURE
        for n, knob in enumerate(knobs.tolist()):
            found[self._judged(most[:, n], times[:, n], clear)].append(knob)
        return found

    def _judged(self, most: np.ndarray, times: np.ndarray, clear: bool) -> str:
        """What effects up and down, and how often each was seen, say of a knob."""
        up, down = times
        if up and down:
            return "fine"
        if not up and not down:
            return "dead" if clear else "undecided"
        if max(times) < 2 or most.max() < 2 * self.seen:
            return "undecided"
        return "low" if up else "high"

    def _elsewhere(self, theta: np.ndarray, place: int) -> np.ndarray:
        """Other parameters to look from: the same, shuffled, or in between."""
        if not place:
            return theta
        can, start = self.meter.bench.can, 0
        mixed = theta.copy()
        for group in can.groups:
            span = slice(start, start + group.count)
            mixed[span] = self.random.permutation(theta[span]) / place
            start += group.count
        return np.clip(mixed, can.low, can.high)
