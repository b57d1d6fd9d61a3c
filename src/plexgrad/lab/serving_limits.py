"""What a served device is asked at most, checked before anything is built or locked.

A message of some bytes can ask for millions of rows, and a host need not check what it
sends. So the end checks it against the device's own limits and, where those are not
declared, against these; a host of this package stays well below them.
"""

import math

import numpy as np

from plexgrad.lab.capabilities import Capabilities
from plexgrad.lab.device import Autonomy, Shown
from plexgrad.lab.limits import check_rows
from plexgrad.lab.perturbations import Codes, Perturbations, Update

ROWS = 1 << 16
"""Rows of a measurement, and slots of an update."""

READINGS = 1 << 20
"""Rows times repeats."""

NUMBERS = 1 << 27
"""Inputs and targets of all samples shown, and parameters of rows at rest."""

CODED = 1 << 30
"""Slots of codes times parameters."""

SHOWN = 1 << 22
"""Samples shown: groups times batch."""

SHOWINGS = 1 << 26
"""Rows times the samples that each of them is shown."""

ANSWERS = (1 << 24) - (1 << 16)
"""Numbers in an answer, which has to fit into a frame."""

STEPS = 1 << 22
"""Steps that a device makes alone in one call."""

HELD_BYTES = 1 << 30
"""Bytes of samples that a served device keeps, under all keys together."""

HELD_KEYS = 64
"""Keys under which it keeps them."""


def most(name: str, value: int, limit: int) -> None:
    """Raise ValueError if a number is above its limit."""
    if value > limit:
        raise ValueError(f"{name} must be {limit} at most, got {value}")


def check_shown(can: Capabilities, groups: int, batch: int) -> None:
    """Refuse more samples than a device can show in one call."""
    limit = min(can.max_samples or SHOWN, SHOWN)
    most("groups times batch", groups * batch, limit)
    size = groups * batch * (can.inputs + can.outputs)
    most("numbers in the samples shown", size, NUMBERS)


def check_measure(
    can: Capabilities, what: Perturbations, shown: Shown, want: str, repeats: int
) -> None:
    """Refuse, as ValueError, a measurement that is none or goes beyond the limits."""
    rows = what.count_rows(shown.groups) if isinstance(what, Codes) else len(what)
    most("rows", rows, can.max_rows or ROWS)
    if isinstance(what, np.ndarray) and what.shape != (rows, can.parameters):
        columns = f"rows of {can.parameters} numbers"
        raise ValueError(f"perturbations must be {columns}, got {what.shape}")
    check_shown(can, shown.groups, shown.batch)
    if not shown.groups or rows % shown.groups:
        raise ValueError(f"rows must be dealt to {shown.groups} groups, got {rows}")
    _check_sent(can, shown)
    if isinstance(what, Codes):
        most("slots x parameters", what.count * can.parameters, CODED)
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    most("rows x repeats", rows * repeats, READINGS)
    showings = rows * max(1, shown.batch)
    most("rows x samples", showings, SHOWINGS)
    if want == "outputs":
        most("outputs", showings * can.outputs, ANSWERS)
    check_rows(can, what, shown)


def check_update(can: Capabilities, update: Update) -> None:
    """Refuse, as ValueError, an update that is none or goes beyond the limits."""
    if not can.applies_updates:
        raise ValueError("this device applies no updates")
    # A chip may add up codes that it perturbs itself with by arrays alone.
    if can.makes_codes and update.codes.kind not in can.makes_codes:
        raise ValueError(f"this device makes no {update.codes.kind} codes")
    most("slots", update.codes.count, ROWS)
    most("slots x parameters", update.codes.count * can.parameters, CODED)
    if not np.isfinite(update.coefficients).all():
        raise ValueError("an update's coefficients must be finite, got nan or inf")


def check_write(
    can: Capabilities, theta: np.ndarray, index: np.ndarray | None = None
) -> None:
    """Refuse, as ValueError, parameters of another number, not finite, or nowhere."""
    size = can.parameters if index is None else index.size
    if theta.shape != (size,) or not np.isfinite(theta).all():
        raise ValueError(f"parameters must be {size} finite numbers, got {theta.shape}")
    if index is None:
        return
    if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer):
        raise ValueError(f"index must be a list of whole numbers, got {index.dtype}")
    if size and not 0 <= int(index.min()) <= int(index.max()) < can.parameters:
        raise ValueError(f"index must be below {can.parameters}, got {index.max()}")


def check_run(can: Capabilities, steps: int, config: Autonomy) -> None:
    """Refuse, as ValueError, a run alone that goes beyond the limits."""
    if not can.autonomous:
        raise ValueError("this device does not train alone")
    most("steps", steps, STEPS)
    most("slots of a step", config.codes.count, ROWS)
    check_shown(can, 1, config.batch)
    if not math.isfinite(config.eta):
        raise ValueError(f"eta must be finite, got {config.eta}")


class Keeps:
    """The sizes of the samples that a device holds, by key."""

    def __init__(self) -> None:
        self.sizes: dict[str, tuple[int, int]] = {}

    def check(self, can: Capabilities, key: str, samples: int) -> None:
        """Refuse, as ValueError, samples (so many) that the device cannot keep too."""
        if not can.holds_data:
            raise ValueError("this device holds no data")
        each = 4 * (can.inputs + can.outputs)
        others = [found for name, found in self.sizes.items() if name != key]
        held = samples + sum(count for count, _ in others)
        if can.max_samples:
            most("samples held", held, can.max_samples)
        size = samples * each + sum(size for _, size in others)
        most("bytes of samples held", size, HELD_BYTES)
        most("keys of samples", len(others) + 1, HELD_KEYS)

    def note(self, can: Capabilities, key: str, samples: int) -> None:
        """They are kept now."""
        self.sizes[key] = samples, 4 * samples * (can.inputs + can.outputs)


def check_samples(can: Capabilities, x: np.ndarray, y: np.ndarray) -> None:
    """Refuse, as ValueError, samples of other sizes than the device's."""
    for name, found, wide in (("inputs", x, can.inputs), ("targets", y, can.outputs)):
        if found.shape != (len(x), wide):
            raise ValueError(f"{name} must be ({len(x)}, {wide}), got {found.shape}")


def _check_sent(can: Capabilities, shown: Shown) -> None:
    """Samples that come with a measurement have the device's sizes."""
    if shown.x is None and shown.y is None:
        return
    head = shown.groups, shown.batch
    for name, found, wide in (
        ("inputs", shown.x, can.inputs),
        ("targets", shown.y, can.outputs),
    ):
        if found is None or found.shape != (*head, wide):
            said = None if found is None else found.shape
            raise ValueError(f"{name} must be {(*head, wide)}, got {said}")
