"""The windows of a run one by one: points, glances, checkpoints, and safe places."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.lab import saved
from plexgrad.lab.bench import Worn
from plexgrad.lab.forecast import Foresee, Pace
from plexgrad.lab.saved import Course, Stop
from plexgrad.lab.ways import Way
from plexgrad.training.live import HOLD_S, PAUSE, RESUME, STOP, Live, together
from plexgrad.training.progress import Progress, Watcher
from plexgrad.training.train import METRICS

WATCH_S = 0.1
"""Seconds between two glances at a run."""

AWAKE_S = 2.0
"""Seconds between two calls that keep the link of a paused run."""


class Loop:
    """Windows one after the other, with points, glances and checkpoints."""

    def __init__(
        self,
        way: Way,
        course: Course,
        points: list[int],
        folder: Path | None,
        checkpoint_s: float | int,
        watch: Watcher | None,
        live: Live | None = None,
        foresee: Foresee | None = None,
    ) -> None:
        self.way, self.course, self.points = way, course, points
        self.folder, self.checkpoint_s = folder, checkpoint_s
        self.watch, self.live, self.foresee = watch, live, foresee
        self.confusion: Any = None
        self.mean, self.slots = np.nan, 0
        way.bench.told = lambda: self._tell("waiting")

    def run(self, slots: int) -> tuple[str, dict[str, int]]:
        """All windows that are left; the status, and where the run broke."""
        course, way, tau = self.course, self.way, self.way.clock.tau_theta
        self.slots = slots
        pace = Pace(way, slots, len(self.points), self.foresee)
        began = time.perf_counter() - course.seconds
        saved_at = looked_at = time.monotonic()
        reached = course.slot[-1] if course.slot else -1
        due = [point for point in self.points if point > reached]
        if not course.slot and due and due[0] == 0:
            pace.scored(lambda: self._score(0))
            began = time.perf_counter() - course.seconds
        due = [point for point in due if point > 0]
        self._tell()
        with Stop() as stop:
            while course.window < slots // tau:
                self.mean, wrong = way.window(course.window)
                if wrong is not None:
                    return "diverged", {"0": wrong}
                course.window += 1
                slot = course.window * tau
                course.seconds = time.perf_counter() - began
                course.evaluations = way.evaluations
                pace.beat(course.window, len(due))
                if due and slot >= due[0]:
                    due = [point for point in due if point > slot]
                    self._score(slot)
                    began = time.perf_counter() - course.seconds
                now = time.monotonic()
                if self.folder is not None and now - saved_at > self.checkpoint_s:
                    self.save()
                    saved_at = time.monotonic()
                last = course.window == slots // tau
                if last or now - looked_at > WATCH_S:
                    looked_at = now
                    self._tell()
                    if self._held(stop):
                        began = time.perf_counter() - course.seconds
                if stop.asked:
                    raise KeyboardInterrupt
        way.flush()
        if not course.slot or course.slot[-1] < course.window * tau:
            self._score(course.window * tau)
        self.confusion = way.samples.confusion()
        if self.folder is not None:
            self.save()
        return "finished", {}

    def save(self) -> None:
        """Apply what waits, read the parameters back, and write a checkpoint."""
        way = self.way
        way.flush()
        theta = way.bench.read_back()
        if self.folder is not None:
            accounts, identity = way.bench.accounts, way.bench.identity
            saved.save(self.folder, theta, way.state(), self.course, accounts, identity)

    def rescue(self) -> None:
        """Save what can be saved; the last checkpoint stays if nothing can."""
        patience, self.way.bench.patience_s = self.way.bench.patience_s, 0.0
        try:
            self.save()
        except (OSError, Worn):
            pass
        finally:
            self.way.bench.patience_s = patience

    def _score(self, slot: int) -> None:
        self.way.flush()
        self.course.scores.append(self.way.samples.scores())
        self.course.spent.append(self.way.evaluations)
        self.course.slot.append(slot)

    def _held(self, stop: Stop) -> bool:
        """Do what a watcher of the folder asks; whether the run was paused.

        A pause is between two windows: all updates are applied and saved, and the
        perturbation is off.
        """
        word = self.live.asked() if self.live else ""
        stop.asked |= word == STOP
        if self.live is None or word != PAUSE:
            return False
        self.save()
        awake = time.monotonic()
        while word != RESUME and not stop.asked:
            self._tell("paused")
            time.sleep(HOLD_S)
            if time.monotonic() - awake > AWAKE_S:
                self.way.bench.touch()
                awake = time.monotonic()
            word = self.live.asked()
            stop.asked |= word == STOP
        self._tell()
        return True

    def _tell(self, state: str = "running") -> None:
        watchers = [each for each in (self.live, self.watch) if each is not None]
        if watchers:
            together(*watchers)(self._glance(state))

    def _glance(self, state: str) -> Progress:
        course, accounts = self.course, self.way.bench.accounts
        seen = [s[METRICS.index("test_accuracy")] for s in course.scores[-1:]]
        return Progress(
            "train",
            course.window * self.way.clock.tau_theta,
            self.slots,
            self.way.evaluations,
            course.seconds,
            np.array([self.mean]),
            np.array([value for value in seen if np.isfinite(value)]),
            0,
            state,
            {"steps": course.window, **accounts.glance()},
        )
