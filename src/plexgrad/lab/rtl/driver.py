"""On-chip training in logic as a device: `rtl:2-2-1`, or Verilog of your own.

The chip measures costs under weights that are written to it or under its own codes,
and trains alone. Its codes are those of a shift register, `lab.shifts`.
"""

import re
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from plexgrad.core.extras import lacking
from plexgrad.core.validate import one_of, positive
from plexgrad.lab import shifts
from plexgrad.lab.capabilities import Capabilities, Knobs
from plexgrad.lab.device import Autonomy, Identity, Measurement, Shown, Trace
from plexgrad.lab.perturbations import Codes, Perturbations
from plexgrad.lab.rtl import rates, rows, verilated
from plexgrad.lab.rtl.data import Data, words
from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.engine import Engine
from plexgrad.lab.rtl.engines import ENGINES, engine_of
from plexgrad.lab.transports.transport import parts

CLOCK_HZ = 12e6
"""The oscillator on most small FPGA boards; it only turns cycles into seconds."""


@final
class Rtl:
    """An on-chip trainer: logic through Verilator, or its bit-true model.

    `engine` is "verilator", "python", or "auto": Verilator where its tools are found.
    `source` is Verilog of your own, with the module `top` and the ports of
    `lab.rtl.hardware`; its sizes and words are those of `design`. `levels` says what 0
    and 1 are on the chip: "bipolar" is -1 and 1, targets -0.8 and 0.8; "plain" leaves
    them. `clock_hz` turns clock cycles into device seconds. Raises ValueError for an
    unknown word.
    """

    scheme: ClassVar[str] = "rtl"

    def __init__(
        self,
        design: Design | None = None,
        engine: str = "auto",
        source: Path | None = None,
        top: str = "",
        levels: str = "bipolar",
        clock_hz: float | int = CLOCK_HZ,
        serial: str = "RTL-0001",
    ) -> None:
        self.design = design = design or Design()
        self.wanted = one_of("engine", engine, ENGINES)
        self.source, self.top = source, top
        self.clock_hz = positive("clock_hz", clock_hz)
        self.serial = serial
        unit = 1 / design.one
        groups = [
            Knobs(
                (units, inputs + 1),
                -design.limit * unit,
                design.limit * unit,
                unit,
                name=f"layer{number}",
                start=(-1, 1),
            )
            for number, (inputs, units) in enumerate(design.layers, 1)
        ]
        self.data = Data(design, levels)
        self.capabilities = Capabilities(
            tuple(groups),
            inputs=design.inputs,
            outputs=design.outputs,
            returns=("cost", "outputs"),
            amplitude_low=unit,
            amplitude_high=design.limit * unit,
            amplitude_step=unit,
            max_samples=self.data.most,
            makes_codes=(design.code,),
            holds_data=True,
            autonomous=True,
            perturbs_by_writing=True,
            deterministic=True,
            simulated=True,
        )
        self._engine: Engine | None = None

    @classmethod
    def of(cls, url: str) -> "Rtl":
        """The trainer of `rtl:SIZES?option=value` or `rtl:FILE.v?top=NAME&sizes=...`.

        Options: engine, word, fraction, samples, code, form, levels, clock_hz,
        serial.
        """
        plain = dict.fromkeys(("engine", "top", "levels", "serial"), str)
        shape = {"sizes": str, "code": str, "form": str}
        shape |= dict.fromkeys(("word", "fraction", "samples"), int)
        place, options = parts(url, {**plain, **shape, "clock_hz": float})
        built = {name: options.pop(name) for name in shape if name in options}
        if place.endswith((".v", ".sv")):
            options["source"] = Path(place)
            options.setdefault("top", Path(place).stem)
            place = ""
        elif "top" in options:
            raise ValueError(f"top must come with a Verilog file, got {place!r}")
        sizes = built.pop("sizes", "") or place or "2-2-1"
        if not re.fullmatch(r"\d+(-\d+)+", sizes):
            raise ValueError(f"sizes must be joined by dashes, got {sizes!r}")
        return cls(Design(tuple(map(int, sizes.split("-"))), **built), **options)

    @classmethod
    def missing(cls) -> str:
        """What to install for the logic itself; without, its bit-true model runs."""
        return lacking("amaranth", "rtl") or verilated.missing()

    @classmethod
    def demos(cls) -> "list[Rtl]":
        """Both forms, a narrow word, and the cheaper code; for the laws."""
        return [
            cls(Design(), engine="python"),
            cls(Design((3, 4, 2), form="shared"), engine="python"),
            cls(Design((3, 2), word=14, fraction=10, code="taps"), engine="python"),
        ]

    @property
    def engine(self) -> Engine:
        """What computes, built when it is first asked for.

        Raises FileNotFoundError or ModuleNotFoundError, saying what to install, if the
        engine that is wanted cannot be had.
        """
        if self._engine is None:
            self._engine = engine_of(self.wanted, self.design, self.source, self.top)
        return self._engine

    def open(self) -> None:
        """Build or load the engine; Verilator takes some ten seconds the first time."""
        _ = self.engine

    def close(self) -> None:
        """Nothing is left on: a perturbation ends with its measurement."""

    def identify(self) -> Identity:
        """The firmware is the engine."""
        model = self.top or self.design.name
        return Identity("plexgrad", model, self.serial, self.engine.name)

    def write_parameters(
        self, theta: np.ndarray, index: np.ndarray | None = None
    ) -> None:
        whole = self.read_parameters()
        whole[slice(None) if index is None else index] = theta
        self.engine.load(0, words(self.design, self.capabilities.held(whole)))

    def read_parameters(self) -> np.ndarray:
        return (self.engine.weights() / self.design.one).astype(np.float32)

    def load_samples(self, x: np.ndarray, y: np.ndarray, key: str) -> str:
        """Keep samples (n, inputs) and targets (n, outputs) in the chip's memory."""
        self.data.keep(self.engine, x, y, key)
        return key

    def measure(
        self,
        perturbations: Perturbations,
        shown: Shown,
        want: str = "cost",
        repeats: int = 1,
    ) -> Measurement:
        one_of("want", want, ("cost", "outputs"))
        engine, before = self.engine, self.engine.cycles
        weights, saturated = engine.weights(), None
        if isinstance(perturbations, Codes):
            asked = rows.by_codes(self.design, perturbations, shown.groups)
        else:
            asked, saturated = rows.by_arrays(self.design, weights, perturbations)
        try:
            told = rows.measured(engine, self.data, asked, shown, want)
        finally:
            engine.load(0, weights)
        # It is deterministic: repeating takes time and tells nothing.
        cycles = repeats * (engine.cycles - before)
        return Measurement(
            cost=told if want == "cost" else None,
            outputs=told if want == "outputs" else None,
            device_seconds=cycles / self.clock_hz,
            clock="estimated",
            saturated=saturated,
            raw={"cycles": cycles},
        )

    def run_steps(self, steps: int, config: Autonomy) -> Trace:
        """Train alone; `lab.rtl.rates` says which learning rates there are."""
        design, codes = self.design, config.codes
        settings = rates.settings(self.data, config, steps)
        first = settings.first
        where = codes.kind, codes.key, codes.start, design.synapses
        span = settings.stop - first
        start = config.position % span
        self.engine.configure(settings)
        self.engine.reseed(shifts.register_at(*where), first + start)
        ran = self.engine.run(steps)
        cost = (ran.plus + ran.minus) / 2 * self.data.scale(config.batch)
        return Trace(
            cost.astype(np.float32),
            codes.start + steps,
            (start + steps * config.batch) % span,
            ran.cycles / self.clock_hz,
        )
