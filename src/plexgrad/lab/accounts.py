"""What a run has cost a device: writes per cell, seconds, bytes, retries."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from plexgrad.lab.device import LinkCounts


@dataclass
class Accounts:
    """Counts of one run, kept by the host.

    `writes` (P,) counts how often each cell was written, restoring included;
    `saturated` (P,) in how many measurements a parameter was driven out of its range.
    `device_s` is what the device says it was busy. `drift` is how far the parameter
    that was farthest off lay from its belief when all were last read back, in its unit.
    `asked_again` counts rows that were measured again since they could not be believed,
    `skipped` windows from which nothing was learnt, `limited` slots whose push on the
    parameters was cut: see `lab.doubts`.

    `rows` and `readings` (a row of a batch is a reading of each sample) are all that
    were measured, `scored` and `scored_readings` those of scoring. Seconds: `load_s`
    handing over samples, `score_s` scoring, `recover_s` bringing a lost device back (a
    part of whatever went on), `settle_s` what its declared settling times add up to.
    """

    writes: np.ndarray
    saturated: np.ndarray
    rows: int = 0
    updates: int = 0
    device_s: float = 0.0
    recoveries: int = 0
    unsettled: int = 0
    disagreements: int = 0
    drift: float = 0.0
    asked_again: int = 0
    skipped: int = 0
    limited: int = 0
    readings: int = 0
    scored: int = 0
    scored_readings: int = 0
    load_s: float = 0.0
    score_s: float = 0.0
    recover_s: float = 0.0
    settle_s: float = 0.0
    link: LinkCounts = field(default_factory=LinkCounts)

    @classmethod
    def of(cls, parameters: int) -> "Accounts":
        """Nothing so far."""
        nothing = np.zeros(parameters, np.int64)
        return cls(nothing, nothing.copy())

    def arrays(self) -> dict[str, np.ndarray]:
        """For a checkpoint: the counts and those of the link, by name."""
        found = {
            each.name: np.asarray(getattr(self, each.name))
            for each in fields(self)
            if each.name != "link"
        }
        counts = {f.name: getattr(self.link, f.name) for f in fields(LinkCounts)}
        return found | {f"link_{k}": np.asarray(v) for k, v in counts.items()}

    def take(self, arrays: dict[str, np.ndarray], link: LinkCounts) -> None:
        """Go on from a checkpoint; `link` is the driver's own, which goes on too."""
        self.link = link
        for each in fields(self):
            if each.name != "link" and each.name in arrays:
                value = arrays[each.name]
                setattr(self, each.name, value.copy() if value.ndim else value.item())
        for each in fields(LinkCounts):
            before = arrays[f"link_{each.name}"].item()
            setattr(link, each.name, getattr(link, each.name) + before)

    def glance(self) -> dict[str, float | int]:
        """The numbers that a watcher of the run sees, all by name."""
        return {
            **{f.name: getattr(self.link, f.name) for f in fields(LinkCounts)},
            "writes_max": int(self.writes.max()),
            "writes_mean": float(self.writes.mean()),
            "saturated_cells": int((self.saturated > 0).sum()),
            "device_s": self.device_s,
            "recoveries": self.recoveries,
            "drift": self.drift,
            "asked_again": self.asked_again,
            "skipped": self.skipped,
            "limited": self.limited,
            "scored": self.scored,
            "load_s": self.load_s,
            "score_s": self.score_s,
            "recover_s": self.recover_s,
        }

    def times(self, training_s: float) -> dict[str, float]:
        """Where the seconds of a run went; recoveries and settling are parts of it."""
        return {
            "whole_s": training_s + self.load_s + self.score_s,
            "training_s": training_s,
            "loading_s": self.load_s,
            "scoring_s": self.score_s,
            "recovering_s": self.recover_s,
            "settling_s": self.settle_s,
        }

    def summary(self, training_s: float = 0.0) -> dict[str, Any]:
        """Plain data for a record, of a run that has trained for so long."""
        found = {f.name: getattr(self.link, f.name) for f in fields(LinkCounts)}
        return {
            "writes_max": int(self.writes.max()),
            "writes_mean": float(self.writes.mean()),
            "saturated_cells": int((self.saturated > 0).sum()),
            "rows": self.rows,
            "updates": self.updates,
            "device_s": self.device_s,
            "recoveries": self.recoveries,
            "unsettled": self.unsettled,
            "disagreements": self.disagreements,
            "drift": self.drift,
            "asked_again": self.asked_again,
            "skipped": self.skipped,
            "limited": self.limited,
            "readings": self.readings,
            "scored": self.scored,
            "scored_readings": self.scored_readings,
            "time": self.times(training_s),
            "link": found,
        }
