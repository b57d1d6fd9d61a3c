r"""The firmware's arithmetic in NumPy, to the last bit: `twin:49-4-4`.

Master weights are integers in steps of $2^{-21}$, their int8 copies in steps of
$2^{-5}$. A layer takes int8 inputs $x$ (127 is 1), the last of which is 127:

$s = \sum_i x_i\,\mathrm{clip}(\lfloor m_i / 2^{16} + 1/2 \rfloor + n_i, \pm 127)$

with offsets $n$ in steps, and looks $s \gg 3$ ($s \gg 4$ for a sigmoid output),
clipped to [-2048, 2047], up in a table of $\mathrm{round}(4096 \tanh(i / 512))$. Hidden
values become int8 again; outputs and targets are in units of 1/4096, the cost the mean
of their squared differences, rounded in float64 and then float32.
"""

from itertools import pairwise
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float32, Int64

from plexgrad.lab.device import (
    Autonomy,
    Identity,
    Measurement,
    Refused,
    Shown,
    Trace,
)
from plexgrad.lab.in_process import InProcess
from plexgrad.lab.mcu.board import MASTER_BITS, WEIGHT_BITS, Board, board_of
from plexgrad.lab.perturbations import (
    Codes,
    Perturbations,
    Update,
    rows_of,
    signal_of,
    summed,
)
from plexgrad.lab.words import Generator

STEP = 2.0**-MASTER_BITS
BEHIND = MASTER_BITS - WEIGHT_BITS
HALF, UNIT = 2048, 4096
TANH = np.rint(UNIT * np.tanh(np.arange(-HALF, HALF) / 512)).astype(np.int64)
HIDDEN = (TANH * 127 + UNIT // 2) >> 12
OUTPUT = {"tanh": TANH, "sigmoid": (UNIT + TANH) >> 1}
SHIFT = {"tanh": 3, "sigmoid": 4}


@final
class TwinMCU(InProcess):
    """The firmware's arithmetic in NumPy, without a processor: twin:49-4-4."""

    scheme: ClassVar[str] = "twin"
    family: ClassVar[str] = "mcu"

    def __init__(self, board: Board | None = None) -> None:
        self.board = board or Board()
        self.capabilities = self.board.capabilities()
        self.master = np.zeros(self.board.parameters, np.int64)
        self.held: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._generator = Generator((0, 0), self.board.parameters)

    @classmethod
    def of(cls, url: str) -> "TwinMCU":
        """The twin of `twin:SIZES?option=value`; options are those of `Board`."""
        return cls(board_of(url)[0])

    @classmethod
    def demos(cls) -> "list[TwinMCU]":
        """Twins of two boards, for the laws."""
        return [
            cls(Board((3, 4, 2))),
            cls(Board((12, 10, 8, 3), "tanh", "MCU-0002")),
        ]

    def open(self) -> None:
        """It is always open."""

    def close(self) -> None:
        """It holds on to what it has."""

    def identify(self) -> Identity:
        return self.board.identity()

    def write_parameters(
        self, theta: np.ndarray, index: np.ndarray | None = None
    ) -> None:
        whole = self.read_parameters()
        whole[slice(None) if index is None else index] = theta
        self.master = self._within(np.rint(whole.astype(np.float64) / STEP))

    def read_parameters(self) -> np.ndarray:
        return (self.master * STEP).astype(np.float32)

    def load_samples(self, x: np.ndarray, y: np.ndarray, key: str) -> str:
        """Keep samples (n, inputs) and targets (n, outputs) under a key."""
        self.held[key] = _quantised(x, 127), _quantised(y, UNIT)
        return key

    def update(self, update: Update) -> None:
        """Add the sum of codes: each term rounded to a step, the sum clipped."""
        terms = update.terms(STEP)
        signs = self._signs(update.codes)
        change = np.rint(summed(terms, signs) / STEP)
        self.master = self._within(self.master + change)

    def measure(
        self,
        perturbations: Perturbations,
        shown: Shown,
        want: str = "cost",
        repeats: int = 1,
    ) -> Measurement:
        x, y = self._samples(shown)
        weights, saturated = self._weights(perturbations, len(x))
        told = self._forward(weights.reshape(len(x), -1, weights.shape[1]), x)
        flat = told.reshape(-1, *told.shape[2:])
        if want == "outputs":
            outputs = (flat / UNIT).astype(np.float32)
            return Measurement(outputs=outputs, saturated=saturated)
        error = y[:, None] - told
        total = (error * error).sum((-2, -1)).astype(np.float64).reshape(-1)
        cost = total / (error.shape[-2] * error.shape[-1] * float(UNIT) ** 2)
        hits = _right(told, y[:, None]).sum(-1).reshape(-1)
        return Measurement(
            cost.astype(np.float32), None, hits.astype(np.float32), saturated=saturated
        )

    def run_steps(self, steps: int, config: Autonomy) -> Trace:
        """Train alone, one update per step."""
        codes, costs, position = config.codes, [], config.position
        power = codes.count * float(np.float32(codes.amplitude)) ** 2
        rate = np.float32(-config.eta / power)
        held = len(self.held[config.handle][0])
        for _ in range(steps):
            position = 0 if position + config.batch > held else position
            index = np.arange(position, position + config.batch, dtype=np.uint32)[None]
            found = self.measure(codes, Shown(handle=config.handle, index=index))
            cost = np.asarray(found.cost, np.float32)
            rest = cost[0] if codes.reference == "baseline" else _mean(cost)
            costs.append(rest)
            signal = signal_of(cost, codes.reference)[0]
            self.update(Update(codes, rate * signal))
            start, position = codes.start + codes.count, position + config.batch
            codes = Codes(
                codes.key,
                start,
                codes.count,
                codes.amplitude,
                codes.reference,
                codes.hold,
            )
        return Trace(np.array(costs, np.float32), codes.start, position)

    def _within(self, master: np.ndarray) -> Int64[np.ndarray, " P"]:
        most = 127 << BEHIND
        return np.clip(master, -most, most).astype(np.int64)

    def _signs(self, codes: Codes) -> Float32[np.ndarray, "slots P"]:
        if self._generator.key != codes.key:
            self._generator = Generator(codes.key, self.board.parameters)
        return self._generator.signs(codes.slots)

    def _weights(
        self, what: Perturbations, groups: int
    ) -> tuple[Float32[np.ndarray, "rows P"], np.ndarray]:
        """The int8 weights of every row, and which were driven out of their range."""
        if isinstance(what, Codes):
            steps = np.rint(np.float32(what.amplitude) * 2**WEIGHT_BITS)
            offsets = rows_of(self._signs(what) * steps, what.reference, groups)
        else:
            offsets = np.rint(what * np.float32(2**WEIGHT_BITS))
        if offsets.shape[1:] != self.master.shape or len(offsets) % groups:
            raise Refused(
                f"offsets must be rows of {len(self.master)} for {groups} groups, "
                f"got {offsets.shape}"
            )
        copies = (self.master + (1 << (BEHIND - 1))) >> BEHIND
        wanted = copies.astype(np.float32) + offsets
        weights = np.clip(wanted, -127, 127)
        return weights, (weights != wanted).any(axis=0)

    def _samples(self, shown: Shown) -> tuple[np.ndarray, np.ndarray]:
        if shown.index is None:
            if shown.x is None or shown.y is None:
                raise Refused("samples must be shown, got none")
            return _quantised(shown.x, 127), _quantised(shown.y, UNIT)
        if shown.handle not in self.held:
            raise Refused(f"samples must be held under {shown.handle!r}")
        x, y = self.held[shown.handle]
        if shown.index.max(initial=0) >= len(x):
            raise Refused(f"samples must be below {len(x)}, got {shown.index.max()}")
        return x[shown.index], y[shown.index]

    def _forward(self, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Outputs (groups, rows, batch, outputs) in units of 1/4096.

        Sums of int8 products stay below 2^24 for 1024 inputs: float32 holds them.
        """
        start, told = 0, x[:, None].astype(np.float32)
        last = len(self.board.sizes) - 2
        for layer, (rows, columns) in enumerate(pairwise(self.board.sizes)):
            stop = start + (rows + 1) * columns
            shape = (*weights.shape[:-1], rows + 1, columns)
            weight = weights[..., start:stop].reshape(shape)
            total = told @ weight[..., :-1, :] + 127 * weight[..., -1:, :]
            kind = self.board.output if layer == last else "tanh"
            table = OUTPUT[kind] if layer == last else HIDDEN
            place = np.clip(total.astype(np.int64) >> SHIFT[kind], -HALF, HALF - 1)
            told, start = table[place + HALF], stop
            if layer < last:
                told = told.astype(np.float32)
        return told


def _quantised(values: np.ndarray, unit: int) -> Int64[np.ndarray, "..."]:
    scaled = np.clip(values.astype(np.float64), -1, 1) * unit
    return np.rint(scaled).astype(np.int64)


def _right(told: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    if told.shape[-1] == 1:
        return (told[..., 0] > UNIT // 2) == (wanted[..., 0] > UNIT // 2)
    return told.argmax(axis=-1) == wanted.argmax(axis=-1)


def _mean(cost: np.ndarray) -> np.float32:
    """Added one after the other in float64, as the firmware adds."""
    total = 0.0
    for value in cost:
        total += float(value)
    return np.float32(total / len(cost))
