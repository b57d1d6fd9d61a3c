"""A device on the bench: limits checked, a shadow kept, what is lost restored.

Whatever goes to a device goes through here. The shadow is the host's belief of the
parameters. When the link or the device was lost, the device is opened again, its serial
number compared, its data and the shadow written back, and the call made again: since
the shadow holds every update exactly once, so does the device, whatever was under way.
What it answers is checked here too, once for all drivers: see `lab.readings`.
"""

import contextlib
import time
import warnings
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from jaxtyping import Float32

from plexgrad.core.validate import at_least
from plexgrad.lab import limits, readings
from plexgrad.lab.accounts import Accounts
from plexgrad.lab.capabilities import Capabilities
from plexgrad.lab.device import (
    Device,
    Identity,
    LinkCounts,
    LinkLost,
    Measurement,
    Shown,
)
from plexgrad.lab.notes import Notes, Tell
from plexgrad.lab.perturbations import Codes, Perturbations, Update, summed
from plexgrad.lab.readings import Misread
from plexgrad.lab.resting import rested
from plexgrad.lab.transient import Transient, is_lost, kinds
from plexgrad.lab.words import Generator

T = TypeVar("T")

AT_ONCE = 8
"""Tries to reach a lost device without a pause between them."""

KEPT = 4096
"""Coefficients of updates that may wait to be added to the shadow."""


class OtherChip(ValueError):
    """Another device answers where one was lost; nothing was written to it."""


class Worn(RuntimeError):
    """A cell has been written as often as it may be; nothing more is sent."""


class Bench:
    """A device with limits, a shadow and accounts.

    `patience_s`: how long a lost device is waited for before LinkLost is raised;
    `told` is called between two tries. `transient` names errors of a driver that mean
    a lost link, beside those of `lab.transient`. `tell` hears of answers that were
    wrong.
    """

    def __init__(
        self,
        device: Device,
        patience_s: float | int = 30.0,
        transient: Transient = (),
        tell: Tell | None = None,
    ) -> None:
        self.device, self.patience_s = device, at_least("patience_s", patience_s, 0.0)
        own = kinds(getattr(device, "transient", ()))
        self.transient, self.notes = kinds(transient) + own, Notes(tell)
        self.extra = 0  # costs that only a team measures: see `lab.team`
        self.loaded: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.told: Callable[[], object] = lambda: None
        self._waiting: list[Update] = []
        self._waits = 0

    def __enter__(self) -> "Bench":
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        rested(self.device)

    def open(self) -> None:
        """Open the device and read what it holds."""
        self.device.open()
        self.identity: Identity = self.device.identify()
        self.can = self.device.capabilities
        if not isinstance(self.can, Capabilities):
            raise TypeError(f"capabilities must be a Capabilities, got {self.can!r}")
        if not isinstance(self.identity, Identity):
            raise TypeError(f"identify must give an Identity, got {self.identity!r}")
        if not self.can.parameters:
            raise ValueError(f"a device must have parameters, {self.identity} has none")
        self.accounts = Accounts.of(self.can.parameters)
        link = getattr(self.device, "link", None)
        self.accounts.link = link if isinstance(link, LinkCounts) else LinkCounts()
        self._believed = self._read()
        # Between two rows of a run, a return to rest is time and wear for nothing.
        self.lingers = hasattr(self.device, "lingers")
        if self.lingers:
            setattr(self.device, "lingers", True)  # noqa: B010
        self._generator = Generator((0, 0), self.can.parameters)
        ends = [g.endurance or np.inf for g in self.can.groups]
        self._endurance = np.repeat(ends, [g.count for g in self.can.groups])
        self._mortal = bool(np.isfinite(self._endurance).any())

    @property
    def shadow(self) -> Float32[np.ndarray, " P"]:
        """The parameters as the host believes them to be."""
        for update in self._waiting:
            terms = update.terms(self.can.update_step)
            change = summed(terms, self._signs(update.codes))
            wanted = self._believed.astype(np.float64) + change
            self._believed = self.can.held(wanted)
        self._waiting, self._waits = [], 0
        return self._believed

    def load(self, x: np.ndarray, y: np.ndarray, key: str) -> None:
        """Hand samples over to the device, which keeps them under a key.

        Raises ValueError if they are more than it can hold.
        """
        most = self.can.max_samples
        held = sum(len(a) for k, (a, _) in self.loaded.items() if k != key)
        if most and held + len(x) > most:
            raise ValueError(
                f"samples must be {most} at most on this device, got {held + len(x)}"
            )
        began = time.perf_counter()
        self._safely(lambda: self.device.load_samples(x, y, key))  # pyright: ignore
        self.accounts.load_s += time.perf_counter() - began
        self.loaded[key] = x, y

    def write(self, theta: np.ndarray) -> None:
        """Set all parameters. Raises ValueError, with numbers, for one out of range."""
        theta = np.asarray(theta, np.float32)
        limits.refuse_outside(self.can, theta)
        self._wear(1)
        self._safely(lambda: self.device.write_parameters(theta))
        self._waiting, self._waits = [], 0
        self._believed = self.can.held(theta)
        self.accounts.writes += not self.lingers
        self.accounts.settle_s += self.can.settle_s * (not self.lingers)

    def touch(self) -> None:
        """Read, so that the link stays ours; a device that is off may come back."""
        try:
            self.device.read_parameters()
        except Exception as error:
            if not is_lost(error, self.transient):
                raise

    def read_back(self) -> Float32[np.ndarray, " P"]:
        """The parameters as the device holds them; from now on they are believed."""
        found = self._safely(self._read)
        self.accounts.writes += self.lingers
        gap = np.abs(found - self.shadow)
        self.accounts.drift = float(gap.max())
        apart = gap > self.can.slack
        if self.can.exact_writes and apart.any():
            self.accounts.disagreements += 1
            where = self.can.where(int(gap.argmax()))
            warnings.warn(
                f"the device holds {int(apart.sum())} parameters that differ from "
                f"what was written, {where} by {gap.max():g}",
                stacklevel=2,
            )
        self._believed = found
        return self._believed

    def measure(
        self,
        perturbations: Perturbations,
        shown: Shown,
        want: str = "cost",
        repeats: int = 1,
    ) -> Measurement:
        """As the device measures; nothing out of its limits is sent.

        Rows that it does not read, though asked a few times, are NaN. Raises Misread
        if it answers something else.
        """
        rows = self._allowed(perturbations, shown)

        def ask() -> Measurement:
            return self._safely(
                lambda: self.device.measure(perturbations, shown, want, repeats)
            )

        return self._sound(ask, ask, rows, shown, want, repeats)

    def step(
        self, update: Update | None, perturbations: Perturbations, shown: Shown
    ) -> Measurement:
        """Apply an update and measure, in one call where the device has it."""
        if update is None:
            return self.measure(perturbations, shown)
        if not self.can.fused:
            self.update(update)
            return self.measure(perturbations, shown)
        rows = self._allowed(perturbations, shown)
        self._acceptable(update)

        def ask() -> Measurement:
            found = self._safely(
                lambda: self.device.step(update, perturbations, shown)  # pyright: ignore
            )
            self._note(update)
            return found

        def again() -> Measurement:
            return self._safely(lambda: self.device.measure(perturbations, shown))

        return self._sound(ask, again, rows, shown)

    def update(self, update: Update) -> None:
        """Let the device add a sum of codes to its parameters."""
        self._acceptable(update)
        self._safely(lambda: self.device.update(update))  # pyright: ignore
        self._note(update)

    @property
    def made(self) -> int:
        """Updates that the device is known to have made."""
        return self.accounts.updates

    def believe(self, update: Update) -> None:
        """Count an update as made that the device could not be asked for."""
        self._waiting.append(update)

    def rest(self) -> None:
        """Bring a device to its believed parameters, whatever was under way.

        It is opened anew: the answer to an earlier call may still come.
        """
        self.reopen(self.shadow)

    def check_amplitude(self, amplitude: float) -> None:
        """Refuse an amplitude that the device cannot make; warn of one it cannot meet.

        Raises ValueError with numbers if it is below the DAC's step or out of range.
        """
        limits.check_amplitude(self.can, self.shadow, amplitude)

    def _allowed(self, what: Perturbations, shown: Shown) -> int:
        rows = limits.check_rows(self.can, what, shown)
        if self.can.perturbs_by_writing:
            self._wear(rows)
        return rows

    def _acceptable(self, update: Update) -> None:
        if not np.isfinite(update.coefficients).all():
            raise ValueError("an update's coefficients must be finite")
        self._wear(1)

    def _wear(self, more: int) -> None:
        if self._mortal and (self.accounts.writes + more > self._endurance).any():
            over = self.accounts.writes + more - self._endurance
            worst = int(over.argmax())
            raise Worn(
                f"{self.can.where(worst)} has been written "
                f"{self.accounts.writes[worst]} times of {self._endurance[worst]:g}"
            )

    def _sound(
        self,
        ask: Callable[[], Measurement],
        again: Callable[[], Measurement],
        rows: int,
        shown: Shown,
        want: str = "cost",
        repeats: int = 1,
    ) -> Measurement:
        """The answer, checked; `again` is asked where it was wrong."""

        def checked(found: object) -> Measurement:
            sound = readings.checked(found, rows, shown, want, self.can)
            return self._counted(sound, rows * repeats, max(1, shown.batch))

        def count(why: str, wrong: int) -> None:
            self.accounts.asked_again += wrong or rows
            if not wrong and self.can.perturbs_by_writing:
                self.accounts.writes += rows + (not self.lingers)
            which = f"{wrong} of {rows} readings" if wrong else "an answer"
            said = f"{which} of {self.identity} measured again: {why}"
            self.notes.add("again", said, wrong or rows)

        return readings.sound(ask, again, checked, count)

    def _read(self) -> Float32[np.ndarray, " P"]:
        """The device's parameters, asked for again if they are no such numbers."""
        for _ in range(readings.AGAIN):
            with contextlib.suppress(Misread):
                found = self.device.read_parameters()
                return readings.parameters(found, self.can.parameters)
        return readings.parameters(self.device.read_parameters(), self.can.parameters)

    def _counted(self, found: Measurement, rows: int, batch: int) -> Measurement:
        accounts = self.accounts
        accounts.rows += rows
        accounts.readings += rows * batch
        accounts.settle_s += rows * (
            self.can.settle_s * self.can.perturbs_by_writing
            + batch * self.can.input_settle_s
        )
        accounts.device_s += float(found.device_seconds)
        accounts.unsettled += not found.settle_ok
        if found.saturated is not None:
            accounts.saturated += found.saturated
        if self.can.perturbs_by_writing:
            accounts.writes += rows + (not self.lingers)
        return found

    def _note(self, update: Update) -> None:
        self.accounts.writes += 1
        self.accounts.updates += 1
        self._waiting.append(update)
        self._waits += update.codes.count
        # Added up in batches: one at a time would cost more than the step itself.
        if self._waits >= KEPT:
            _ = self.shadow

    def _signs(self, codes: Codes) -> np.ndarray:
        if self._generator.key != codes.key:
            self._generator = Generator(codes.key, self.can.parameters)
        return self._generator.signs(codes.slots)

    def _safely(self, call: Callable[[], T]) -> T:
        """The call's result, made again for as long as the device comes back."""
        began, tries = None, 0
        while True:
            try:
                return call()
            except Exception as error:
                if not is_lost(error, self.transient):
                    raise
                began, here = began or time.monotonic(), time.monotonic()
                try:
                    self._restore(error, began)
                finally:
                    self.accounts.recover_s += time.monotonic() - here
                tries += 1
                # A device that comes back each time, and fails at this each time.
                if tries > AT_ONCE and time.monotonic() - began > self.patience_s:
                    raise LinkLost(
                        f"{self.identity} comes back, but not with an answer, for "
                        f"{self.patience_s:g} s: {error}"
                    ) from error

    def reopen(self, theta: np.ndarray) -> None:
        """Open the device again, and hand it its samples and the parameters (P,).

        Raises OtherChip if another one is there, an OSError if none is.
        """
        try:
            self._reopen(theta)
        except Exception as error:
            if isinstance(error, OSError) or not is_lost(error, self.transient):
                raise
            raise LinkLost(f"{type(error).__name__}: {error}") from error

    def _reopen(self, theta: np.ndarray) -> None:
        self.device.close()
        self.device.open()
        if self.lingers:
            setattr(self.device, "lingers", True)  # noqa: B010
        here = self.device.identify()
        if here.serial != self.identity.serial:
            raise OtherChip(
                f"the device must be {self.identity}, got {here} after the "
                "link came back"
            )
        for key, (x, y) in self.loaded.items():
            self.device.load_samples(x, y, key)  # pyright: ignore
        self.device.write_parameters(theta)
        self._waiting, self._waits = [], 0
        self._believed = self.can.held(theta)
        self.accounts.writes += 1

    def _restore(self, error: Exception, began: float) -> None:
        tries = 0
        while True:
            try:
                self.reopen(self.shadow)
                self.accounts.recoveries += 1
                return
            except OSError as again:
                if time.monotonic() - began > self.patience_s:
                    raise LinkLost(
                        f"{self.identity} did not come back within "
                        f"{self.patience_s:g} s: {again}"
                    ) from error
                self.told()
                tries += 1
                time.sleep(0 if tries < AT_ONCE else min(2.0 ** (tries - 16), 1.0))
