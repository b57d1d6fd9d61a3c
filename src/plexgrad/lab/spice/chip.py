r"""A crossbar network as a device: `spice:2-2-1?neuron=diode`, solved by ngspice.

Inputs of 0..1 are shown as -1..1 V. Outputs are read so that `-swing` volts are 0 and
`+swing` volts are 1: the targets of a task are met without driving the neurons into
saturation. Parameters are weights, in units of 100 uS (see `netlist`).
"""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, final

import numpy as np
from jaxtyping import Float, Float32, Float64

from plexgrad.core.validate import at_least, one_of, positive
from plexgrad.lab.capabilities import Capabilities, Knobs
from plexgrad.lab.costs import COSTS, per_sample, right
from plexgrad.lab.device import Identity, Measurement, Refused, Shown
from plexgrad.lab.in_process import InProcess
from plexgrad.lab.perturbations import Codes, Perturbations, Update, rows_of, summed
from plexgrad.lab.spice.circuit import Crossbar
from plexgrad.lab.spice.engine import installed
from plexgrad.lab.spice.netlist import LIMIT, check
from plexgrad.lab.transports.transport import parts
from plexgrad.lab.words import Generator

START = 1.0
"""A fresh training draws its weights from this range, both signs."""


@final
class SpiceCrossbar(InProcess):
    """A crossbar of `sizes`, solved by ngspice; needs its library (libngspice0).

    Per layer all weights (inputs, outputs), then biases. `neuron` is "tanh" or "diode".
    `mismatch` is the relative standard deviation of every resistor, drawn from `seed`
    once for all, as are the weights at power-on. `step` is that of the weights.
    `codes`, `data` and `updates` say whether the device makes codes, holds data and
    applies updates itself. Raises ValueError for what cannot be built; `open` raises
    FileNotFoundError without ngspice.
    """

    scheme: ClassVar[str] = "spice"

    def __init__(
        self,
        sizes: Sequence[int] = (2, 2, 1),
        neuron: str = "tanh",
        cost: str = "mse",
        mismatch: float | int = 0.0,
        step: float | int = 0.0,
        swing: float | int = 0.7,
        codes: bool = True,
        data: bool = True,
        updates: bool = True,
        serial: str = "SPICE-0001",
        seed: int = 0,
    ) -> None:
        check(sizes, neuron)
        self.sizes, self.neuron = tuple(sizes), neuron
        self.cost, self.swing = one_of("cost", cost, COSTS), positive("swing", swing)
        groups = []
        for number, (rows, columns) in enumerate(pairwise(self.sizes), 1):
            for name, shape in (("w", (rows, columns)), ("b", (columns,))):
                name, start = f"{name}{number}", (-START, START)
                knobs = Knobs(
                    shape, -LIMIT, LIMIT, step, "100 uS", name, "one", start=start
                )
                groups.append(knobs)
        self.capabilities = Capabilities(
            tuple(groups),
            inputs=self.sizes[0],
            outputs=self.sizes[-1],
            returns=("cost", "outputs", "hits"),
            amplitude_high=LIMIT,
            makes_codes=("rademacher",) if codes else (),
            holds_data=data,
            applies_updates=updates,
            fused=codes and updates,
            deterministic=True,
            simulated=True,
        )
        self.identity = Identity("plexgrad", f"{neuron} crossbar", serial, "ngspice")
        random = np.random.default_rng(seed)
        count = self.capabilities.parameters
        drawn = random.standard_normal(2 * count)
        self.spread = np.exp(at_least("mismatch", mismatch, 0.0) * drawn)
        self.theta = self.capabilities.held(random.uniform(-START, START, count))
        self.held: dict[str, Float64[np.ndarray, "samples inputs"]] = {}
        self.targets: dict[str, np.ndarray] = {}
        self._generator = Generator((0, 0), count)
        self._circuit: Crossbar | None = None
        self._shown: np.ndarray | None = None

    @classmethod
    def of(cls, url: str) -> "SpiceCrossbar":
        """The chip of `spice:SIZES?option=value`; options are those of the class."""
        switch = {name: _switch for name in ("codes", "data", "updates")}
        number = dict.fromkeys(("mismatch", "step", "swing"), float)
        words = dict.fromkeys(("neuron", "cost", "serial"), str)
        place, options = parts(url, {**switch, **number, **words, "seed": int})
        sizes = (place or "2-2-1").split("-")
        if len(sizes) < 2 or not all(size.isdigit() for size in sizes):
            raise ValueError(f"sizes must be joined by dashes, got {place!r}")
        return cls([int(size) for size in sizes], **options)

    @classmethod
    def missing(cls) -> str:
        """What to install first; "" if it is here."""
        return "apt install libngspice0" if installed() is None else ""

    @classmethod
    def demos(cls) -> "list[SpiceCrossbar]":
        """Both neurons, ideal and as produced, for the laws; none without ngspice."""
        if cls.missing():
            return []
        dumb: Any = {"codes": False, "data": False, "updates": False}
        return [
            cls([2, 2, 1]),
            cls([3, 2, 2], "diode", mismatch=0.05, step=2**-7),
            cls([2, 1], "diode", **dumb),
        ]

    def open(self) -> None:
        if self._circuit is None:
            self._built()

    def close(self) -> None:
        """The circuit is given up; its parameters stay known."""
        if self._circuit is not None:
            self._circuit.close()
        self._circuit = self._shown = None

    def identify(self) -> Identity:
        return self.identity

    def write_parameters(
        self, theta: np.ndarray, index: np.ndarray | None = None
    ) -> None:
        whole = self.theta.copy()
        whole[slice(None) if index is None else index] = theta
        self.theta = self.capabilities.held(whole)

    def read_parameters(self) -> np.ndarray:
        """What was written: the resistors themselves hold it with their mismatch."""
        return self.theta.copy()

    def load_samples(self, x: np.ndarray, y: np.ndarray, key: str) -> str:
        """Keep samples (n, inputs) and targets (n, outputs) under a key."""
        self.held[key], self.targets[key] = self._volts(x), np.asarray(y, np.float32)
        return key

    def update(self, update: Update) -> None:
        """Add the sum of codes, clipped to the range and on the steps."""
        change = summed(update.coefficients, self._patterns(update.codes))
        self.theta = self.capabilities.held(self.theta.astype(np.float64) + change)

    def measure(
        self,
        perturbations: Perturbations,
        shown: Shown,
        want: str = "cost",
        repeats: int = 1,
    ) -> Measurement:
        """As `Device.measure`; `repeats` change nothing, since nothing is random."""
        began, x, y, index = time.perf_counter(), *self._samples(shown)
        rows = self._rows(perturbations, len(index))
        wanted = self.theta[None] + rows
        theta = np.clip(wanted, self.capabilities.low, self.capabilities.high)
        told = self._told(theta.astype(np.float64), x, index)
        common = {
            "device_seconds": time.perf_counter() - began,
            "clock": "estimated",
            "saturated": (theta != wanted).any(axis=0),
        }
        if want == "outputs":
            return Measurement(outputs=told, **common)
        target = np.repeat(y[index], len(rows) // len(index), axis=0)
        cost = per_sample(self.cost, told, target).mean(axis=-1)
        hits = right(told, target).sum(axis=-1).astype(np.float32)
        return Measurement(cost.astype(np.float32), hits=hits, **common)

    def _built(self) -> Crossbar:
        empty, theta = np.zeros((1, self.sizes[0])), self.theta.astype(np.float64)
        found = Crossbar(self.sizes, self.neuron, theta, empty, self.spread)
        self._circuit, self._shown = found, None
        return found

    def _told(
        self,
        theta: Float64[np.ndarray, "rows P"],
        x: Float64[np.ndarray, "samples inputs"],
        index: np.ndarray,
    ) -> Float32[np.ndarray, "rows batch outputs"]:
        circuit = self._circuit or self._built()
        if x is not self._shown and not np.array_equal(x, self._shown):  # pyright: ignore
            self._shown = None
            circuit.show(x)
            self._shown = x
        each, found = len(theta) // len(index), []
        # The last row stays set: the next call sets all resistors that it needs.
        for number, row in enumerate(theta):
            circuit.write(row)
            found.append(circuit.outputs(index[number // each]))
        volts = np.reshape(found, (len(theta), index.shape[1], self.sizes[-1]))
        return (0.5 + volts / (2 * self.swing)).astype(np.float32)

    def _rows(
        self, what: Perturbations, groups: int
    ) -> Float32[np.ndarray, "rows columns"]:
        if isinstance(what, Codes):
            if not self.capabilities.makes_codes:
                raise Refused("this chip makes no codes; send arrays")
            what = rows_of(self._patterns(what), what.reference, groups)
        count = self.capabilities.parameters
        if what.shape[1:] != (count,):
            raise Refused(f"perturbations must have {count} columns, got {what.shape}")
        if len(what) % groups:
            raise Refused(f"rows must be dealt to {groups} groups, got {len(what)}")
        return what

    def _patterns(self, codes: Codes) -> Float32[np.ndarray, "slots P"]:
        if self._generator.key != codes.key:
            self._generator = Generator(codes.key, self.capabilities.parameters)
        return self._generator.signs(codes.slots) * np.float32(codes.amplitude)

    def _samples(self, shown: Shown) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Volts and targets of what is there, and the numbers (groups, batch)."""
        if shown.index is None:
            if shown.x is None or shown.y is None:
                raise Refused("this chip needs samples, got none")
            index = np.arange(shown.x.shape[0] * shown.x.shape[1])
            y = shown.y.reshape(len(index), -1)
            x = self._volts(shown.x.reshape(len(index), -1))
            return x, y, index.reshape(shown.x.shape[:2])
        if shown.handle not in self.held:
            raise Refused(f"no samples are held under {shown.handle!r}")
        x, y = self.held[shown.handle], self.targets[shown.handle]
        if shown.index.size and shown.index.max() >= len(x):
            raise Refused(f"{len(x)} samples are held, got {shown.index.max()}")
        return x, y, shown.index

    def _volts(
        self, x: Float[np.ndarray, "samples _"]
    ) -> Float64[np.ndarray, "samples _"]:
        if x.shape[1] != self.sizes[0]:
            raise Refused(f"samples must have {self.sizes[0]} numbers, got {x.shape}")
        return 2 * x.astype(np.float64) - 1


def _switch(word: str) -> bool:
    if word.lower() not in ("0", "1", "true", "false", "yes", "no"):
        raise ValueError(f"a switch must be 0 or 1, got {word!r}")
    return word.lower() in ("1", "true", "yes")
