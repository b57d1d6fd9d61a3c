"""`plexgrad train --trace N`: the first slots of an analog run, drawn."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plexgrad.core.clock import MAX_SLOTS
from plexgrad.core.validate import positive_int
from plexgrad.report.trace_plots import draw_traces
from plexgrad.training import processes
from plexgrad.training.traces import traces

FILE = "traces.png"


def refuse_untraceable(arguments: Mapping[str, Any], slots: int | None) -> None:
    """Raise ValueError, before the run, for what `draw_start` could not trace."""
    if slots is None:
        return
    positive_int("--trace", slots, MAX_SLOTS)
    if arguments.get("dynamics", "discrete") == "discrete":
        raise ValueError("--trace must have a run with --analog, got a discrete one")
    if processes.count() > 1:
        raise ValueError(f"--trace must have one process, got {processes.count()}")


def draw_start(
    arguments: Mapping[str, Any], slots: int | None, folder: Path
) -> Path | None:
    """Draw seed 0's first slots of the run of these arguments into its folder."""
    if slots is None:
        return None
    some = {"slots": slots, "seeds": 1, "updates": arguments["slots"]}
    return draw_traces(traces(**{**arguments, **some}), folder / FILE)
