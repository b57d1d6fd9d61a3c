r"""Which knobs move the cost: dead ones, saturated ones, and how much each one does.

One knob at a time where the budget lets: $|C(\theta + \delta e_i) - C(\theta)|$ both
ways. Where there are more knobs than that, blocks of neighbours move together by random
signs, and those that move the cost are halved, the weakest first, as long as the budget
lasts: a dead row or channel is found in some $\log_2$ steps. A single dead knob is not,
unless halving gets down to it; `block` says how far it got.

A suspect gets a second look, at other parameters and by several amplitudes, as a slope
may be nil by chance, and a neuron be silent in one place.
"""

from dataclasses import dataclass, field

import numpy as np

from plexgrad.lab.calibrate.meter import Meter

SURE = 4.0
"""Standard deviations by which an effect must stand out."""

CLEAR = 8.0
"""Standard deviations by which a usual effect should: the first look is repeated."""

SHARE = 0.5
"""The share of the budget for the first look."""

CONTROLS = 8
"""Knobs that work, the weakest of them, which are looked at again beside suspects."""

PLACES = 3
"""Parameters at which a suspect is looked at again."""

SCALES = (1.0, 0.5, 2.0, 4.0)
"""Amplitudes there, relative to the first one."""

SIGNS = 2
"""Random signs of a block."""

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
        self.seen, self.exact, self.repeats = 0.0, False, 1

    @property
    def left(self) -> int:
        """Evaluations that may still be spent."""
        return self.budget - (self.meter.spent - self.begun)

    def run(self) -> Knobs:
        """Every knob, or as many as the budget lets."""
        up, down = np.full((2, self.size), np.nan)
        theta = self.meter.bench.shadow.copy()
        dead, block = [], 1
        if 2 * self.size + RESTS <= SHARE * self.budget:
            up, down = self._all()
        else:
            dead, block = self._halved()
        found = self._again(np.stack([up, down]), theta)
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

    def _all(self) -> tuple[np.ndarray, ...]:
        """Every knob both ways, as often as it takes to see what is usual."""
        every = np.arange(self.size)
        up, down = self._each(every, self.amplitude)
        noise = self.noise * np.sqrt(1 + 1 / RESTS)
        usual = np.median((up**2 + down**2) / 2) - noise**2
        wanted = (CLEAR * noise) ** 2 / usual if usual > 0 else np.inf
        most = SHARE * self.budget / (2 * self.size) - 1
        if wanted > 1 and most >= 1:
            self.repeats = int(np.clip(np.ceil(wanted), 1, most))
            up, down = self._each(every, self.amplitude)
        return up, down

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
                told = self.meter.cost(rows, self.index, self.key, self.repeats)
                part.append(told - rest)
            sides.append(np.concatenate([np.empty(0), *part]))
        return tuple(sides)

    def _rest(self) -> float:
        rest = self.meter.rest(self.index, self.key, RESTS * self.repeats).mean()
        doubt = self.noise * np.sqrt((1 + 1 / RESTS) / self.repeats)
        rounding = ROUNDING * abs(rest)
        self.seen = float(max(SURE * doubt, rounding))
        self.exact = bool(SURE * doubt <= rounding)
        return float(rest)

    def _halved(self) -> tuple[list[int], int]:
        """Dead blocks, and the size of the smallest blocks that were told apart."""
        blocks, dead, smallest = [(0, self.size)], [], self.size
        while blocks:
            halves = [
                half
                for low, high in blocks
                if high - low > 1
                for half in ((low, (low + high) // 2), ((low + high) // 2, high))
            ]
            halves = halves[: max(0, (self.left - RESTS) // (2 * SIGNS))]
            if not halves:
                break
            moved = self._blocks(halves)
            for effect, (low, high) in zip(moved, halves, strict=True):
                if effect < self.seen:
                    dead += range(low, high)
                smallest = min(smallest, high - low)
            # The weakest first: there the budget goes if it does not last for all.
            order = np.argsort(moved)
            blocks = [halves[n] for n in order if moved[n] >= self.seen]
        return dead, smallest

    def _blocks(self, blocks: list[tuple[int, int]]) -> np.ndarray:
        """The largest effect of each block, moved both ways by random signs."""
        rest, found = self._rest(), []
        whole = max(1, self.meter.most // (2 * SIGNS))
        for first in range(0, len(blocks), whole):
            some = blocks[first : first + whole]
            rows = np.zeros((len(some), 2 * SIGNS, self.size), np.float32)
            for block, (low, high) in zip(rows, some, strict=True):
                drawn = self.random.random((SIGNS, high - low)) < 0.5
                block[:SIGNS, low:high] = np.where(drawn, -1.0, 1.0)
                block[SIGNS:] = -block[:SIGNS]
            rows = rows.reshape(-1, self.size) * np.float32(self.amplitude)
            told = self.meter.cost(rows, self.index, self.key) - rest
            found.append(np.abs(told).reshape(len(some), -1).max(axis=1))
        return np.concatenate([np.empty(0), *found])

    def _again(self, first: np.ndarray, theta: np.ndarray) -> dict[str, list[int]]:
        """A second look at suspects, beside knobs that are none: what each of them is.

        `first` (2, P) are the effects seen so far.
        """
        names = "fine", "dead", "high", "low", "undecided"
        found: dict[str, list[int]] = {name: [] for name in names}
        suspect = (np.abs(first) < self.seen).any(axis=0)
        suspects, others = np.flatnonzero(suspect), np.flatnonzero(~suspect)
        weakest = np.argsort(np.abs(first[:, others]).min(axis=0))
        beside = others[weakest[:CONTROLS]]
        knobs = np.concatenate([suspects, beside])
        most, times, places = self._looked(knobs, theta)
        count = len(suspects)
        # That knobs which work are seen is what makes silence mean something.
        told = len(beside) and (most[:, count:].max(axis=0) > 2 * self.seen).all()
        told = told and places == PLACES
        few = count < self.size / 2 or self.exact
        for n, knob in enumerate(suspects.tolist()):
            kind = self._judged(most[:, n], times[:, n], bool(told and few))
            found[kind].append(knob)
        return found

    def _looked(
        self, knobs: np.ndarray, theta: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """The largest effects up and down (2, knobs), how often they were seen, where.

        The last is how many places the budget was good for.
        """
        can = self.meter.bench.can
        farthest = min(can.amplitude_high, float((can.high - can.low).min()) / 2)
        most, times = np.zeros((2, len(knobs))), np.zeros((2, len(knobs)), int)
        for place in range(PLACES):
            cost = (2 * len(knobs) + RESTS) * len(SCALES) * self.repeats
            if len(knobs) == 0 or self.left < cost:
                self.meter.write(theta)
                return most, times, place
            self.meter.write(self._elsewhere(theta, place))
            for scale in SCALES:
                both = self._each(knobs, min(scale * self.amplitude, farthest))
                moved = np.abs(np.stack(both))
                most = np.maximum(most, moved)
                times += moved >= self.seen
        self.meter.write(theta)
        return most, times, PLACES

    def _judged(self, most: np.ndarray, times: np.ndarray, told: bool) -> str:
        """What effects up and down, and how often each was seen, say of a knob."""
        up, down = times
        if up and down:
            return "fine"
        if not up and not down:
            return "dead" if told else "undecided"
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
