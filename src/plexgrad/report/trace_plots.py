"""The traces of an analog run as one image of small panels, one below the other.

As McCaughan et al. 2023 (doi:10.1063/5.0157645) draw their exclusive-or: the cost, its
modulation, and perturbation, estimate and parameters of a few knobs, on one time axis.
"""

from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.core.files import write_atomically
from plexgrad.report import canvas
from plexgrad.report.canvas import COLOURS, LIGHT
from plexgrad.report.strokes import count_ticks
from plexgrad.training.traces import Traces

SHOWN = 3
"""Parameters drawn, at most: more lines cannot be told apart."""

CHANGE = "#b9c0ca"
"""Where a new sample is shown, in grey."""


def draw_traces(traces: Traces, path: str | Path, seed: int = 0) -> Path:
    """Write a PNG of one seed's traces: the first parameters of those chosen."""
    drawn = canvas.image(lambda figure: _paint(figure, traces, seed), (8, 8.4), dpi=120)
    path = Path(path)
    write_atomically(path, drawn)
    return path


def _paint(figure: Any, traces: Traces, seed: int) -> None:
    chosen = traces.parameters[:SHOWN]
    panels = (
        ("C", traces.cost),
        ("C~, high-passed", traces.modulation),
        ("θ~, perturbation", traces.perturbation),
        ("G, estimate", traces.gradient),
        ("θ, parameters", traces.params),
    )
    rows = figure.subplots(len(panels), sharex=True)
    slot, sample = traces.slot, traces.sample[seed]
    changes = slot[1:][np.diff(sample) != 0]
    for axes, (name, values) in zip(rows, panels, strict=True):
        axes.grid(False, axis="x")
        if len(changes) <= len(slot) / 8:
            tall = axes.get_xaxis_transform()
            axes.vlines(changes, 0, 1, color=CHANGE, lw=0.8, transform=tall)
        shown = values[seed]
        if shown.ndim == 1:
            axes.plot(slot, shown, color=LIGHT[canvas.INK], lw=1)
        else:
            # The nth chosen parameter has one colour in all panels.
            for number, colour in zip(range(len(chosen)), COLOURS, strict=False):
                label = f"parameter {chosen[number]}"
                axes.plot(
                    slot, shown[:, number], color=LIGHT[colour], lw=1, label=label
                )
        axes.set_title(name, loc="left", fontsize=9.5, color=LIGHT[canvas.INK])
        axes.margins(x=0)
    rows[2].legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=SHOWN)
    count_ticks(rows[-1].xaxis, float(slot[0]), float(slot[-1]))
    rows[-1].set_xlabel("slot; grey lines: a new sample")
