r"""Random code: every parameter is independently +amplitude or -amplitude in each slot.

$\tilde\theta_p(t) = \Delta s_p(t)$, $s_p(t) = \pm1$ with probability 1/2. Code division
multiplexing, and SPSA. Source: McCaughan et al. 2023, doi:10.1063/5.0157645.
"""

from dataclasses import dataclass

from jaxtyping import Array, Key, PyTree, UInt32

from plexgrad.core import bits
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout


@dataclass(frozen=True)
class Rademacher(AbstractCode):
    """Independent random signs; `amplitude` is the size of each offset.

    Sign p of a slot is bit p % 32 of threefry word p // 32 (see `core.bits`).
    """

    amplitude: float = 1e-2

    def block(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> PyTree:
        layout = Layout.of(like)
        return layout.unflatten(bits.signs(key, slots, layout.size) * self.amplitude)

    @classmethod
    def demo(cls) -> "Rademacher":
        return cls(1e-2)
