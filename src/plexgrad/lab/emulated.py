r"""An emulated chip: a multilayer perceptron in NumPy that behaves like a device.

It holds its parameters (on their DAC's steps, within their range), makes its own codes,
holds data, measures a cost with noise, and applies updates; each of these can be taken
away, down to a chip that knows nothing but arrays. `emulated:49-4-4?step=0.01` opens
one in this process, `plexgrad chip serve` puts one behind a link.
"""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, final

import numpy as np
from jaxtyping import Bool, Float32

from plexgrad.core.validate import at_least, one_of
from plexgrad.lab.capabilities import Capabilities, Knobs
from plexgrad.lab.costs import COSTS, per_sample, right
from plexgrad.lab.defects import Defects, numbers
from plexgrad.lab.device import Identity, Measurement, Refused, Restarted, Shown
from plexgrad.lab.in_process import InProcess
from plexgrad.lab.perturbations import Codes, Perturbations, Update, rows_of, summed
from plexgrad.lab.transports.transport import parts
from plexgrad.lab.words import Generator

ACTIVATIONS = {
    "sigmoid": lambda z: 0.5 * np.tanh(0.5 * z) + 0.5,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "linear": lambda z: z,
}


@final
class EmulatedMLP(InProcess):
    """Dense layers of `sizes`; per layer all weights (inputs, outputs), then biases.

    `step` is that of the parameters, `amplitude_step` that of the perturbation DAC (0:
    continuous), `noise` the standard deviation of one cost. `codes`, `data` and
    `updates` say whether it makes codes, holds data and applies updates itself. At
    power-on it holds random parameters, drawn from `seed` as silicon draws its own.
    `dead` and `stuck` knobs, `drift` and `settle` are planted: see `lab.defects`.
    """

    scheme: ClassVar[str] = "emulated"

    def __init__(
        self,
        sizes: Sequence[int] = (49, 4, 4),
        activation: str = "sigmoid",
        output: str = "sigmoid",
        cost: str = "mse",
        low: float | int = -8.0,
        high: float | int = 8.0,
        step: float | int = 0.0,
        amplitude_step: float | int = 0.0,
        noise: float | int = 0.0,
        codes: bool = True,
        data: bool = True,
        updates: bool = True,
        serial: str = "EMU-0001",
        seed: int = 0,
        dead: tuple[int, ...] = (),
        stuck: tuple[int, ...] = (),
        drift: float | int = 0.0,
        settle: float | int = 0.0,
    ) -> None:
        one_of("activation", activation, ACTIVATIONS)
        one_of("output", output, ACTIVATIONS)
        at_least("noise", noise, 0.0)
        self.sizes, self.cost = tuple(sizes), one_of("cost", cost, COSTS)
        hidden = [ACTIVATIONS[activation]] * (len(self.sizes) - 2)
        self.activations = [*hidden, ACTIVATIONS[output]]
        groups = []
        for number, (rows, columns) in enumerate(pairwise(self.sizes), 1):
            for name, shape in (("w", (rows, columns)), ("b", (columns,))):
                name, start = f"{name}{number}", (max(low, -0.5), min(high, 0.5))
                groups.append(Knobs(shape, low, high, step, name=name, start=start))
        self.capabilities = Capabilities(
            tuple(groups),
            inputs=self.sizes[0],
            outputs=self.sizes[-1],
            returns=("cost", "outputs", "hits"),
            amplitude_step=amplitude_step,
            amplitude_low=amplitude_step,
            amplitude_high=(high - low) / 2,
            makes_codes=("rademacher",) if codes else (),
            holds_data=data,
            applies_updates=updates,
            fused=codes and updates,
            deterministic=not (noise or drift or settle),
            noise_std=noise,
            simulated=True,
        )
        self.defects = Defects(self.capabilities, dead, stuck, drift, settle)
        self.identity = Identity("plexgrad", "emulated MLP", serial, "1")
        self._random = np.random.default_rng(seed)
        self._generator = Generator((0, 0), self.capabilities.parameters)
        self.held: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.theta = self._power_on()
        self.dark = False

    @classmethod
    def of(cls, url: str) -> "EmulatedMLP":
        """The chip of `emulated:SIZES?option=value`; options are those of the class."""
        switch = {name: _switch for name in ("codes", "data", "updates")}
        sizes = "low", "high", "step", "amplitude_step", "noise", "drift", "settle"
        number: dict[str, Any] = dict.fromkeys(sizes, float)
        words = dict.fromkeys(("activation", "output", "cost", "serial"), str)
        which = dict.fromkeys(("dead", "stuck"), numbers)
        known = {**switch, **number, **words, **which, "seed": int}
        place, options = parts(url, known)
        sizes = (place or "49-4-4").split("-")
        if len(sizes) < 2 or not all(size.isdigit() for size in sizes):
            raise ValueError(f"sizes must be joined by dashes, got {place!r}")
        return cls([int(size) for size in sizes], **options)

    @classmethod
    def demos(cls) -> "list[EmulatedMLP]":
        """Chips that can much, little, and only imprecisely; for the laws."""
        dumb: Any = {"codes": False, "data": False, "updates": False}
        return [
            cls([3, 4, 2]),
            cls([3, 4, 2], step=2**-6, amplitude_step=2**-8, low=-2, high=2),
            cls([3, 4, 2], **dumb),
            cls([3, 4, 2], noise=1e-3, codes=False),
            cls([3, 4, 2], "tanh", "linear", "cross_entropy", updates=False),
        ]

    def power_cut(self) -> None:
        """Lose parameters and data; every call fails until it is opened again."""
        self.held, self.theta, self.dark = {}, self._power_on(), True

    def open(self) -> None:
        self.dark = False

    def close(self) -> None:
        """Nothing is left on: a perturbation ends with its measurement."""

    def identify(self) -> Identity:
        return self.identity

    def write_parameters(
        self, theta: np.ndarray, index: np.ndarray | None = None
    ) -> None:
        self._awake()
        whole = self.theta.copy()
        whole[slice(None) if index is None else index] = theta
        self.defects.written(self.theta)
        self.theta = self.capabilities.held(whole)

    def read_parameters(self) -> np.ndarray:
        self._awake()
        return self.theta.copy()

    def load_samples(self, x: np.ndarray, y: np.ndarray, key: str) -> str:
        """Keep samples (n, inputs) and targets (n, outputs) under a key."""
        self._awake()
        self.held[key] = np.asarray(x, np.float32), np.asarray(y, np.float32)
        return key

    def update(self, update: Update) -> None:
        """Add the sum of codes, clipped to the range and on the steps."""
        self._awake()
        change = summed(update.coefficients, self._patterns(update.codes))
        self.defects.written(self.theta)
        self.theta = self.capabilities.held(self.theta.astype(np.float64) + change)

    def measure(
        self,
        perturbations: Perturbations,
        shown: Shown,
        want: str = "cost",
        repeats: int = 1,
    ) -> Measurement:
        self._awake()
        began = time.perf_counter()
        x, y = self._samples(shown)
        if isinstance(perturbations, Codes):
            if not self.capabilities.makes_codes:
                raise Refused("this chip makes no codes; send arrays")
            patterns = self._patterns(perturbations)
            rows = rows_of(patterns, perturbations.reference, len(x))
        else:
            rows = perturbations
        if len(rows) % len(x):
            raise Refused(f"rows must be dealt to {len(x)} groups, got {len(rows)}")
        theta, saturated = self._perturbed(rows)
        told = self._forward(theta.reshape(len(x), -1, theta.shape[1]), x[:, None])
        seconds = time.perf_counter() - began
        common = {
            "device_seconds": seconds,
            "clock": "estimated",
            "saturated": saturated,
        }
        flat = told.reshape(len(rows), *told.shape[2:])
        if want == "outputs":
            return Measurement(outputs=flat, **common)
        cost = per_sample(self.cost, told, y[:, None]).mean(-1).reshape(-1)
        hits = right(told, y[:, None]).sum(-1).reshape(-1).astype(np.float32)
        if self.capabilities.noise_std:
            drawn = self._random.standard_normal(len(cost))
            sigma = self.capabilities.noise_std / repeats**0.5
            cost = cost + (sigma * drawn).astype(np.float32)
        if self.defects.drift:
            cost = cost + self.defects.offset()
        return Measurement(cost.astype(np.float32), hits=hits, **common)

    def _power_on(self) -> Float32[np.ndarray, " P"]:
        drawn = self._random.uniform(-0.5, 0.5, self.capabilities.parameters)
        return self.capabilities.held(drawn)

    def _awake(self) -> None:
        if self.dark:
            raise Restarted("the emulated chip was without power")

    def _patterns(self, codes: Codes) -> Float32[np.ndarray, "slots P"]:
        if self._generator.key != codes.key:
            self._generator = Generator(codes.key, self.capabilities.parameters)
        return self._generator.signs(codes.slots) * np.float32(codes.amplitude)

    def _perturbed(
        self, rows: np.ndarray
    ) -> tuple[Float32[np.ndarray, "rows P"], Bool[np.ndarray, " P"]]:
        can = self.capabilities
        if rows.shape[1:] != (can.parameters,):
            raise Refused(
                f"perturbations must have {can.parameters} columns, got {rows.shape}"
            )
        if can.amplitude_step:
            unit = np.float32(can.amplitude_step)
            rows = np.rint(rows / unit) * unit
        wanted = self.defects.base(self.theta)[None] + rows
        held = np.clip(wanted, can.low, can.high)
        cut = (held != wanted).any(axis=0)
        self.defects.silence(held)
        return held, cut

    def _samples(self, shown: Shown) -> tuple[np.ndarray, np.ndarray]:
        if shown.index is None:
            if shown.x is None or shown.y is None:
                raise Refused("this chip needs samples, got none")
            return shown.x, shown.y
        if shown.handle not in self.held:
            raise Refused(f"no samples are held under {shown.handle!r}")
        x, y = self.held[shown.handle]
        if shown.index.size and shown.index.max() >= len(x):
            raise Refused(f"{len(x)} samples are held, got {shown.index.max()}")
        return x[shown.index], y[shown.index]

    def _forward(self, theta: np.ndarray, a: np.ndarray) -> np.ndarray:
        """Outputs (groups, rows, batch, outputs)."""
        start = 0
        for (rows, columns), act in zip(
            pairwise(self.sizes), self.activations, strict=True
        ):
            stop = start + rows * columns
            weight = theta[..., start:stop].reshape(*theta.shape[:-1], rows, columns)
            bias = theta[..., None, stop : stop + columns]
            a, start = act(a @ weight + bias), stop + columns
        return a


def _switch(word: str) -> bool:
    if word.lower() not in ("0", "1", "true", "false", "yes", "no"):
        raise ValueError(f"a switch must be 0 or 1, got {word!r}")
    return word.lower() in ("1", "true", "yes")
