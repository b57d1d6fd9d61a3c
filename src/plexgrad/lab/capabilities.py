"""What a device can do and bear, as its driver declares it.

The lists of fields follow what labs need to know before the first volt is sent: sizes,
ranges and steps, perturbation, functions, timing, quality and wear.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float32

from plexgrad.core.validate import at_least, finite, one_of, positive_int

RETURNS = ("cost", "outputs", "hits")
GRANULARITIES = ("all", "row", "one")

MOST_PARAMETERS = 2**26
"""Of a device in another process, whose word alone says how much is to be held."""


@dataclass(frozen=True)
class Knobs:
    """A group of parameters of one kind, in the chip's flat order.

    `low`, `high` and `step` are in `unit`; a step of 0 is continuous. `shape` lets
    structured codes see a matrix. `granularity` says what one write can reach: "all"
    parameters, a "row", or "one". `endurance` is how often a cell can be written.
    `start` is the range that a fresh training draws from; None keeps what is there.
    Raises ValueError for a range that is empty or a step that does not fit in it.
    """

    shape: tuple[int, ...]
    low: float | int
    high: float | int
    step: float | int = 0.0
    unit: str = "1"
    name: str = "weights"
    granularity: str = "all"
    endurance: float | int | None = None
    start: tuple[float | int, float | int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        for size in self.shape:
            positive_int("shape", size)
        low, high = finite("low", self.low), finite("high", self.high)
        if low >= high:
            raise ValueError(f"high must be above low={low:g}, got {high:g}")
        if at_least("step", self.step, 0.0) > high - low:
            raise ValueError(
                f"step must be at most the range {high - low:g}, got {self.step!r}"
            )
        one_of("granularity", self.granularity, GRANULARITIES)
        if self.start is not None:
            first, last = map(float, self.start)
            if not low <= first <= last <= high:
                raise ValueError(
                    f"start must lie in [{low:g}, {high:g}], got {self.start!r}"
                )
            object.__setattr__(self, "start", (first, last))

    @property
    def count(self) -> int:
        """How many parameters."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Capabilities:
    """A device's sizes, limits, functions, timing, quality and wear.

    `returns` says what `measure` can be asked for: "cost", "outputs" (the host makes
    the cost) and, beside a cost, "hits". `makes_codes` names the kinds of `Codes` it
    makes itself; `fused` that `step` applies an update and measures in one call;
    `any_samples` that held samples can be shown in any order, not only in runs.
    `perturbs_by_writing`: every row of a measurement is a write of all parameters.
    `follows_codes`: the codes of a step need not be sent if they follow its update's.

    `update_step`: a term of an update, coefficient times amplitude, is rounded to it
    before the terms are summed, ties to even; 0 if it is not rounded.

    Zero means no limit or not known: `amplitude_step` (of the perturbation DAC),
    `max_rows` and `max_samples` (per call, and held), `settle_s` after a write,
    `input_settle_s`, `sample_rate_hz`, `latency_s`, `bytes_per_s`, `noise_std` (of one
    cost), `drift_per_s`. `exact_writes`: what is read back is what was written, to the
    step. No `groups`: nothing is known yet. Raises ValueError for a negative number or
    an unknown word.
    """

    groups: tuple[Knobs, ...]
    inputs: int = 0
    outputs: int = 1
    returns: tuple[str, ...] = ("cost",)
    amplitude_low: float | int = 0.0
    amplitude_high: float | int = math.inf
    amplitude_step: float | int = 0.0
    update_step: float | int = 0.0
    max_rows: int = 0
    max_samples: int = 0
    makes_codes: tuple[str, ...] = ()
    holds_data: bool = False
    any_samples: bool = True
    applies_updates: bool = False
    fused: bool = False
    follows_codes: bool = False
    autonomous: bool = False
    perturbs_by_writing: bool = False
    exact_writes: bool = True
    deterministic: bool = False
    concurrency: int = 1
    settle_s: float | int = 0.0
    input_settle_s: float | int = 0.0
    sample_rate_hz: float | int = 0.0
    latency_s: float | int = 0.0
    bytes_per_s: float | int = 0.0
    noise_std: float | int = 0.0
    drift_per_s: float | int = 0.0
    simulated: bool = field(default=False)

    def __post_init__(self) -> None:
        for name in ("groups", "returns", "makes_codes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not {"cost", "outputs"}.intersection(self.returns):
            raise ValueError(f"returns must hold cost or outputs, got {self.returns!r}")
        for word in self.returns:
            one_of("returns", word, RETURNS)
        for name in _NUMBERS:
            value = getattr(self, name)
            if not (isinstance(value, int | float) and value >= 0):
                raise ValueError(f"{name} must be at least 0, got {value!r}")
        if self.fused and not (self.applies_updates and self.makes_codes):
            raise ValueError("fused must come with applies_updates and makes_codes")

    @cached_property
    def parameters(self) -> int:
        """P, the number of parameters."""
        return sum(group.count for group in self.groups)

    def each(self, name: str) -> Float32[np.ndarray, " P"]:
        """A field of the groups ("low", "high", "step") for every parameter."""
        parts = [np.full(g.count, getattr(g, name), np.float32) for g in self.groups]
        return np.concatenate([np.empty(0, np.float32), *parts])

    @cached_property
    def low(self) -> Float32[np.ndarray, " P"]:
        """The least value of every parameter."""
        return self.each("low")

    @cached_property
    def high(self) -> Float32[np.ndarray, " P"]:
        """The greatest value of every parameter."""
        return self.each("high")

    @cached_property
    def step(self) -> Float32[np.ndarray, " P"]:
        """The step of every parameter; 0 is continuous."""
        return self.each("step")

    def held(self, theta: np.ndarray) -> Float32[np.ndarray, " P"]:
        """What the device holds after `theta` (P,) is written: clipped, on its steps.

        Steps count from `low`; a tie goes to the even one. Made in float64, so that
        host and device agree to the last bit.
        """
        low, high, stepped, step, most = self._steps
        value = np.minimum(np.maximum(theta.astype(np.float64), low), high)
        if stepped is not None:
            places = np.minimum(np.rint((value - low) / step), most)
            value = np.where(stepped, low + step * places, value)
        return value.astype(np.float32)

    @cached_property
    def _steps(self) -> tuple[Any, ...]:
        """Range in float64, which parameters have steps, the steps, and how many."""
        low, high = self.low.astype(np.float64), self.high.astype(np.float64)
        stepped = self.step > 0
        step = np.where(stepped, self.step.astype(np.float64), 1.0)
        most = np.floor((high - low) / step + 1e-6)
        return low, high, stepped if stepped.any() else None, step, most

    @cached_property
    def slack(self) -> Float32[np.ndarray, " P"]:
        """How far what is read may lie from what was written: a share of a step.

        A driver computes in its own unit and its own way, so last bits may differ.
        """
        return np.maximum(0.01 * self.step, 2e-6 * (self.high - self.low))

    def where(self, index: int) -> str:
        """The name of parameter `index` for people: "weights[3] (V)"."""
        for group in self.groups:
            if index < group.count:
                return f"{group.name}[{index}]" + (
                    f" ({group.unit})" if group.unit != "1" else ""
                )
            index -= group.count
        raise IndexError(f"parameter must be below {self.parameters}, got {index}")

    def to_json(self) -> dict[str, Any]:
        """Plain data; no limit on the amplitude is null."""
        found = asdict(self)
        if math.isinf(self.amplitude_high):
            found["amplitude_high"] = None
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Capabilities":
        """The inverse of `to_json`; fields of a later version are left out.

        Raises ValueError for what no device can be, `MOST_PARAMETERS` included.
        """
        try:
            return cls._from_json(data)
        except (AttributeError, KeyError, TypeError) as error:
            what = f"{type(error).__name__}: {error}"
            raise ValueError(f"capabilities must be a device's, got {what}") from error

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> "Capabilities":
        known = {each.name for each in fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        if values.get("amplitude_high") is None:
            values["amplitude_high"] = math.inf
        names = {each.name for each in fields(Knobs)}
        groups = []
        for group in values["groups"]:
            found = {k: v for k, v in group.items() if k in names}
            if found.get("start") is not None:
                found["start"] = tuple(found["start"])
            groups.append(Knobs(**{**found, "shape": tuple(found["shape"])}))
        if (count := sum(group.count for group in groups)) > MOST_PARAMETERS:
            raise ValueError(
                f"the parameters must be {MOST_PARAMETERS} at most, got {count}"
            )
        values["groups"] = tuple(groups)
        for name in ("returns", "makes_codes"):
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)


_NUMBERS = tuple(
    name
    for name in (each.name for each in fields(Capabilities))
    if name.endswith(("_s", "_hz", "_std", "_step", "_low", "_high"))
    or name.startswith("max_")
    or name in ("inputs", "outputs", "concurrency")
)
