r"""Layerwise random code: one layer at a time, all of its weights and biases together.

$\tilde\theta_p(t) = (M / \sqrt{K_l})\, s_p(t)\,[l = t \bmod L]$ for parameter p of
layer l, with random signs s and the K_l parameters of that layer; every pattern has the
norm M. L slots, one turn of each layer, are one iteration of Oripov et al. 2025
(doi:10.1063/5.0258271). Layers do not disturb each other, so a layer's relative error
power after n turns is (K_l - 1) / n.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.core import bits
from plexgrad.core.code import BLOCK_FLOATS, AbstractCode
from plexgrad.core.layout import Layout


@dataclass(frozen=True)
class Layerwise(AbstractCode):
    """Layers in turn; `amplitude` is the norm of the whole pattern, M.

    The leaves that one node of the tree holds are a layer: weight and bias of a
    network's. Sign j of a slot belongs to parameter j of the layer whose turn it is.
    """

    amplitude: float = 1e-2

    def layers(self, like: PyTree | Layout) -> tuple[tuple[int, ...], ...]:
        """The numbers of the leaves of every layer, in flat order."""
        layout = Layout.of(like)
        numbers = jax.tree.unflatten(layout.treedef, range(len(layout.shapes)))
        found: dict[str, list[int]] = {}
        for path, number in jax.tree_util.tree_leaves_with_path(numbers):
            found.setdefault(jax.tree_util.keystr(path[:-1]), []).append(number)
        return tuple(tuple(layer) for layer in found.values())

    def sizes(self, like: PyTree | Layout) -> tuple[int, ...]:
        """K_l, the parameters of every layer."""
        layout = Layout.of(like)
        spans = [span.stop - span.start for span in layout.spans()]
        return tuple(sum(spans[n] for n in layer) for layer in self.layers(layout))

    def turn(
        self, slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> UInt32[Array, " slots"]:
        """The layer whose turn it is in each slot."""
        return slots % jnp.uint32(len(self.layers(like)))

    def layer_block(
        self,
        key: Key[Array, ""],
        slots: UInt32[Array, " slots"],
        like: PyTree | Layout,
        layer: int,
    ) -> list[Float[Array, "slots ..."]]:
        """The offsets of one layer's leaves in slots that are all its turn."""
        layout = Layout.of(like)
        size = self.sizes(layout)[layer]
        step = self.amplitude / size**0.5
        return self._cut(bits.signs(key, slots, size) * step, layout, layer)

    def block(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> PyTree:
        layout = Layout.of(like)
        sizes, turn = self.sizes(layout), self.turn(slots, layout)
        signs = bits.signs(key, slots, max(sizes))
        leaves: list = [None] * len(layout.shapes)
        for number, (layer, size) in enumerate(
            zip(self.layers(layout), sizes, strict=True)
        ):
            mine = (turn == jnp.uint32(number)).astype(signs.dtype)
            step = mine * (self.amplitude / size**0.5)
            cut = self._cut(signs[:, :size] * step[:, None], layout, number)
            for leaf, offsets in zip(layer, cut, strict=True):
                leaves[leaf] = offsets
        return layout.assemble(leaves)

    def powers(self, like: PyTree | Layout) -> tuple[float, ...]:
        layout = Layout.of(like)
        layers = self.layers(layout)
        turns = [self.amplitude**2 / size for size in self.sizes(layout)]
        return self._by_leaf([power / len(layers) for power in turns], layout)

    def offsets(self, like: PyTree | Layout) -> tuple[float, ...]:
        layout = Layout.of(like)
        each = [self.amplitude / size**0.5 for size in self.sizes(layout)]
        return self._by_leaf(each, layout)

    def power(self, like: PyTree | Layout) -> float:
        """M^2 / P: every slot spends M^2 on one layer."""
        return self.amplitude**2 / Layout.of(like).size

    def excesses(self, slots: int, like: PyTree | Layout) -> tuple[float, ...]:
        """(K_l - 1) / n after n turns of each layer, and what uneven turns add."""
        layout = Layout.of(like)
        sizes = self.sizes(layout)
        turns, more = divmod(slots, len(sizes))
        share = more / len(sizes)
        square = (1 - share) * turns**2 + share * (turns + 1) ** 2
        mean = slots / len(sizes)
        each = [(square + mean * (size - 1)) / mean**2 - 1 for size in sizes]
        return self._by_leaf(each, layout)

    def excess(self, slots: int, like: PyTree | Layout) -> float:
        """That of a gradient whose power is spread evenly over the parameters."""
        layout = Layout.of(like)
        spans = [span.stop - span.start for span in layout.spans()]
        each = self.excesses(slots, layout)
        total = sum(size * x for size, x in zip(spans, each, strict=True))
        return total / layout.size

    def demodulate(
        self,
        key: Key[Array, ""],
        slots: UInt32[Array, " slots"],
        signal: Float[Array, " slots"],
        like: PyTree | Layout,
    ) -> PyTree:
        """The correlation of each layer's slots alone, from one draw of signs."""
        layout = Layout.of(like)
        sizes = self.sizes(layout)
        width = max(1, min(len(slots), BLOCK_FLOATS // max(sizes)))
        pad = -len(slots) % width
        rows = (
            jnp.pad(slots, (0, pad)).reshape(-1, width),
            jnp.pad(signal, (0, pad)).reshape(-1, width),
        )

        def correlate(total: list, row: tuple) -> tuple[list, None]:
            signs, turn = bits.signs(key, row[0], max(sizes)), self.turn(row[0], layout)
            found = []
            for number, size in enumerate(sizes):
                mine = jnp.where(turn == jnp.uint32(number), row[1], 0.0)
                found.append(total[number] + mine.astype(signs.dtype) @ signs[:, :size])
            return found, None

        zero = [jnp.zeros(size, jnp.float32) for size in sizes]
        if len(rows[0]) == 1:
            total, _ = correlate(zero, (rows[0][0], rows[1][0]))
        else:
            total, _ = jax.lax.scan(correlate, zero, rows)
        leaves: list = [None] * len(layout.shapes)
        for number, (layer, size) in enumerate(
            zip(self.layers(layout), sizes, strict=True)
        ):
            # offset / power = signs x step / (step^2 / L)
            factor = len(sizes) * size**0.5 / (len(slots) * self.amplitude)
            cut = self._cut(total[number] * factor, layout, number)
            for leaf, found in zip(layer, cut, strict=True):
                leaves[leaf] = found
        return layout.assemble(leaves)

    def _cut(self, flat: Array, layout: Layout, layer: int) -> list[Array]:
        """A layer's parameters on the last axis as its leaves."""
        found, at, lead = [], 0, flat.shape[:-1]
        spans = list(layout.spans())
        for leaf in self.layers(layout)[layer]:
            stop = at + spans[leaf].stop - spans[leaf].start
            piece = flat[..., at:stop].reshape(*lead, *layout.shapes[leaf])
            found.append(piece.astype(layout.dtypes[leaf]))
            at = stop
        return found

    def _by_leaf(self, values: list[float], layout: Layout) -> tuple[float, ...]:
        """One value per layer as one per leaf."""
        pairs = zip(self.layers(layout), values, strict=True)
        by_leaf = {leaf: value for layer, value in pairs for leaf in layer}
        return tuple(by_leaf[leaf] for leaf in range(len(by_leaf)))

    @classmethod
    def demo(cls) -> "Layerwise":
        return cls(1e-2)
