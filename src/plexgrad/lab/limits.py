"""The limits of a device, enforced before anything is sent, in numbers."""

import warnings

import numpy as np
from jaxtyping import Float32

from plexgrad.core.resolution import ROOM
from plexgrad.core.validate import positive
from plexgrad.lab.capabilities import Capabilities
from plexgrad.lab.device import Shown
from plexgrad.lab.perturbations import Codes, Perturbations

SLACK = 1e-6
"""Shares of a range that rounding may take a number beyond it."""


def check_amplitude(can: Capabilities, theta: np.ndarray, amplitude: float) -> None:
    """Refuse an amplitude that a device cannot make at all; warn of one it cannot meet.

    `theta` (P,) is what it holds. Raises ValueError with numbers.
    """
    amplitude, step = positive("amplitude", amplitude), can.amplitude_step
    least = least_steps(can, theta)
    worst = int(least.argmax())
    if amplitude < least[worst] * (1 - SLACK):
        why = f"holds {theta[worst]:g}, as a float32"
        if can.perturbs_by_writing and least[worst] == can.step[worst]:
            why = "is written to, and has so large steps"
        raise ValueError(
            f"amplitude must be at least {least[worst]:.3g}, since "
            f"{can.where(worst)} {why}; got {amplitude:g}"
        )
    if step and amplitude < step * (1 - SLACK):
        raise ValueError(
            f"amplitude must be at least the DAC's step {step:g}, got {amplitude:g}"
        )
    if not can.amplitude_low * (1 - SLACK) <= amplitude <= can.amplitude_high:
        raise ValueError(
            f"amplitude must be in [{can.amplitude_low:g}, {can.amplitude_high:g}], "
            f"got {amplitude:g}"
        )
    made = round(amplitude / step) * step if step else amplitude
    if abs(made / amplitude - 1) > 0.01:
        warnings.warn(
            f"an amplitude of {amplitude:g} becomes {made:g} on steps of {step:g}: "
            f"gradients come out {made / amplitude:.3g} times as long",
            stacklevel=3,
        )
    beyond = np.abs(theta - (can.low + can.high) / 2) + np.float32(amplitude)
    outside = beyond > (can.high - can.low) / 2 * (1 + SLACK)
    if outside.any():
        worst = int(np.argmax(np.where(outside, beyond, 0)))
        warnings.warn(
            f"an amplitude of {amplitude:g} drives {int(outside.sum())} of "
            f"{can.parameters} parameters out of their range; {can.where(worst)} is "
            f"{theta[worst]:g} in [{can.low[worst]:g}, {can.high[worst]:g}]",
            stacklevel=3,
        )


def least_steps(can: Capabilities, theta: np.ndarray) -> Float32[np.ndarray, " P"]:
    """The least offset that moves each parameter from where it is.

    A few steps of its float32, or a step of its converter if that makes the offset too.
    """
    floats = np.float32(ROOM) * np.spacing(np.abs(theta, dtype=np.float32))
    return np.maximum(floats, can.step) if can.perturbs_by_writing else floats


def refuse_outside(can: Capabilities, theta: np.ndarray) -> None:
    """Raise ValueError, with numbers, for a parameter that is out of its range."""
    if theta.shape != (can.parameters,):
        raise ValueError(f"parameters must be {can.parameters}, got {theta.shape}")
    slack = SLACK * (can.high - can.low)
    wrong = ~((theta >= can.low - slack) & (theta <= can.high + slack))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{can.where(first)} must be in [{can.low[first]:g}, {can.high[first]:g}], "
            f"got {theta[first]:g} ({int(wrong.sum())} parameters are outside)"
        )


def check_rows(can: Capabilities, what: Perturbations, shown: Shown) -> int:
    """How many rows a measurement has; ValueError if the device cannot make it."""
    if isinstance(what, Codes):
        rows, largest = what.count_rows(shown.groups), float(what.amplitude)
        if what.kind not in can.makes_codes:
            raise ValueError(f"this device makes no {what.kind} codes")
    else:
        rows, largest = len(what), float(np.abs(what).max(initial=0))
        if not np.isfinite(largest):
            raise ValueError("perturbations must be finite, got nan or inf")
    if largest > can.amplitude_high * (1 + SLACK):
        raise ValueError(
            f"perturbations must be {can.amplitude_high:g} at most, got {largest:g}"
        )
    if can.max_rows and rows > can.max_rows:
        raise ValueError(f"rows must be {can.max_rows} at most, got {rows}")
    return rows
