"""The clock: how many slots a pattern, a sample and the parameters are held.

McCaughan et al. 2023 (doi:10.1063/5.0157645), Algorithm 1. One slot is one measurement
of the perturbed cost. The three time constants follow three independent hardware
limits, and any combination is valid: tau_p the modulation bandwidth of a parameter,
tau_x the input bandwidth, tau_theta the write speed and endurance of the memory.
"""

import math
from dataclasses import dataclass

from plexgrad.core.bits import STATIC_SLOT
from plexgrad.core.validate import int_at_least, plain_numbers, positive_int

MAX_SLOTS = STATIC_SLOT - 1
"""Slots are 32-bit counters, and the last one is taken."""


@dataclass(frozen=True)
class Clock:
    """Time constants in slots: perturbation, sample, and parameter update.

    Raises ValueError unless each is an integer in [1, 2**32 - 2].
    """

    tau_p: int = 1
    tau_x: int = 1
    tau_theta: int = 1

    def __post_init__(self) -> None:
        for name in ("tau_p", "tau_x", "tau_theta"):
            positive_int(name, getattr(self, name), MAX_SLOTS)
        plain_numbers(self)

    @property
    def patterns(self) -> int:
        """Perturbation patterns between two parameter updates."""
        return -(-self.tau_theta // self.tau_p)

    def updates(self, slots: int) -> int:
        """Parameter updates made within the first `slots` slots."""
        return slots // self.tau_theta

    def samples(self, slots: int) -> int:
        """Samples (or batches) loaded within the first `slots` slots."""
        return -(-slots // self.tau_x)

    def baselines(self, slots: int) -> int:
        """Slots among the first `slots` at which the sample or the parameters changed.

        Exactly there the paper measures the unperturbed cost anew.
        """
        slots = int_at_least("slots", slots, 0)
        both = math.lcm(self.tau_x, self.tau_theta)
        return -(-slots // self.tau_x) + -(-slots // self.tau_theta) - -(-slots // both)
