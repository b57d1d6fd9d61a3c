"""What a chip's effects hide: the noise and the steps that a setting must overcome.

Every effect says its part in numbers (`AbstractEffect.hides`), so that a run can be set
against them before its first slot (see `training.advice`).
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Hidden:
    """Zero is nothing; the default is that of an ideal chip.

    `reading` is the standard deviation of one reading, in units of the cost. The others
    are in units of the parameters: `write` is that of what every write adds;
    `write_step` the distance of two values that can be held, of which a smaller update
    is `lost` or, if it is rounded to either side by chance, arrives on average;
    `offset_step` that of two perturbations that can be made.
    """

    reading: float = 0.0
    write: float = 0.0
    write_step: float = 0.0
    lost: bool = False
    offset_step: float = 0.0

    def and_also(self, other: "Hidden") -> "Hidden":
        """What both hide: noises add in power, of steps the larger one counts."""
        return Hidden(
            math.hypot(self.reading, other.reading),
            math.hypot(self.write, other.write),
            max(self.write_step, other.write_step),
            self.lost or other.lost,
            max(self.offset_step, other.offset_step),
        )
