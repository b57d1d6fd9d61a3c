"""Inputs through a digital-to-analog converter of `bits` from `low` to `high`.

A sample is rounded to the nearest level, and saturates beyond the range (as the
periphery of an analog array does: Gokmen and Vlasov 2016,
doi:10.3389/fnins.2016.00333). The range is in units of the inputs.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Array, Key

from plexgrad.chips.converting import check, converted
from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.simulated import Simulated


@dataclass(frozen=True)
class InputResolution(AbstractEffect):
    """`bits` for each feature of a sample; None is as many as there are.

    Raises ValueError unless 1 to 16 bits and `low` below `high`.
    """

    bits: int | None = None
    low: float = 0.0
    high: float = 1.0

    unit: ClassVar[str] = "bits of an input in a range (0 to 1)"
    random: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.bits, self.low, self.high)

    @property
    def ideal(self) -> bool:
        return self.bits is None

    def show(self, x: Array, key: Key[Array, ""]) -> Array:
        if self.bits is None:
            return x
        return converted(x, self.bits, self.low, self.high)

    @classmethod
    def demo(cls) -> "InputResolution":
        return cls(Simulated.demo(), 3)
