"""What was measured of a device beside what its driver declares."""

from dataclasses import dataclass

import numpy as np

from plexgrad.lab.calibrate.link import Link
from plexgrad.lab.calibrate.noise import Noise
from plexgrad.lab.calibrate.settling import Settling
from plexgrad.lab.capabilities import Capabilities

FACTOR = 2.0
"""Within which a measured number agrees with a declared one."""

AGREES, DIFFERS, ABSENT = "agrees", "differs", "not declared"


@dataclass(frozen=True)
class Comparison:
    """A capability: its declared value and the measured one, and a verdict.

    `verdict` is "agrees" (within a factor of two), "differs" or "not declared".
    """

    name: str
    declared: float | bool
    measured: float | bool
    verdict: str
    note: str = ""


def compared(
    can: Capabilities, link: Link, settling: Settling, noise: Noise
) -> tuple[Comparison, ...]:
    """Each number that both know."""
    drift = abs(noise.drift_per_s) if noise.drifts else 0.0
    faint = f"a drift below {3 * noise.drift_error:.2g} per s is not seen"
    pairs = (
        ("latency_s", can.latency_s, link.latency_s, ""),
        ("bytes_per_s", can.bytes_per_s, link.bytes_per_s, ""),
        ("noise_std", can.noise_std, noise.std, ""),
        ("drift_per_s", can.drift_per_s, drift, "" if noise.drifts else faint),
    )
    found = [_compared(*pair) for pair in pairs]
    found.append(_settle(can, settling))
    if can.deterministic or noise.deterministic:
        agrees = can.deterministic == noise.deterministic
        verdict = AGREES if agrees else DIFFERS
        told = Comparison(
            "deterministic", can.deterministic, noise.deterministic, verdict
        )
        found.append(told)
    return tuple(found)


def _compared(
    name: str, declared: float | int, measured: float, note: str
) -> Comparison:
    declared = float(declared)
    if not declared:
        return Comparison(name, declared, measured, ABSENT, note)
    if not measured:
        verdict = AGREES if note or name == "bytes_per_s" else DIFFERS
        return Comparison(name, declared, measured, verdict, note or "too fast to see")
    near = bool(1 / FACTOR <= measured / declared <= FACTOR)
    return Comparison(name, declared, measured, AGREES if near else DIFFERS, note)


def _settle(can: Capabilities, settling: Settling) -> Comparison:
    """A driver that declares a time may wait for it itself; then none is left."""
    declared, left = float(can.settle_s), settling.settled_s
    note = "" if left else "nothing was left to wait for when a write returned"
    if not np.isfinite(left):
        note = f"not settled after {settling.waits_s[-1]:.3g} s"
    if left <= max(declared, 0.0):
        return Comparison(
            "settle_s", declared, left, AGREES if declared else ABSENT, note
        )
    late = declared and left > FACTOR * declared
    verdict = DIFFERS if late or not np.isfinite(left) else AGREES
    return Comparison("settle_s", declared, left, verdict if declared else ABSENT, note)
