r"""The crossbar's twin in NumPy, from the same resistors: what ngspice should find.

The sum node is a virtual ground, so a neuron sees $z = R_f \sum (g_+ - g_-) x$. The
tanh neuron is exact; the diode neuron's node solves
$v + 2 R_s I_s \sinh(v / n V_T) = z$, its output is 1.8 v. Beyond the reverse knee
ngspice's diode departs from Shockley's law by less than $I_s$, or 4 uV here.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float64

from plexgrad.lab.spice.netlist import (
    EMISSION,
    GAIN,
    OHMS,
    SATURATION,
    SERIES,
    check,
)

THERMAL = 1.380649e-23 * 300.15 / 1.602176634e-19
"""k T / q in volts at 27 degrees Celsius."""


def forward(
    sizes: Sequence[int],
    neuron: str,
    ohms: Float64[np.ndarray, "*rows pairs"],
    x: Float64[np.ndarray, "samples inputs"],
) -> Float64[np.ndarray, "*rows samples outputs"]:
    """The output volts for samples in volts. Raises ValueError for a wrong neuron."""
    check(sizes, neuron)
    shape = {"tanh": np.tanh, "diode": diode}[neuron]
    conducted = 1 / ohms.reshape(*ohms.shape[:-1], -1, 2)
    seen = OHMS * (conducted[..., 0] - conducted[..., 1])
    told, start = x, 0
    for rows, columns in pairwise(sizes):
        stop = start + (rows + 1) * columns
        layer = seen[..., start:stop].reshape(*seen.shape[:-1], rows + 1, columns)
        told = shape(told @ layer[..., :-1, :] + layer[..., -1:, :])
        start = stop
    return told


def diode(z: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """The diode neuron's output for a voltage before its series resistor."""
    volts = EMISSION * THERMAL
    drive, far = 2 * SERIES * SATURATION, np.abs(z)
    # Either term alone bounds the root from above, and from there Newton's method
    # falls to it: the equation is convex.
    v = np.minimum(far, volts * np.arcsinh(far / drive))
    for _ in range(50):
        wrong = v + drive * np.sinh(v / volts) - far
        step = wrong / (1 + drive / volts * np.cosh(v / volts))
        v = v - step
        if not np.any(np.abs(step) > 1e-15):
            break
    return GAIN * np.copysign(v, z)
