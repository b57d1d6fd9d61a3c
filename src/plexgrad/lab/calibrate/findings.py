"""What makes a calibration void: readings that are no numbers, a cost that is still.

Then knobs, cells and settling say nothing, and nothing can be recommended.
"""

import math

import numpy as np

from plexgrad.lab.calibrate.cells import Cells
from plexgrad.lab.calibrate.knobs import Knobs
from plexgrad.lab.calibrate.meter import Meter
from plexgrad.lab.calibrate.noise import Noise
from plexgrad.lab.calibrate.settling import Settling

NOT_SETTLED = Settling((), (), math.nan, math.nan, math.nan)
NOT_WRITTEN = Cells((), (), 0, 0, 0, "not looked at")
NOT_MOVED = Knobs((), (), (), {}, (), math.nan, math.nan, 0, 0)
"""What stands in a calibration that came to an end before it moved anything."""

SURE = 3.0
"""Times the noise that moving all knobs must change the cost by, to be seen."""


def not_finite(meter: Meter) -> tuple[str, ...]:
    """That readings are no numbers, if any is not."""
    if not meter.odd:
        return ()
    return (
        f"Readings are not finite: {meter.odd:,} of {meter.spent:,} costs were NaN or "
        "infinite.",
    )


def nothing_moves(heard: Noise, settled: Settling, knobs: Knobs) -> tuple[str, ...]:
    """That the cost stands still whatever is moved, if it does.

    All knobs were written far away together; each, or each block, was perturbed alone.
    """
    alone = np.abs([*knobs.up, *knobs.down, 0.0])
    if settled.swing > SURE * heard.floor or np.nanmax(alone) > knobs.seen:
        return ()
    return (
        "Nothing moves the cost: it stays at "
        f"{heard.level:.4g}, within {max(settled.swing, heard.floor):.2g}, with all "
        "knobs written far away and with each of them perturbed. Look at the detector, "
        "its light or supply, and its link.",
    )
