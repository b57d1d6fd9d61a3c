"""What a run does with readings that it doubts: measure again, skip, limit, end.

The guard has measured again what was not read (`lab.readings`). Here rows that lie too
far apart (`lab.spread`) are measured again; a window in which a row stays unread or far
is skipped: nothing is learnt from it. What is learnt has a limit (`lab.step_limit`).
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from plexgrad.lab.readings import AGAIN
from plexgrad.lab.spread import Spread
from plexgrad.lab.step_limit import ALONE, SHOWN, StepLimit
from plexgrad.lab.team import AnyBench

IN_A_ROW = 8
"""Windows skipped one after the other before a run has diverged."""

FIRST_S = 1e-3
"""Seconds before a device is asked again; they double, .5 s in all before the end."""

NEW_LEVEL = 3
"""Windows skipped as too far apart before the costs have changed for good."""


class NothingRead(RuntimeError):
    """No window of a run could be learnt from."""


class Doubts:
    """The doubts of one run; `step_limit` None is the usual one, 0 none."""

    def __init__(
        self, bench: AnyBench, shows: bool, step_limit: float | int | None = None
    ) -> None:
        self.bench = bench
        usual = SHOWN if shows else ALONE
        self.limit = StepLimit(usual if step_limit is None else step_limit)
        self.spread = Spread(shows, bench.can.noise_std)
        self.row = self.first = self.learnt = 0
        self._far = False  # in this window

    def costs(
        self, measure: Callable[[], np.ndarray], groups: int
    ) -> tuple[np.ndarray, int]:
        """Costs that can be believed, NaN where none can, and how many were measured.

        `measure` gives the costs of all rows, which are dealt evenly to the groups.
        """
        found = measure()
        total = len(found)
        far = self.spread.far(found, groups)
        for _ in range(AGAIN):
            if far is None:
                break
            count = int(far.sum())
            worst = found[far][np.abs(found[far]).argmax()]
            self.bench.accounts.asked_again += count
            said = f"{count} readings measured again: {worst:g} is far from the others"
            self.bench.notes.add("far", said, count)
            again = measure()
            total += len(again)
            found = np.where(far, again, found)
            far = self.spread.far(found, groups)
        if far is not None and self.spread.sure:
            found = np.where(far, np.float32(np.nan), found)
            self._far = True
        else:
            self.spread.learn()
        return found, total

    def taken(self, signal: np.ndarray, number: int) -> np.ndarray | None:
        """What a window's signal (tau_theta,) may teach; None if it is skipped.

        Raises NothingRead if no window of the run could be learnt from by now.
        """
        far, self._far = self._far, False
        if np.isfinite(signal).all():
            self.row, self.learnt = 0, self.learnt + 1
            signal, cut = self.limit(signal)
            if cut:
                self.bench.accounts.limited += cut
                self.bench.notes.add(
                    "limited",
                    f"a step was cut to {self.limit.most:g} times the usual one, in "
                    f"window {number}",
                    cut,
                )
            return signal
        if not self.row:
            self.first = number * len(signal) + int(np.isfinite(signal).argmin())
        self.row += 1
        self.bench.accounts.skipped += 1
        why = "lie too far apart" if far else "are not finite"
        self.bench.notes.add(
            "skipped", f"window {number} was skipped: its readings {why}"
        )
        if far and self.row == NEW_LEVEL:
            self.spread.forget()
        time.sleep(FIRST_S * 2**self.row)
        return None

    def broken(self, last: bool) -> int | None:
        """The first slot of a run of skipped windows that is too long, if it is.

        `last`: no window follows. Raises NothingRead if none was ever learnt from.
        """
        if not self.row or not (self.row >= IN_A_ROW or last and not self.learnt):
            return None
        if not self.learnt:
            raise NothingRead(
                f"{self.bench.identity} gave no reading that could be learnt from in "
                f"{self.row} windows: costs must be finite, got nan or over range from "
                f"slot {self.first} on, though each was measured {AGAIN + 1} times"
            )
        return self.first

    def state(self) -> dict[str, np.ndarray]:
        """What is remembered, as arrays of one shape."""
        counts = np.array([self.row, self.first, self.learnt], np.int64)
        return {
            "spread": self.spread.state(),
            "limit": self.limit.state(),
            "counts": counts,
        }

    def restore(self, state: Any) -> None:
        """Go on with what was remembered."""
        self.spread.restore(np.asarray(state["spread"]))
        self.limit.restore(np.asarray(state["limit"]))
        self.row, self.first, self.learnt = np.asarray(state["counts"]).tolist()
