"""A crossbar network that ngspice solves: weights and samples in, volts out."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Integer

from plexgrad.lab.spice.engine import Ngspice, lease, release
from plexgrad.lab.spice.netlist import netlist, outputs, resistances, resistors, weights

POINT = 4
"""Samples of a sweep that take as long as one operating point on its own."""


class Crossbar:
    """The circuit of `netlist` in a library of its own; `close` gives that back.

    `spread` (2 P,) multiplies the resistors: what production made of them. `x` are
    samples (samples, inputs) in volts. Raises FileNotFoundError if there is no
    ngspice, SpiceError for what it refuses.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        neuron: str,
        theta: Float64[np.ndarray, " P"],
        x: Float64[np.ndarray, "samples inputs"],
        spread: Float64[np.ndarray, " pairs"] | None = None,
    ) -> None:
        self.sizes, self.neuron = tuple(sizes), neuron
        self.names, self.nodes = resistors(sizes), outputs(sizes)
        self.spread = np.ones(len(self.names)) if spread is None else spread
        self._heads = [f"alter @{name}[resistance]=" for name in self.names]
        self._ohms = resistances(theta) * self.spread
        self.spice: Ngspice = lease()
        self.show(x)

    def close(self) -> None:
        """Give the library back."""
        release(self.spice)

    def show(self, x: Float64[np.ndarray, "samples inputs"]) -> None:
        """Present other samples: the circuit is built anew."""
        self.samples = len(x)
        lines = netlist(self.sizes, self.neuron, x, self._ohms)
        self.spice.circuit(lines)

    def write(self, theta: Float64[np.ndarray, " P"]) -> None:
        """Alter the resistors whose weight is another one."""
        ohms = resistances(theta) * self.spread
        pairs = zip(self._heads, ohms.tolist(), self._ohms.tolist(), strict=True)
        # Altered by parameter: "alter r = ohms" takes ngspice three times as long.
        moved = [f"{head}{ohm!r}" for head, ohm, old in pairs if ohm != old]
        self.spice.command(*moved)
        self._ohms = ohms

    def read(self) -> Float64[np.ndarray, " P"]:
        """The weights that the resistors in the circuit stand for, asked one by one."""
        asked = [f"@{name}[resistance]" for name in self.names]
        return weights(self.spice.analyse("op", asked)[0] / self.spread)

    def sweep(self, first: int, last: int) -> Float64[np.ndarray, "samples outputs"]:
        """The output volts of samples `first` to `last`, in one analysis."""
        return self.spice.analyse(f"dc vindex {first} {last} 1", self.nodes)

    def solve(self, sample: int) -> Float64[np.ndarray, " outputs"]:
        """The output volts of one sample, by an operating point of its own."""
        self.spice.command(f"alter @vindex[dc]={sample}")
        return self.spice.analyse("op", self.nodes)[0]

    def outputs(
        self, index: Integer[np.ndarray, " batch"]
    ) -> Float64[np.ndarray, "batch outputs"]:
        """The output volts of the samples with these numbers, the quicker way."""
        wanted, places = np.unique(index, return_inverse=True)
        first, last = int(wanted[0]), int(wanted[-1])
        if last - first < POINT * len(wanted):
            return self.sweep(first, last)[wanted - first][places]
        return np.stack([self.solve(int(number)) for number in wanted])[places]
