"""What all methods of a case share: the network, its data, its size in flops.

Values do not change the speed: inputs are uniform in [0, 1), targets random, weights
normal. A ring of batches is held on the device; update t uses batch t mod n.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

DELTA = 1e-2
POOL = 2
KERNEL = 3


@dataclass(frozen=True)
class Problem:
    """A network, how it is trained, and on how many samples and seeds.

    `sizes` are those of the dense layers, inputs first. `channels` make a CNN: 3x3
    convolutions (VALID), each with ReLU and a 2x2 max pool, on square `image`s of one
    channel; `sizes` then names the outputs only. `population` is the K of the methods
    that evaluate many perturbations side by side.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int = 1
    seeds: int = 1
    hidden: str = "relu"
    cost: str = "cross_entropy"
    channels: tuple[int, ...] = ()
    image: int = 28
    population: int = 64
    learning_rate: float = 1e-4

    @property
    def inputs(self) -> int:
        """Features of one sample."""
        return self.image**2 if self.channels else self.sizes[0]

    @property
    def outputs(self) -> int:
        """Outputs for one sample."""
        return self.sizes[-1]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the weights; a bias of the last axis goes with each."""
        pairs = itertools.pairwise((1, *self.channels))
        kernels = [(KERNEL, KERNEL, *pair) for pair in pairs] if self.channels else []
        sizes = self.sizes
        if self.channels:
            sizes = (self._left[-1] ** 2 * self.channels[-1], *sizes)
        return [*kernels, *itertools.pairwise(sizes)]

    @property
    def parameters(self) -> int:
        """P, weights and biases."""
        return sum(math.prod(shape) + shape[-1] for shape in self.shapes)

    @property
    def flops(self) -> int:
        """Flops of one evaluation on the batch as dense products (2 per weight)."""
        dense = len(self.shapes) - len(self.channels)
        uses = [side**2 for side in self._convolved] + [1] * dense
        each = zip(self.shapes, uses, strict=True)
        return self.batch * sum(2 * math.prod(shape) * use for shape, use in each)

    @property
    def updates(self) -> int:
        """Updates in one timed call of a method with one pair per update."""
        return min(20_000, max(4, 20_000_000 // self.flops))

    @property
    def _convolved(self) -> list[int]:
        sides, side = [], self.image
        for _ in self.channels:
            sides.append(side - KERNEL + 1)
            side = sides[-1] // POOL
        return sides

    @property
    def _left(self) -> list[int]:
        return [side // POOL for side in self._convolved]

    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weights (normal, sd 0.1) and biases (zero) to start from."""
        random = np.random.default_rng(1)
        return [
            (
                random.normal(0, 0.1, shape).astype(np.float32),
                np.zeros(shape[-1], np.float32),
            )
            for shape in self.shapes
        ]

    def samples(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(count, inputs) inputs and (count, outputs) targets."""
        random = np.random.default_rng(0)
        x = random.uniform(size=(count, self.inputs)).astype(np.float32)
        if self.cost == "mse":
            y = random.integers(0, 2, (count, self.outputs)).astype(np.float32)
        else:
            drawn = random.integers(0, self.outputs, count)
            y = np.eye(self.outputs, dtype=np.float32)[drawn]
        return x, y

    def ring(self) -> tuple[np.ndarray, np.ndarray]:
        """Batches in a ring, (n, batch, ...): 64 at batch 1, 8 to 100, then 4."""
        count = 64 if self.batch == 1 else 8 if self.batch <= 100 else 4
        x, y = self.samples(count * self.batch)
        return (
            x.reshape(count, self.batch, -1),
            y.reshape(count, self.batch, -1),
        )
