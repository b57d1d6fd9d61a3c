"""The windows of a run one by one: points, glances, checkpoints and a safe stop."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.lab import saved
from plexgrad.lab.bench import Worn
from plexgrad.lab.saved import Course, Stop
from plexgrad.lab.ways import Way
from plexgrad.training.progress import Progress, Watcher
from plexgrad.training.train import METRICS

WATCH_S = 0.1
"""Seconds between two glances at a run."""


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
    ) -> None:
        self.way, self.course, self.points = way, course, points
        self.folder, self.checkpoint_s, self.watch = folder, checkpoint_s, watch
        self.confusion: Any = None

    def run(self, slots: int) -> tuple[str, dict[str, int]]:
        """All windows that are left; the status, and where the run broke."""
        course, way, tau = self.course, self.way, self.way.clock.tau_theta
        began = time.perf_counter() - course.seconds
        saved_at = looked_at = time.monotonic()
        reached = course.slot[-1] if course.slot else -1
        due = [point for point in self.points if point > reached]
        if not course.slot and due and due[0] == 0:
            self._score(0)
            began = time.perf_counter() - course.seconds
        due = [point for point in due if point > 0]
        with Stop() as stop:
            while course.window < slots // tau:
                mean, wrong = way.window(course.window)
                if wrong is not None:
                    return "diverged", {"0": wrong}
                course.window += 1
                slot = course.window * tau
                course.seconds = time.perf_counter() - began
                course.evaluations = way.evaluations
                if due and slot >= due[0]:
                    due = [point for point in due if point > slot]
                    self._score(slot)
                    began = time.perf_counter() - course.seconds
                now = time.monotonic()
                if self.folder is not None and now - saved_at > self.checkpoint_s:
                    self.save()
                    saved_at = time.monotonic()
                last = course.window == slots // tau
                if self.watch and (last or now - looked_at > WATCH_S):
                    looked_at = now
                    self.watch(self._glance(slot, slots, mean))
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

    def _glance(self, slot: int, slots: int, mean: float) -> Progress:
        scores = self.course.scores
        seen = [s[METRICS.index("test_accuracy")] for s in scores[-1:]]
        return Progress(
            "train",
            slot,
            slots,
            self.way.evaluations,
            self.course.seconds,
            np.array([mean]),
            np.array([value for value in seen if np.isfinite(value)]),
            0,
        )
