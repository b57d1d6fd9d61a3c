"""Amplitude and step as shares of each group's range, for knobs of different units.

With a share, the estimator and the rule see u = theta / range in place of theta, so
0.01 is a hundredth of 0 to 5 V and of 0 to 10 mA alike: one amplitude and one learning
rate serve all knobs. The device, its limits and its accounts stay in its own units.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from plexgrad.core.validate import positive
from plexgrad.lab import limits
from plexgrad.lab.capabilities import Capabilities, Knobs
from plexgrad.lab.team import AnyBench

WIDE = 30.0
"""Times that one range may be another's before it is told that shares exist."""


def scale_of(can: Capabilities) -> Float32[np.ndarray, " P"]:
    """The range of every parameter, in its unit."""
    return can.high - can.low


def even(can: Capabilities) -> float | None:
    """The range of all parameters if it is one, so that codes scale; or None."""
    ranges = {float(group.high) - float(group.low) for group in can.groups}
    return ranges.pop() if len(ranges) == 1 else None


def refuse_unclear(bench: AnyBench, share: bool | None) -> None:
    """Raise ValueError if units differ and it was not said what an amplitude is.

    Tells where ranges are far apart though their unit is one.
    """
    if share is not None:
        return
    groups = {group.unit: group for group in bench.can.groups}
    words = ", ".join(_range(group) for group in groups.values())
    if len(groups) > 1:
        raise ValueError(
            f"share must be given for knobs of different units ({words}): True takes "
            "amplitude and step as shares of each range (--share), False as they are"
        )
    ranges = [float(group.high) - float(group.low) for group in bench.can.groups]
    if max(ranges) > WIDE * min(ranges):
        least, most = (bench.can.groups[int(f(ranges))] for f in (np.argmin, np.argmax))
        bench.notes.add(
            "ranges",
            f"ranges are far apart ({_range(least)}; {_range(most)}): share=True, or "
            "--share, takes amplitude and step as shares of each",
        )


def check_amplitude(bench: AnyBench, amplitude: float, share: bool) -> None:
    """As of a bench; with `share`, for each group by its range. Raises ValueError."""
    if not share:
        bench.check_amplitude(amplitude)
        return
    if positive("amplitude", amplitude) > 0.5:
        raise ValueError(f"amplitude must be a share up to 0.5, got {amplitude:g}")
    start, can = 0, bench.can
    for group in can.groups:
        stop = start + group.count
        part = replace(can, groups=(group,))
        offset = amplitude * (float(group.high) - float(group.low))
        limits.check_amplitude(part, bench.shadow[start:stop], offset)
        start = stop


def _range(group: Knobs) -> str:
    unit = "" if group.unit == "1" else f" {group.unit}"
    return f"{group.name} {group.low:g} to {group.high:g}{unit}"
