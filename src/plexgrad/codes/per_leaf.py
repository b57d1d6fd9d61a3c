r"""A code with an amplitude of its own on every leaf, for parameters of unlike sizes.

$\tilde\theta_p(t) = s_l\,c_p(t)$ for parameter p of leaf l, with the code c and a scale
$s_l$ per leaf: volts and milliamperes, or a bias that is a tenth of the weights. What
is demodulated with c is $s_l g_p$ and more, so the gradient is that over $s_l$. The
crosstalk of a large leaf weighs the more in a small one: per pattern, $g_q^2$ comes
back $(s_q / s_p)^2$ times in parameter p.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import jax
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.codes.rademacher import Rademacher
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout, scale_leaves
from plexgrad.core.validate import positive


@dataclass(frozen=True)
class PerLeaf(AbstractCode):
    """`code` at `amplitude` on all leaves, times the scale of those that are named.

    `scales` maps a name to a factor: a name is a part of a leaf's path, such as "bias"
    or "0". Leaves that no name is a part of have the factor 1; of several names, the
    last counts. The code's own amplitude is replaced. Raises ValueError for a code
    whose leaves do not disturb each other alike, as Layerwise, or that is one-sided.
    """

    amplitude: float = 1e-2
    scales: tuple[tuple[str, float], ...] | Mapping[str, float] = ()
    shrinkable: ClassVar[bool] = False  # a loud leaf's gradient is a quiet one's error
    code: AbstractCode = field(default_factory=lambda: Rademacher(1e-2))

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.scales
        pairs = given.items() if isinstance(given, Mapping) else given
        found = tuple((str(name), positive("scales", scale)) for name, scale in pairs)
        object.__setattr__(self, "scales", found)
        alike = type(self.code).excesses is AbstractCode.excesses
        if not (alike and self.code.zero_mean):
            raise ValueError(
                "code must disturb all leaves alike and be two-sided, got "
                f"{type(self.code).__name__}"
            )

    @property
    def inner(self) -> AbstractCode:
        """The code at this amplitude."""
        return replace(self.code, amplitude=self.amplitude)  # pyright: ignore

    def factors_of(self, like: PyTree | Layout) -> tuple[float, ...]:
        """The factor of every leaf. Raises ValueError for a name that no leaf has."""
        layout = Layout.of(like)
        numbers = jax.tree.unflatten(layout.treedef, range(len(layout.shapes)))
        paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(numbers)]
        parts = [
            {jax.tree_util.keystr((key,), simple=True) for key in path}
            for path in paths
        ]
        found = [1.0] * len(parts)
        for name, scale in dict(self.scales).items():
            mine = [number for number, names in enumerate(parts) if name in names]
            if not mine:
                known = ", ".join(sorted(set().union(*parts)))
                raise ValueError(f"scales must name parts of {known}, got {name!r}")
            for number in mine:
                found[number] = scale
        return tuple(found)

    def period(self, like: PyTree | Layout) -> int | None:
        return self.inner.period(like)

    def block(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> PyTree:
        block = self.inner.block(key, slots, like)
        return scale_leaves(block, self.factors_of(like))

    def powers(self, like: PyTree | Layout) -> tuple[float, ...]:
        pairs = zip(self.inner.powers(like), self.factors_of(like), strict=True)
        return tuple(power * scale**2 for power, scale in pairs)

    def power(self, like: PyTree | Layout) -> float:
        layout = Layout.of(like)
        pairs = zip(self._sizes(layout), self.powers(layout), strict=True)
        return sum(size * power for size, power in pairs) / layout.size

    def excesses(self, slots: int, like: PyTree | Layout) -> tuple[float, ...]:
        """That of the code, as much larger as a leaf is louder than the others.

        A parameter disturbs the P - 1 others alike; here, in the ratio of the powers.
        """
        layout = Layout.of(like)
        own, others = self.inner.excess(slots, layout), layout.size - 1
        quiet = sum(
            size / scale**2
            for size, scale in zip(
                self._sizes(layout), self.factors_of(layout), strict=True
            )
        )
        if not others:
            return (own,) * len(layout.shapes)
        return tuple(
            own * (scale**2 * quiet - 1) / others for scale in self.factors_of(layout)
        )

    def excess(self, slots: int, like: PyTree | Layout) -> float:
        """That of a gradient whose power is spread evenly over the parameters."""
        layout = Layout.of(like)
        pairs = zip(self._sizes(layout), self.excesses(slots, layout), strict=True)
        return sum(size * excess for size, excess in pairs) / layout.size

    def demodulate(
        self,
        key: Key[Array, ""],
        slots: UInt32[Array, " slots"],
        signal: Float[Array, " slots"],
        like: PyTree | Layout,
    ) -> PyTree:
        """The code's own, fast as it is, over the scale of every leaf."""
        found = self.inner.demodulate(key, slots, signal, like)
        return scale_leaves(found, tuple(1 / s for s in self.factors_of(like)))

    def _sizes(self, layout: Layout) -> list[int]:
        return [span.stop - span.start for span in layout.spans()]

    @classmethod
    def demo(cls) -> "PerLeaf":
        return cls(1e-2, (("0", 0.5),))
