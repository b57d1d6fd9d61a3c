"""Samples on their way to a device, shown to whoever watches the run."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from plexgrad.core.signals import heard
from plexgrad.training.progress import Progress, Watcher

NOTHING = np.array([])


def show_loading(device: Any, watch: Watcher | None) -> None:
    """Let devices that take samples in parts tell `watch` of them.

    It is shown a `Progress` of the phase "load" (of a second device "load 1"), whose
    slots are samples; costs and accuracies are empty.

    Where a signal was heard, loading ends with KeyboardInterrupt.
    """
    devices = device if isinstance(device, Sequence) else [device]
    for number, each in enumerate(devices):
        if hasattr(each, "on_loading"):
            phase = f"load {number}" if number else "load"
            each.on_loading = _shower(phase, watch)


def _shower(phase: str, watch: Watcher | None) -> Any:
    began = time.monotonic()

    def show(done: int, total: int) -> None:
        if watch is not None:
            took = time.monotonic() - began
            watch(Progress(phase, done, total, 0, took, NOTHING, NOTHING, 0))
        if heard.came:
            raise KeyboardInterrupt(heard.came)

    return show
