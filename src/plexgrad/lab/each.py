"""A network on each of several devices, side by side: runs that share nothing.

The key is the same, so start and samples are, and what differs is the chips.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from plexgrad.core.record import Record
from plexgrad.core.signals import listening
from plexgrad.lab import host
from plexgrad.lab.device import Device
from plexgrad.training.progress import Progress, Watcher


def folders_of(devices: Sequence[Device], folder: Path) -> list[Path]:
    """A folder for each, chip-1 and on."""
    return [folder / f"chip-{n}" for n in range(1, len(devices) + 1)]


def train_each(
    devices: Sequence[Device],
    folders: Sequence[Path | None],
    urls: Sequence[str],
    watch: Watcher | None = None,
    **arguments: Any,
) -> list[Record]:
    """`lab.train` on every device at once, each with a record in its folder.

    When a device fails, `watch` asks for a stop or a signal comes, all stop at their
    next safe place and are saved; then the first error, if any, is raised.
    """
    stop, turn = threading.Event(), threading.Lock()

    def run(number: int) -> Record:
        def look(glance: Progress) -> object:
            if stop.is_set():
                return "another device's run has ended"
            if watch is None:
                return None
            with turn:
                said = watch(replace(glance, phase=f"chip {number + 1}"))
            if said is True or (said and isinstance(said, str)):
                stop.set()
            return said

        try:
            # Goals count points, each those of its own run.
            mine = {**arguments, "stop": deepcopy(arguments.get("stop"))}
            return host.train(
                devices[number],
                **mine,
                out=folders[number],
                url=urls[number],
                watch=look,
            )
        except BaseException:
            stop.set()
            raise

    # The threads only ask what was heard; handlers are set here, in the main one.
    with listening(), ThreadPoolExecutor(len(devices)) as pool:
        futures = [pool.submit(run, number) for number in range(len(devices))]
    errors = [error for f in futures if (error := f.exception()) is not None]
    for error in sorted(errors, key=lambda e: isinstance(e, KeyboardInterrupt)):
        raise error
    return [future.result() for future in futures]
