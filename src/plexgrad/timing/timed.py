"""A record timed: seconds, joules and writes to each accuracy, for each platform."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plexgrad.core.clock import Clock
from plexgrad.core.contracts import AbstractEstimator
from plexgrad.core.record import Record
from plexgrad.core.spec import from_spec
from plexgrad.timing.backprop import Backprop
from plexgrad.timing.counts import Counts, beat, is_analog, refuse_exact
from plexgrad.timing.platform import Platform, platforms
from plexgrad.timing.predict import Change, Prediction, changes, slot_s
from plexgrad.timing.reach import (
    as_targets,
    coarseness,
    first_at,
    over_seeds,
    usual_targets,
)
from plexgrad.training.specs import kinds

PAPER = ("HW1", "HW2", "HW3")


@dataclass(frozen=True, eq=False)
class Timed:
    """A run's learning curve, and when each seed was at each of `targets`.

    In analog time the clock's tau_theta is 1, as parameters move in every slot.
    `slots` is (points,), `accuracy` (points, seeds), `first` (targets, seeds) slots,
    infinite where a seed never got there.
    """

    task: str
    estimator: AbstractEstimator
    clock: Clock
    analog: bool
    parameters: int
    batch: int
    slots: np.ndarray
    accuracy: np.ndarray
    targets: list[float]
    first: np.ndarray
    platforms: list[Platform]
    backpropagation: Backprop | None

    @property
    def setup(self) -> tuple[AbstractEstimator, Clock, int, int]:
        """What a platform's time of a slot depends on."""
        return self.estimator, self.clock, self.parameters, self.batch

    def changes(self, platform: Platform) -> list[Change]:
        """What other time constants do to the time of a slot: see `predict`.

        In analog time tau_theta is that of a filter and changes nothing.
        """
        found = changes(platform, *self.setup)
        return [c for c in found if not (self.analog and c.tau == "tau_theta")]

    def at(self, platform: Platform, slots: int) -> Prediction:
        """What so many slots of this run take on a platform."""
        return Prediction(platform, Counts.of(*self.setup[:2], slots, *self.setup[2:]))

    def each(self, platform: Platform, name: str) -> np.ndarray:
        """(targets, seeds) of a number of `Prediction`: "bound_s", "rule_s", ...

        Infinite where a target is never reached, NaN where the number is not known.
        """
        found = np.full(self.first.shape, np.inf)
        for slots in np.unique(self.first[np.isfinite(self.first)]):
            value = getattr(self.at(platform, int(slots)), name)
            found[self.first == slots] = np.nan if value is None else value
        return found

    @property
    def writes(self) -> np.ndarray:
        """(targets, seeds) writes of each cell."""
        return np.floor(self.first / self.clock.tau_theta)

    @property
    def share(self) -> np.ndarray:
        """(targets,) the share of seeds that reached each target."""
        return np.isfinite(self.first).mean(axis=1)

    @property
    def judged(self) -> tuple[float | None, int]:
        """The highest target that half of the seeds reach, and their median slots.

        Without one, no target and all slots of the run.
        """
        middle = over_seeds(self.first)[:, 1]
        for target, slots in zip(self.targets[::-1], middle[::-1], strict=True):
            if np.isfinite(slots) and slots > 0:
                return target, round(float(slots))
        return None, int(self.slots[-1])

    @property
    def coarseness(self) -> np.ndarray:
        """(targets,) the share by which a time may be too long: see `reach`."""
        return coarseness(self.slots, self.first)

    @property
    def warnings(self) -> list[str]:
        """What wears out before the last target that the slowest seed reaches."""
        reached = self.first[np.isfinite(self.first)]
        most = int(reached.max()) if reached.size else int(self.slots[-1])
        found = (self.at(platform, most).warning for platform in self.platforms)
        return [warning for warning in found if warning is not None]

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is not finite or not known is None."""
        target, slots = self.judged
        beside = self.backpropagation
        return {
            "task": self.task,
            "parameters": self.parameters,
            "batch": self.batch,
            "analog": self.analog,
            "clock": dataclasses.asdict(self.clock),
            "seeds": self.first.shape[1],
            "slots_run": int(self.slots[-1]),
            "points": len(self.slots),
            "targets": [self._target(n) for n in range(len(self.targets))],
            "judged": {"accuracy": target, "slots": slots},
            "platforms": {p.name: self._platform(p, slots) for p in self.platforms},
            "backpropagation": beside
            and {"update_s": beside.update_s, "source": beside.source},
            "warnings": self.warnings,
        }

    def _target(self, number: int) -> dict[str, Any]:
        beside = self.backpropagation
        reached = None if beside is None else beside.reached(self.targets)
        return {
            "accuracy": self.targets[number],
            "share_of_seeds": float(self.share[number]),
            "too_long_by_up_to": float(self.coarseness[number]),
            "slots": _spread(self.first, number),
            "writes_per_cell": _spread(self.writes, number),
            "platforms": {
                p.name: {
                    name: _spread(self.each(p, name), number)
                    for name in ("rule_s", "bound_s", "energy_j")
                }
                for p in self.platforms
            },
            "backpropagation": None
            if beside is None or reached is None
            else {
                "share_of_seeds": float(np.isfinite(reached[number]).mean()),
                "updates": _spread(reached, number),
                "seconds": _spread(reached * beside.update_s, number),
            },
        }

    def _platform(self, platform: Platform, slots: int) -> dict[str, Any]:
        at = self.at(platform, slots)
        setup = self.setup
        return {
            "constants": dataclasses.asdict(platform),
            "counts": dataclasses.asdict(at.counts),
            "rule_s": at.rule_s,
            "bound_s": at.bound_s,
            "held_s": at.held_s,
            "shares": at.shares,
            "dominant": at.dominant,
            "energy_j": at.energy_j,
            "energy_without": list(platform.energy_missing),
            "wear": at.wear,
            "slot_s": slot_s(platform, *setup),
            "changes": [dataclasses.asdict(c) for c in self.changes(platform)],
        }


def timed(
    record: Record,
    chosen: Sequence[Platform] | None = None,
    targets: Sequence[float] | None = None,
    backpropagation: Backprop | None = None,
) -> Timed:
    """When the seeds of a record reach each accuracy, for the `chosen` platforms.

    Platforms are HW1, HW2 and HW3 of the paper unless given; targets every 5 %.
    Backpropagation is the record's own reference unless given.

    Raises ValueError for a record without curves of the test accuracy or that was made
    with classes unknown here, TypeError for one of an exact gradient.
    """
    if "test_accuracy" not in record.curves or not len(record.curves.get("slot", [])):
        raise ValueError(
            "record must hold curves of slot and test_accuracy; this one is "
            f"{record.status}"
        )
    for name in ("estimator", "clock"):
        if name not in record.spec:
            raise ValueError(f"record must hold the spec of its {name}, got none")
    estimator = from_spec(record.spec["estimator"], kinds())
    refuse_exact(estimator)
    slots = np.asarray(record.curves["slot"]).astype(int)
    accuracy = np.asarray(record.curves["test_accuracy"], float)
    accuracy = accuracy.reshape(len(slots), -1)
    wanted = usual_targets(slots, accuracy) if targets is None else as_targets(targets)
    if not wanted:
        raise ValueError("target must be given: no seed got above where it began")
    shipped = platforms()
    return Timed(
        task=str(record.spec.get("task", {}).get("name", "unnamed task")),
        estimator=estimator,
        clock=beat(record.spec),
        analog=is_analog(record.spec),
        parameters=_parameters(record),
        batch=int(record.spec.get("batch", 1)),
        slots=slots,
        accuracy=accuracy,
        targets=wanted,
        first=first_at(slots, accuracy, wanted),
        platforms=[shipped[n] for n in PAPER] if chosen is None else list(chosen),
        backpropagation=backpropagation or Backprop.from_reference(record),
    )


def _parameters(record: Record) -> int:
    found = record.extra.get("parameters")
    if not isinstance(found, int) or found < 1:
        raise ValueError(f"record must hold its number of parameters, got {found!r}")
    return found


def _spread(values: np.ndarray, number: int) -> dict[str, float | None]:
    names = ("p10", "median", "p90")
    found = over_seeds(values[number : number + 1])[0]
    return {
        name: float(value) if np.isfinite(value) else None
        for name, value in zip(names, found, strict=True)
    }
