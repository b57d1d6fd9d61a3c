r"""The numbers of an on-chip trainer: sizes, words, memory map and cycles per step.

Words are two's complement with `fraction` bits behind the point. The chip's flat order
of the parameters is by unit: a unit's input weights, then its bias, layer by layer.

Two forms compute the same numbers. The `array` has a multiplier for every synapse and
takes a cycle per layer; with L layers and B samples a step takes

$$2\,(B\,(L+1)+1) + 2$$

cycles: 28 for 2-2-1 and four samples. The `shared` form has one multiplier, walks
through the P synapses, with weights and gradients in memory, and takes

$$2\,\bigl(B\,\bigl(n_L + \sum_l n_l (n_{l-1} + 3)\bigr) + 1\bigr) + P + 1.$$
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from plexgrad.core.validate import int_at_least, one_of, positive_int
from plexgrad.lab.shifts import BITS, KINDS

FORMS = ("auto", "array", "shared")
LARGEST_ARRAY = 64
"""Synapses up to which `auto` gives each of them a multiplier."""

GUARD = 16
"""Bits of a gradient accumulator below those of a weight; the largest shift."""


@dataclass(frozen=True)
class Design:
    """A trainer to be built.

    `sizes` are the layers, `word` and `fraction` the bits of a number and of its
    fraction, `samples` what the data memory holds, `code` a kind of `lab.shifts`.
    Raises ValueError for what does not fit together.
    """

    sizes: tuple[int, ...] = (2, 2, 1)
    word: int = 16
    fraction: int = 12
    samples: int = 16
    code: str = "lfsr"
    form: str = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        if len(self.sizes) < 2:
            raise ValueError(f"sizes must be two or more layers, got {self.sizes}")
        for size in self.sizes:
            positive_int("sizes", size, 1024)
        int_at_least("word", self.word, 8, 24)
        int_at_least("fraction", self.fraction, 4, self.word - 3)
        int_at_least("samples", self.samples, 1, 4096)
        one_of("code", self.code, KINDS)
        one_of("form", self.form, FORMS)
        if self.form == "auto":
            small = self.synapses <= LARGEST_ARRAY
            object.__setattr__(self, "form", "array" if small else "shared")
        if self.code == "taps" and self.synapses > BITS:
            raise ValueError(
                f"code must be lfsr for {self.synapses} synapses, got taps ({BITS} "
                "at most)"
            )
        if self.code == "taps" and self.form == "shared":
            raise ValueError("code must be lfsr in the shared form, got taps")
        if self.samples << self.column_bits > 2**16:
            raise ValueError(
                f"samples must be {2**16 >> self.column_bits} at most in rows of "
                f"{1 << self.column_bits} words, got {self.samples}"
            )
        positive_int("synapses", self.synapses, 2**16)

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and units of every layer."""
        return list(pairwise(self.sizes))

    @cached_property
    def synapses(self) -> int:
        """Weights and biases."""
        return sum((inputs + 1) * units for inputs, units in self.layers)

    @property
    def inputs(self) -> int:
        """Numbers shown in a sample."""
        return self.sizes[0]

    @property
    def outputs(self) -> int:
        """Numbers given for a sample."""
        return self.sizes[-1]

    @property
    def one(self) -> int:
        """The number 1 as a word."""
        return 1 << self.fraction

    @property
    def limit(self) -> int:
        """The largest weight that training leaves, and the largest amplitude."""
        return (1 << self.word - 2) - 1

    @property
    def largest(self) -> int:
        """The largest word."""
        return (1 << self.word - 1) - 1

    @property
    def accumulator(self) -> int:
        """Bits of a gradient accumulator."""
        return self.word + GUARD

    @property
    def column_bits(self) -> int:
        """Address bits inside a sample's row: its inputs, then its targets."""
        return max(1, (self.inputs + self.outputs - 1).bit_length())

    @property
    def row_bits(self) -> int:
        """Address bits of the samples."""
        return max(1, (self.samples - 1).bit_length())

    def cycles(self, batch: int) -> int:
        """Clock cycles of one step with so many samples."""
        return 2 * self.half_cycles(batch) + (
            2 if self.form == "array" else self.synapses + 1
        )

    def half_cycles(self, batch: int) -> int:
        """Clock cycles of one cost."""
        if self.form == "array":
            return batch * len(self.sizes) + 1
        walked = sum(units * (inputs + 3) for inputs, units in self.layers)
        return batch * (walked + self.outputs) + 1

    @property
    def name(self) -> str:
        """A name that tells it from others, for modules and files."""
        words = "_".join(map(str, self.sizes))
        return f"mgd_{words}_q{self.word}_{self.fraction}_{self.form}_{self.code}"
