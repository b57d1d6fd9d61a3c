"""The windows of a run one by one: points, glances, checkpoints, and safe places."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.core.signals import heard
from plexgrad.lab import saved
from plexgrad.lab.forecast import Foresee, Pace
from plexgrad.lab.params import flat, named
from plexgrad.lab.saved import Course
from plexgrad.lab.scoring import Budget
from plexgrad.lab.ways import Way
from plexgrad.training.ending import Ending
from plexgrad.training.history import METRICS
from plexgrad.training.live import ASKED, HOLD_S, PAUSE, RESUME, STOP, Live, together
from plexgrad.training.progress import Progress

WATCH_S = 0.1
"""Seconds between two glances at a run."""

FEW_KNOBS = 6
"""Knobs whose values a watcher is shown."""

AWAKE_S = 2.0
"""Seconds between two calls that keep the link of a paused run."""


class _GivenUp(Exception):
    """The run ends while a device is waited for."""


class Loop:
    """Windows one after the other, with points, glances and checkpoints."""

    def __init__(
        self,
        way: Way,
        course: Course,
        points: list[int],
        folder: Path | None,
        checkpoint_s: float | int,
        ending: Ending,
        live: Live | None = None,
        foresee: Foresee | None = None,
        scoring: float = 1.0,
    ) -> None:
        self.way, self.course, self.points = way, course, points
        self.folder, self.checkpoint_s = folder, checkpoint_s
        self.ending, self.live, self.foresee = ending, live, foresee
        self.budget = Budget(way.bench, course, scoring)
        ending.watch = together(live, ending.watch)
        self.confusion: Any = None
        self.mean, self.slots, self.whole = np.nan, 0, True
        way.bench.told = self._waiting

    def run(self, slots: int) -> tuple[str, dict[str, int]]:
        """All windows that are left; the status, and where the run broke.

        "stopped" if `ending` says so, or an error that it keeps.
        """
        self.slots = slots
        try:
            return self._run(slots)
        except _GivenUp:
            pass
        except BaseException as error:
            self.ending.failed(error)
        return "stopped", {}

    def _run(self, slots: int) -> tuple[str, dict[str, int]]:
        course, way, tau = self.course, self.way, self.way.clock.tau_theta
        pace = Pace(way, self.slots, len(self.points), self.foresee)
        if self.folder is not None and not course.window:
            self.save()
        began = time.perf_counter() - course.seconds
        saved_at = looked_at = time.monotonic()
        reached = course.slot[-1] if course.slot else -1
        due = [point for point in self.points if point > reached]
        if not course.slot and due and due[0] == 0:
            pace.scored(lambda: self._score(0))
            began = time.perf_counter() - course.seconds
        due = [point for point in due if point > 0]
        self._tell()
        while course.window < slots // tau and not self._ends():
            self.whole = False
            self.mean, wrong = way.window(course.window)
            self.whole = True
            if wrong is not None:
                return "diverged", {"0": wrong}
            course.window += 1
            slot = course.window * tau
            course.seconds = time.perf_counter() - began
            course.evaluations = way.evaluations
            pace.beat(course.window, len(due))
            scored = bool(due and slot >= due[0])
            if scored:
                due = [point for point in due if point > slot]
                scored = self.budget.allows(f"the point at slot {slot}")
            if scored:
                self._score(slot)
                began = time.perf_counter() - course.seconds
            now = time.monotonic()
            if self.folder is not None and now - saved_at > self.checkpoint_s:
                self.save()
                saved_at = time.monotonic()
            last = course.window == slots // tau
            if last or scored or now - looked_at > WATCH_S:
                looked_at = now
                self._tell()
                if self._held():
                    began = time.perf_counter() - course.seconds
        if self._ends():
            return "stopped", {}
        way.flush()
        if not course.slot or course.slot[-1] < course.window * tau:
            self._score(course.window * tau)
        if self.budget.allows("the table of confusions", 1.0):
            self.confusion = way.samples.confusion()
        if self.folder is not None:
            self.save()
        if course.best is not None and course.best.params:
            way.bench.write(flat(way.bench, course.best.params))
        return "finished", {}

    def save(self) -> None:
        """Apply what waits, read the parameters back, and write a checkpoint."""
        self.way.flush()
        self._write(self.way.bench.read_back())

    def rescue(self) -> None:
        """Bring the device to rest and save what there is, after the run has ended.

        Where the device does not answer, what the host believes of it is saved.
        """
        bench = self.way.bench
        patience, bench.patience_s = bench.patience_s, 0.0
        try:
            if not self.whole:
                bench.rest()
            self.save()
        except Exception:  # of whatever kind: the driver's own
            self.way.believe()
            self._write(bench.shadow)
        finally:
            bench.patience_s = patience

    def _write(self, theta: np.ndarray) -> None:
        if self.folder is None:
            return
        folder, way, course = self.folder, self.way, self.course
        accounts, identity = way.bench.accounts, way.bench.identity
        self.ending.keep(
            course.window * way.clock.tau_theta,
            lambda: saved.save(folder, theta, way.state(), course, accounts, identity),
        )

    def _score(self, slot: int) -> None:
        self.way.flush()
        self.course.scores.append(self.way.samples.scores())
        self.course.spent.append(self.way.evaluations)
        self.course.slot.append(slot)
        self.course.elapsed.append(self.course.seconds)
        self.course.knobs.append(self._knobs())
        if (best := self.course.best) is not None:
            here = named(self.way.bench, self.way.bench.shadow)
            best.see(slot, self.course.scores[-1][None], here)

    def _knobs(self) -> np.ndarray:
        bench = self.way.bench
        return bench.shadow[saved.kept_knobs(bench.can.parameters)]

    def _ends(self) -> bool:
        if heard.came:
            self.ending.interrupted()
        return bool(self.ending.by)

    def _asked(self) -> str:
        """What a watcher of the folder asks for; a stop is known to the ending."""
        word = self.live.asked() if self.live else ""
        if word == STOP:
            self.ending.ask("watcher", ASKED)
        return word

    def _held(self) -> bool:
        """Do what a watcher of the folder asks; whether the run was paused.

        A pause is between two windows: all updates are applied and saved, and the
        perturbation is off.
        """
        word = self._asked()
        if word != PAUSE:
            return False
        self.save()
        awake = time.monotonic()
        while word != RESUME and not self._ends():
            self._tell("paused")
            time.sleep(HOLD_S)
            if time.monotonic() - awake > AWAKE_S:
                self.way.bench.touch()
                awake = time.monotonic()
            word = self._asked()
        self._tell()
        return True

    def _waiting(self) -> None:
        self._tell("waiting")
        self._asked()
        if self._ends():
            raise _GivenUp

    def _shown_knobs(self) -> dict[str, float]:
        """Where a few knobs stood at the newest point."""
        values = self.course.knobs[-1][:FEW_KNOBS] if self.course.knobs else []
        return {f"knob_{n}": float(value) for n, value in enumerate(values)}

    def _left_s(self) -> float:
        tau = self.way.clock.tau_theta
        reached = self.course.window * tau
        points = sum(point > reached for point in self.points)
        return self.budget.left_s(self.slots // tau - self.course.window, points)

    def _tell(self, state: str = "running") -> None:
        self.ending.look(self._glance(state))

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
            {"steps": course.window, "left_s": self._left_s(), **accounts.glance()}
            | self._shown_knobs(),
            scores=dict(zip(METRICS, np.transpose(course.scores[-1:]), strict=False)),
            points=len(course.slot),
        )
