"""What a run on a device leaves in its folder: a checkpoint, and its record."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.core.claim import held, refuse_run
from plexgrad.core.record import Record
from plexgrad.lab.accounts import Accounts
from plexgrad.lab.device import Identity, LinkCounts
from plexgrad.training import checkpoint
from plexgrad.training.checkpoint import CHECKPOINT
from plexgrad.training.ending import Ending, save_record
from plexgrad.training.history import METRICS
from plexgrad.training.keeping import Best
from plexgrad.training.recorded import empty, not_running

MOST_KNOBS = 16
"""Parameters whose values are kept at every point: more cannot be told apart."""


def kept_knobs(parameters: int) -> list[int]:
    """Which parameters' values are kept at the points: all of few, some of many."""
    count = min(parameters, MOST_KNOBS)
    return np.linspace(0, parameters - 1, count).round().astype(int).tolist()


@dataclass
class Course:
    """How far a run has come: windows done, and what was scored on the way.

    At each point there are scores, the `elapsed` seconds of training and the values of
    the `kept_knobs`. `spec` is what is run, for the checkpoint; `best` has the best
    parameters if those are to be kept.
    """

    window: int = 0
    seconds: float = 0.0
    evaluations: int = 0
    slot: list[int] = field(default_factory=list)
    spent: list[int] = field(default_factory=list)
    scores: list[np.ndarray] = field(default_factory=list)
    elapsed: list[float] = field(default_factory=list)
    knobs: list[np.ndarray] = field(default_factory=list)
    spec: dict[str, Any] | None = None
    best: Best | None = None

    def curves(self) -> dict[str, np.ndarray]:
        """As a record keeps them."""
        scores = np.asarray(self.scores, np.float32).reshape(-1, len(METRICS))
        return {
            "slot": np.asarray(self.slot, np.int64),
            "evaluations": np.asarray(self.spent, np.int64),
            "seconds": np.asarray(self.elapsed, float),
            **{name: scores[:, n : n + 1] for n, name in enumerate(METRICS)},
        }

    def knob_curves(self, parameters: int) -> dict[str, np.ndarray]:
        """The values of the `kept_knobs` at the points, by column."""
        values = np.asarray(self.knobs, np.float32)
        return {
            f"parameter_{number}": values[:, place]
            for place, number in enumerate(kept_knobs(parameters))
            if len(values)
        }


def save(
    folder: Path,
    theta: np.ndarray,
    rule: Any,
    course: Course,
    accounts: Accounts,
    identity: Identity,
) -> None:
    """Write the checkpoint, whole or not at all."""
    progress = {
        "window": course.window,
        "seconds": course.seconds,
        "evaluations": course.evaluations,
        "slot": np.asarray(course.slot, np.int64),
        "spent": np.asarray(course.spent, np.int64),
        "scores": np.asarray(course.scores, np.float32),
        "elapsed": np.asarray(course.elapsed, float),
        "knobs": np.asarray(course.knobs, np.float32),
        "serial": np.asarray(identity.serial),
        **{f"account_{k}": v for k, v in accounts.arrays().items()},
        **({} if course.best is None else course.best.arrays()),
    }
    checkpoint.save(folder / CHECKPOINT, (theta, rule), progress, course.spec)


def load(
    folder: Path, rule: Any, accounts: Accounts, identity: Identity, link: LinkCounts
) -> tuple[np.ndarray, Any, Course]:
    """Parameters, the rule's state and the course of a checkpoint.

    Raises FileNotFoundError without one, ValueError if it is of a device with another
    serial number.
    """
    path = folder / CHECKPOINT
    like = (accounts.writes.astype(np.float32), rule)
    (theta, rule), found = checkpoint.load(path, like)
    serial = str(found["serial"])
    if serial != identity.serial:
        raise ValueError(
            f"the device must have the serial number {serial!r} of {path}, "
            f"got {identity.serial!r}; a run on another chip is another run"
        )
    counts = {
        name.removeprefix("account_"): value
        for name, value in found.items()
        if name.startswith("account_")
    }
    accounts.take(counts, link)
    course = Course(
        int(found["window"]),
        float(found["seconds"]),
        int(found["evaluations"]),
        found["slot"].tolist(),
        found["spent"].tolist(),
        list(found["scores"]),
        found["elapsed"].tolist(),
        list(found["knobs"]),
    )
    if "best_slot" in found:
        course.best = Best()
        course.best.take(found)
    return np.asarray(theta), rule, course


@contextmanager
def begun(
    folder: Path | None, spec: dict[str, Any], resume: bool, ending: Ending
) -> Iterator[None]:
    """Hold a run's folder, with its spec in it before anything is sent to the device.

    So a killed run can be resumed, and one that fails does not seem to go on. Raises
    ValueError if another run is in the folder or at it.
    """
    if folder is None:
        yield
        return
    with held(folder):
        _claim(folder, spec, resume)
        try:
            yield
        except BaseException as error:
            ending.failed(error)
            save_record(lambda: not_running(folder, spec, ending))
            raise


def _claim(folder: Path, spec: dict[str, Any], resume: bool) -> None:
    if resume:
        before = checkpoint.spec_of(folder)
        was, here = (str(each["chip"]["serial"]) for each in (before, spec))
        if was != here:
            raise ValueError(
                f"the device must have the serial number {was!r} of the run in "
                f"{folder}, got {here!r}; a run on another chip is another run"
            )
        # The same chip may be found at another address, or with newer firmware.
        asked = {**spec, "chip": before["chip"]}
        both = {**before, **asked}
        changed = [name for name in both if before.get(name) != asked.get(name)]
        if changed:
            raise ValueError(
                f"{folder} must hold the run to resume; it differs in "
                f"{', '.join(changed)}"
            )
        if Record.found(folder) is None:
            empty(spec, "running").save(folder)
        return
    refuse_run(folder)
    checkpoint.forget(folder / CHECKPOINT)
    empty(spec, "running").save(folder)
