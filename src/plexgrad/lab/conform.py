"""The conformance kit: checks that a device does what its capabilities say.

Every driver, ours or another's, can be put through it (`plexgrad chip conform URL`). A
check that does not apply is skipped with a reason, never by a driver's name. Numbers
K1 to K16 are those of the list in docs/lab.md. Parameters are put back at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plexgrad.lab.costs import per_sample
from plexgrad.lab.device import Device, Measurement, Shown
from plexgrad.lab.perturbations import Codes, Perturbations

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Wrong(Exception):
    """A promise that was not kept."""


class Skip(Exception):
    """A check that does not apply."""


@dataclass(frozen=True)
class Result:
    """One check: its number and name, how it ended, and what was measured."""

    number: str
    name: str
    status: str
    said: str


class Subject:
    """A device under test, with what the checks need."""

    def __init__(self, device: Device, seed: int = 0) -> None:
        self.device = device
        self.random = np.random.default_rng(seed)
        can = self.can = device.capabilities
        size = can.parameters
        low = np.concatenate(
            [np.full(g.count, g.start[0] if g.start else g.low) for g in can.groups]
        )
        high = np.concatenate(
            [np.full(g.count, g.start[1] if g.start else g.high) for g in can.groups]
        )
        # Somewhere inside, so that neither a start nor a pattern meets a rail.
        self.theta = can.held(low + (high - low) * self.random.uniform(0.3, 0.7, size))
        amplitude = max(1e-2 * float((high - low).min()), can.amplitude_low)
        if can.amplitude_step:
            amplitude = can.amplitude_step * round(amplitude / can.amplitude_step + 0.5)
        self.amplitude = float(np.float32(min(amplitude, can.amplitude_high)))
        shape = 1, 6
        x = self.random.random((*shape, can.inputs), np.float32)
        y = np.eye(max(2, can.outputs), dtype=np.float32)
        labels = np.arange(6) % max(2, can.outputs)
        y = y[labels][None, :, : can.outputs]
        self.shown = Shown(x, y) if can.inputs else Shown()
        self.rows = max(2, min(12, can.max_rows or 12) // 2 * 2)

    def signs(self, rows: int) -> np.ndarray:
        """Rows of random offsets."""
        shape = rows, self.can.parameters
        drawn = np.where(self.random.random(shape) < 0.5, -1.0, 1.0)
        return (drawn * self.amplitude).astype(np.float32)

    def cost(
        self, what: Perturbations, shown: Shown | None = None, repeats: int = 1
    ) -> np.ndarray:
        """The cost of each row, by the device or of its outputs."""
        seen = self.shown if shown is None else shown
        if "cost" in self.can.returns:
            found = self.device.measure(what, seen, "cost", repeats)
            return self.checked(found, what, seen)
        found = self.device.measure(what, seen, "outputs", repeats)
        if found.outputs is None or seen.y is None:
            raise Wrong("outputs were declared, but none came")
        told = np.asarray(found.outputs, np.float32)
        each = np.repeat(seen.y, len(told) // len(seen.y), axis=0)
        return per_sample("mse", told, each).mean(axis=-1)

    def checked(
        self, found: Measurement, what: Perturbations, shown: Shown
    ) -> np.ndarray:
        """The costs, if there is one for each row."""
        wanted = what.count_rows(shown.groups) if isinstance(what, Codes) else len(what)
        if found.cost is None or found.cost.shape != (wanted,):
            got = None if found.cost is None else found.cost.shape
            raise Wrong(f"cost must have shape ({wanted},), got {got}")
        return np.asarray(found.cost, np.float32)

    def rest(self) -> np.ndarray:
        """A row without perturbation."""
        return np.zeros((1, self.can.parameters), np.float32)

    def same(self, what: str, one: np.ndarray, other: np.ndarray) -> str:
        """Say how far two measurements are apart, or raise Wrong if too far."""
        gap = float(np.abs(one - other).max())
        level = float(np.abs(one).max())
        most = 2e-5 * level + 1e-7 + 8 * self.can.noise_std
        if not gap <= most:
            raise Wrong(f"{what} differ by {gap:.3g}, allowed are {most:.3g}")
        return f"largest difference {gap:.2g} of {level:.3g}"


def conform(device: Device, seed: int = 0) -> list[Result]:
    """Put a device through every check. It is opened and closed here."""
    from plexgrad.lab.checks import CHECKS

    device.open()
    try:
        before = device.read_parameters()
        subject = Subject(device, seed)
        found = [_run(check, subject) for check in CHECKS]
        device.write_parameters(before)
    finally:
        device.close()
    return found


def _run(check: Callable[[Subject], str], subject: Subject) -> Result:
    number, _, name = check.__name__.partition("_")
    number, name = number.upper(), name.replace("_", " ")
    try:
        subject.device.write_parameters(subject.theta)
        return Result(number, name, PASSED, check(subject))
    except Skip as reason:
        return Result(number, name, SKIPPED, str(reason))
    except Exception as error:  # a driver's own, too, is a result
        kind = "" if isinstance(error, Wrong) else f"{type(error).__name__}: "
        return Result(number, name, FAILED, f"{kind}{error}")
