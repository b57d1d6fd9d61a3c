r"""The crossbar as a netlist: resistor pairs, virtual grounds, analogue neurons.

A weight $w$ is a pair of resistors into the sum node, one from the input and one from
its inverse, with the conductances
$g_\pm = \frac{G W}{2} (1 \pm w / W)$, $G$ = 100 uS, $W$ = 2.5, so that the node
collects $G \sum_i w_i x_i$; a bias is a weight from 1 V. Weights move only by altering
resistances. All samples are inputs of one circuit: every input is a piecewise-linear
function of an index source, and a sweep of the index is a pass through the data.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float64

from plexgrad.core.validate import one_of, positive_int

SIEMENS = 1e-4
"""G: what a weight of 1 conducts, in difference."""

SPAN = 2.5
"""W: the weight whose lesser resistor would be open."""

LIMIT = 0.98 * SPAN
"""The largest weight: its lesser conductance is a hundredth of the pair's."""

OHMS = 10e3
"""From current to voltage behind the sum node: a weight times 1 V gives 1 V."""

SERIES, SATURATION, EMISSION, GAIN = 2e3, 1e-9, 1.6, 1.8
"""The diode neuron: series resistor (ohm), diode (A; ideality), gain behind it."""

NEURONS = ("tanh", "diode")

OPTIONS = "reltol=1e-12 abstol=1e-18 vntol=1e-15 itl1=1000 itl2=1000 noacct"
"""Tight, since training reads small differences of costs."""


def resistances(
    weights: Float64[np.ndarray, "*rows P"],
) -> Float64[np.ndarray, "*rows 2*P"]:
    """The ohms of every pair, plus before minus, weight after weight."""
    shares = np.stack([1 + weights / SPAN, 1 - weights / SPAN], axis=-1)
    ohms = 2 / (SIEMENS * SPAN * shares)
    return ohms.reshape(*weights.shape[:-1], 2 * weights.shape[-1])


def weights(ohms: Float64[np.ndarray, "*rows pairs"]) -> Float64[np.ndarray, "*rows P"]:
    """The inverse of `resistances`: the difference of conductances over G."""
    conducted = 1 / ohms.reshape(*ohms.shape[:-1], -1, 2)
    return (conducted[..., 0] - conducted[..., 1]) / SIEMENS


def resistors(sizes: Sequence[int]) -> list[str]:
    """Their names, in the order of `resistances`."""
    count = sum((rows + 1) * columns for rows, columns in pairwise(sizes))
    return [f"r{sign}{number}" for number in range(count) for sign in "pn"]


def outputs(sizes: Sequence[int]) -> list[str]:
    """The nodes of the last layer."""
    return [f"y{len(sizes) - 1}_{unit}" for unit in range(sizes[-1])]


def netlist(
    sizes: Sequence[int],
    neuron: str,
    x: Float64[np.ndarray, "samples inputs"],
    ohms: Float64[np.ndarray, " pairs"],
) -> list[str]:
    """The circuit of a crossbar network, with samples `x` in volts as its inputs.

    Weights count as in the parameters: per layer all of (inputs, outputs), then the
    biases. Raises ValueError for sizes or a neuron that cannot be.
    """
    check(sizes, neuron)
    lines = ["plexgrad crossbar", "vindex index 0 0"]
    lines += ["vbias y_bias 0 1", "ebias n_bias 0 0 y_bias 1"]
    for number, values in enumerate(x.T):
        lines += [_input(f"y0_{number}", values), _inverse(f"0_{number}")]
    number = 0
    values = [repr(float(each)) for each in ohms]
    for layer, (rows, columns) in enumerate(pairwise(sizes), 1):
        sources = [f"{layer - 1}_{row}" for row in range(rows)]
        for source in (*sources, "_bias"):
            for column in range(columns):
                node = f"s{layer}_{column}"
                for sign, side, ohm in zip(
                    "pn", "yn", values[2 * number : 2 * number + 2], strict=True
                ):
                    lines.append(f"r{sign}{number} {side}{source} {node} {ohm}")
                number += 1
        for column in range(columns):
            lines += _neuron(neuron, f"{layer}_{column}")
    saved = " ".join(f"v({name})" for name in outputs(sizes))
    model = f".model knee d is={SATURATION} n={EMISSION}"
    return [*lines, model, f".save {saved}", f".options {OPTIONS}", ".end"]


def check(sizes: Sequence[int], neuron: str) -> None:
    """Raise ValueError unless there can be such a crossbar."""
    one_of("neuron", neuron, NEURONS)
    for size in sizes:
        positive_int("sizes", size)
    if len(sizes) < 2:
        raise ValueError(f"sizes must be two or more, got {tuple(sizes)}")


def _input(node: str, values: Float64[np.ndarray, " samples"]) -> str:
    if len(values) == 1:
        return f"b{node} {node} 0 v={float(values[0])!r}"
    points = ",".join(f"{n},{float(value)!r}" for n, value in enumerate(values))
    return f"b{node} {node} 0 v=pwl(v(index),{points})"


def _inverse(name: str) -> str:
    return f"e{name} n{name} 0 0 y{name} 1"


def _neuron(kind: str, name: str) -> list[str]:
    # A source of 0 V reads the current, and is the virtual ground.
    ground = f"v{name} s{name} 0 0"
    if kind == "tanh":
        shaped = [f"by{name} y{name} 0 v=tanh({OHMS}*i(v{name}))"]
    else:
        shaped = [
            f"h{name} h{name} 0 v{name} {OHMS}",
            f"r{name} h{name} d{name} {SERIES}",
            f"da{name} d{name} 0 knee",
            f"db{name} 0 d{name} knee",
            f"ey{name} y{name} 0 d{name} 0 {GAIN}",
        ]
    return [ground, *shaped, _inverse(name)]
