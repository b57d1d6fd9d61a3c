"""Following a run from outside: its live record, whether it lives, and its rates."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.core.owner import lives
from plexgrad.core.reading import open_regular
from plexgrad.core.record import Record
from plexgrad.training import live

RECENT_S = 5.0
"""Seconds over which rates are taken."""

FRESH = 4
"""Intervals without a line after which a run on another machine is silent."""

GOING = ("running", "paused", "waiting")


class Followed:
    """A run in a folder, seen from outside; `poll` reads what is new.

    A run without a live record, as older ones are, is known by its record alone. With
    `pid`, only what that process writes is read, which may not have begun.
    """

    def __init__(self, folder: str | Path, pid: int | None = None) -> None:
        self.folder, self.pid = Path(folder), pid
        self.about: dict[str, Any] = {}
        self.lines: list[dict[str, Any]] = []
        self._file, self._place, self._rest = (0, 0), 0, b""
        self._heard = time.monotonic()

    def poll(self) -> bool:
        """Read what has been written since; whether there was anything."""
        path = self.folder / live.FILE
        try:
            here = path.stat()
        except OSError:
            return self.pid is None and not self.lines and self._recorded()
        if (here.st_dev, here.st_ino) != self._file or here.st_size < self._place:
            self._file, self._place, self._rest = (here.st_dev, here.st_ino), 0, b""
            self.about, self.lines = {}, []
        if here.st_size == self._place:
            return False
        try:
            with open_regular(path) as file:
                file.seek(self._place)
                new = file.read(min(here.st_size - self._place, live.LARGEST))
        except (OSError, ValueError):
            return False
        self._place += len(new)
        self._heard = time.monotonic()
        *whole, self._rest = (self._rest + new).split(b"\n")
        self._rest = self._rest[: live.LONGEST + 1]
        self.about, found = live.parsed(whole, self.about)
        if self.pid not in (None, self.about.get("pid")):
            return False
        self.lines += found
        return bool(whole)

    def state(self) -> str:
        """Now: "running", "paused", "waiting", "finished", "stopped", ...

        "killed" if its process is gone, "silent" if it may live elsewhere but says
        nothing, "starting" if there is nothing yet.
        """
        if not self.lines:
            return "starting"
        said = str(self.lines[-1]["state"])
        if said not in GOING or not self.about:
            return said
        alive = lives(self.about)
        if alive is None:
            fresh = self.silent_s() < FRESH * float(self.about.get("every_s", 1.0))
            return said if fresh else "silent"
        return said if alive else "killed"

    def silent_s(self) -> float:
        """Seconds since the last line, as far as clocks that may be set can tell."""
        told = time.time() - float(self.lines[-1]["at"])
        return max(told, time.monotonic() - self._heard)

    def phase(self) -> list[dict[str, Any]]:
        """The lines of the newest phase."""
        last = self.lines[-1]["phase"] if self.lines else None
        return [line for line in self.lines if line["phase"] == last]

    def ask(self, word: str) -> None:
        """Ask the run to pause, resume or stop."""
        live.ask(self.folder, word)

    def _recorded(self) -> bool:
        """Lines from the curves of a record. Raises FileNotFoundError without one."""
        record = Record.load(self.folder)
        curves = record.curves
        nothing = np.full(len(curves.get("slot", ())), np.nan)
        slots, seconds = record.spec.get("slots"), record.throughput.get("seconds")
        self.about = {}
        self.lines = [
            {
                "at": 0.0,
                "state": record.status,
                "phase": "train",
                "slot": int(slot),
                "slots": slots if type(slots) is int else int(curves["slot"][-1]),
                "evaluations": int(spent),
                "seconds": (seconds or 0.0) * slot / max(1, curves["slot"][-1]),
                "cost": _mean(curves.get("train_cost", nothing)[n]),
                "accuracy": _mean(curves.get("test_accuracy", nothing)[n]),
                "diverged": len(record.diverged),
            }
            for n, (slot, spent) in enumerate(
                zip(curves.get("slot", ()), curves.get("evaluations", ()), strict=False)
            )
        ]
        return bool(self.lines)


def rate(lines: list[dict[str, Any]], over: str, under: str = "seconds") -> float:
    """How fast one number has grown with another lately; NaN if neither has.

    Rates are those of the last few seconds in which the run was running.
    """
    wanted = (over, under, "seconds")
    known = [
        line
        for line in lines[-64:]
        if all(line.get(name) is not None for name in wanted)
    ]
    if not known:
        return float("nan")
    last = known[-1]
    first = next(
        (line for line in known if last["seconds"] - line["seconds"] <= RECENT_S), last
    )
    if first is last and len(known) > 1:
        first = known[-2]
    span = last[under] - first[under]
    return (last[over] - first[over]) / span if span > 0 else float("nan")


def left_s(lines: list[dict[str, Any]]) -> float:
    """Seconds until the end: as the run says, else at the newest rate; NaN if unknown.

    A run on a device says it, scoring included.
    """
    if not lines:
        return float("nan")
    if (said := lines[-1].get("left_s")) is not None:
        return float(said)
    speed = rate(lines, "slot")
    todo = lines[-1]["slots"] - lines[-1]["slot"]
    return todo / speed if speed > 0 else float("nan")


def _mean(values: np.ndarray) -> float | None:
    values = np.asarray(values, float)
    return float(np.nanmean(values)) if np.isfinite(values).any() else None
