"""The device protocol: what a driver must offer, and what it may.

Structural typing: a driver needs no base class and nothing of this package but NumPy
arrays. `measure` is the one call that matters. What a driver offers beyond `Device` is
declared in its `Capabilities` and has a protocol of its own here; `lab.conform` checks
that both agree, and that the device does what it says.
"""

import time
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from plexgrad.core.words import line
from plexgrad.lab.capabilities import Capabilities
from plexgrad.lab.perturbations import Perturbations, Update

MOST_WORDS = 200
"""Characters of a device's name that are kept."""


class LinkLost(ConnectionError):
    """The device does not answer. It may or may not have done what was asked last."""


class Restarted(ConnectionError):
    """The device answers, but has lost what it held: parameters, data, or both."""


class Refused(ValueError):
    """The device understood and will not do it; it has changed nothing."""


@dataclass(frozen=True)
class Identity:
    """Who the device is. `serial` tells one chip from another of its model."""

    vendor: str
    model: str
    serial: str
    firmware: str = ""

    def __post_init__(self) -> None:
        # The device's own words: they go into files, reports and terminals.
        for name in ("vendor", "model", "serial", "firmware"):
            if isinstance(said := getattr(self, name), str):
                object.__setattr__(self, name, line(said, MOST_WORDS))

    def __str__(self) -> str:
        return f"{self.vendor} {self.model}, serial {self.serial}" + (
            f", firmware {self.firmware}" if self.firmware else ""
        )


@dataclass(frozen=True, eq=False)
class Shown:
    """The samples of a measurement: `groups` of a batch each.

    Either held on the device (`handle` from `load_samples`, `index` (groups, batch)
    uint32), or sent: `x` (groups, batch, inputs) and `y` (groups, batch, outputs),
    float32. With neither, the device shows what it always does.
    """

    x: np.ndarray | None = None
    y: np.ndarray | None = None
    handle: str = ""
    index: np.ndarray | None = None

    @property
    def groups(self) -> int:
        """How many groups of samples."""
        for array in (self.index, self.x):
            if array is not None:
                return len(array)
        return 1

    @property
    def batch(self) -> int:
        """Samples in a group; 0 if none are shown."""
        for array in (self.index, self.x):
            if array is not None:
                return array.shape[1]
        return 0


@dataclass(frozen=True, eq=False)
class Measurement:
    """What the device answers, row by row.

    `cost` (rows,) float32 is the mean over the batch, or None if only `outputs` (rows,
    batch, outputs) were asked for; `hits` (rows,) counts samples that were right.
    `device_seconds` is time that the chip was busy, and `clock` says how it is known:
    "measured", "estimated" or "none". `saturated` marks parameters that a row drove out
    of their range, or is None.
    """

    cost: np.ndarray | None = None
    outputs: np.ndarray | None = None
    hits: np.ndarray | None = None
    timestamp: float | int = field(default_factory=time.time)
    device_seconds: float | int = 0.0
    clock: str = "none"
    settle_ok: bool = True
    saturated: np.ndarray | None = None
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass
class LinkCounts:
    """What crossed a link so far; a driver that has one keeps it as `link`."""

    bytes_out: int = 0
    bytes_in: int = 0
    calls: int = 0
    retries: int = 0
    reconnects: int = 0
    damaged: int = 0
    busy_s: float = 0.0


@runtime_checkable
class Device(Protocol):
    """What every device offers.

    `open` may be called again after `close`, or after a LinkLost; it raises OSError if
    there is no device. All raise LinkLost (or TimeoutError) when it does not answer,
    Restarted when it has lost its state, Refused when it will not.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; known once it is open."""
        ...

    def open(self) -> None:
        """Connect, and be ready."""
        ...

    def close(self) -> None:
        """Leave the device in a safe state, without a perturbation. Never raises."""
        ...

    def identify(self) -> Identity:
        """Who it is."""
        ...

    def write_parameters(
        self, theta: np.ndarray, index: np.ndarray | None = None
    ) -> None:
        """Set all parameters (P,), or those at `index`, in their units."""
        ...

    def read_parameters(self) -> np.ndarray:
        """The parameters (P,) as the device holds them, without a perturbation."""
        ...

    def measure(
        self,
        perturbations: Perturbations,
        shown: Shown,
        want: str = "cost",
        repeats: int = 1,
    ) -> Measurement:
        """One cost (or the outputs) per row; rows are dealt evenly to the groups.

        Each row is measured `repeats` times and averaged. The parameters are as before
        when it returns.
        """
        ...


@runtime_checkable
class HoldsData(Protocol):
    """Declared by `holds_data`."""

    def load_samples(self, x: np.ndarray, y: np.ndarray, key: str) -> str:
        """Keep samples (n, inputs), (n, outputs) under a key; gives their handle."""
        ...


@runtime_checkable
class AppliesUpdates(Protocol):
    """Declared by `applies_updates`."""

    def update(self, update: Update) -> None:
        """Add a sum of codes to the parameters, clipped and on its steps."""
        ...


@runtime_checkable
class Steps(Protocol):
    """Declared by `fused`."""

    def step(
        self, update: Update | None, perturbations: Perturbations, shown: Shown
    ) -> Measurement:
        """Apply the last update, if any, then measure: one round trip per step."""
        ...


@dataclass(frozen=True)
class Autonomy:
    """A run that the device makes alone: plain SGD, one update per `codes.count` slots.

    The sum of `eta` x signal x pattern / (slots x amplitude^2) is taken away each time;
    the codes go on from slot to slot, the samples (`batch` at a time, in runs) of
    `handle` from `position`, around and around.
    """

    codes: Any
    eta: float | int
    handle: str
    batch: int
    position: int = 0


@dataclass(frozen=True, eq=False)
class Trace:
    """What it did: the mean cost of every step (n,), and where it stands now."""

    cost: np.ndarray
    slot: int
    position: int
    device_seconds: float | int = 0.0


@runtime_checkable
class Autonomous(Protocol):
    """Declared by `autonomous`."""

    def run_steps(self, steps: int, config: Autonomy) -> Trace:
        """Train alone for so many steps."""
        ...


PROMISES: dict[str, type] = {
    "holds_data": HoldsData,
    "applies_updates": AppliesUpdates,
    "fused": Steps,
    "autonomous": Autonomous,
}
"""Capabilities that come with methods."""
