"""Event files for TensorBoard: a run's numbers as it goes on, through tensorboardX.

Needs tensorboardX, the extra `tensorboard`; to look at them, tensorboard itself.
"""

import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from plexgrad.core.extras import needed
from plexgrad.training.progress import Progress

EVERY_S = 0.5
FLUSH_S = 2


class EventFiles:
    """A watcher that writes to `folder`, and for later phases to folders in it.

    Steps are slots. With `resume`, steps that a killed run was ahead of its checkpoint
    are marked as void, so no reader shows one twice; else old event files go.
    Raises ImportError, saying what to install, without tensorboardX.
    """

    def __init__(self, folder: Path, resume: bool = False) -> None:
        self.folder, self.resume = folder, resume
        self._writer_of = needed("tensorboardX", "tensorboard").SummaryWriter
        self._writers: dict[str, Any] = {}
        self._last: dict[str, int] = {}
        self._told_at = 0.0

    def __enter__(self) -> "EventFiles":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def __call__(self, glance: Progress) -> None:
        """Write a glance, unless there is nothing new since a moment ago."""
        phase, now = glance.phase, time.monotonic()
        due = glance.slot == glance.slots or now - self._told_at >= EVERY_S
        if glance.slot <= self._last.get(phase, -1) or not due:
            return
        if phase not in self._writers:
            self._writers[phase] = self._begun(phase, glance.slot)
        self._told_at, self._last[phase] = now, glance.slot
        for tag, value in _scalars(glance).items():
            self._writers[phase].add_scalar(tag, value, glance.slot)

    def _begun(self, phase: str, slot: int) -> Any:
        place = self.folder if phase == "train" else self.folder / phase
        old = list(place.glob("events.out.tfevents.*"))
        if not self.resume:
            for file in old:
                file.unlink()
        # Files are named by the second; two of one second would be one.
        return self._writer_of(
            str(place),
            purge_step=slot if self.resume else None,
            filename_suffix=f".{len(old):03}",
            flush_secs=FLUSH_S,
        )


def _scalars(glance: Progress) -> dict[str, float]:
    found = {"evaluations": float(glance.evaluations), "seconds": glance.seconds}
    for tag, values in (("cost", glance.cost), ("test_accuracy", glance.accuracy)):
        known = values[np.isfinite(values)]
        if known.size:
            found[tag] = float(known.mean())
    calls = glance.more.get("calls")
    if calls:
        found["device/round_trip_s"] = glance.more["busy_s"] / calls
    return found | {f"device/{name}": float(v) for name, v in glance.more.items()}
