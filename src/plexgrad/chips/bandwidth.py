r"""A perturbation that arrives late and smeared: a first-order low-pass, and a delay.

$\tilde\theta'(k) = (1 - a) \sum_j a^j\,\tilde\theta(k - d - j)$ with $a = e^{-1/\tau}$:
an RC filter with the time constant `tau`, behind a delay of d slots, both in slots.
The sum ends where less than a thousandth is left, and is made whole. Before slot 0
there was no perturbation. The estimator correlates with the code of the same slot, so
with codes that are independent from slot to slot the estimate shrinks to the part that
acts at once, and the rest is noise; patterns that are held (tau_p) suffer less.
The two knobs of paper A that meet this limit are tau_p and the modulation bandwidth
(McCaughan et al. 2023, doi:10.1063/5.0157645).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.simulated import Simulated
from plexgrad.core.validate import at_least, int_at_least

LEFT = 1e-3
"""Part of the response that is cut off."""

MOST_SLOTS = 2**16
"""A longer response would not fit the memory; nothing would train with it either."""


@dataclass(frozen=True)
class Bandwidth(AbstractEffect):
    """A low-pass of `tau` slots, then a `delay` in slots.

    The baseline is measured at rest, after all has settled; of an antithetic pair each
    half has the history of its own sign. Raises ValueError for negative ones.
    """

    tau: float = 0.0
    delay: int = 0

    unit: ClassVar[str] = "time constant of the perturbation's low-pass, in slots"
    random: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("tau", self.tau, 0.0)
        int_at_least("delay", self.delay, 0, MOST_SLOTS)
        if self.tau > MOST_SLOTS / 10:
            raise ValueError(
                f"tau must be at most {MOST_SLOTS / 10:g} slots, got {self.tau!r}"
            )

    @property
    def ideal(self) -> bool:
        return self.tau == 0 and self.delay == 0

    @property
    def taps(self) -> tuple[float, ...]:
        """The response of the low-pass in the slot of a pulse and those after it."""
        if self.tau == 0:
            return (1.0,)
        count = max(1, math.ceil(-self.tau * math.log(LEFT)))
        kept = math.exp(-1 / self.tau)
        heights = [kept**n for n in range(count)]
        return tuple(height / sum(heights) for height in heights)

    def respond(self, response: tuple) -> tuple:
        whole: dict[int, float] = {}
        for before, weight in response:
            for lag, height in enumerate(self.taps, before + self.delay):
                whole[lag] = whole.get(lag, 0.0) + weight * height
        return tuple(sorted(whole.items()))

    @classmethod
    def demo(cls) -> "Bandwidth":
        return cls(Simulated.demo(), 1.0, 1)
