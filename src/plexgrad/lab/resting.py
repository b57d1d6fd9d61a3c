"""A device is closed with its knobs at rest, or it is told that they are not."""

import time
import warnings

from plexgrad.lab.device import Device

PAUSES_S = (0.02, 0.04, 0.08, 0.16)
"""Seconds before a device that says it does not rest is closed again."""


def rested(device: Device) -> None:
    """Close a device, again if its `rests` is not True by then, and warn if it stays.

    A bus may be busy for a moment. A device without `rests` is closed once.
    """
    for pause in (*PAUSES_S, 0.0):
        device.close()
        if getattr(device, "rests", True):
            return
        time.sleep(pause)
    warnings.warn("the knobs could not be brought to rest", stacklevel=3)
