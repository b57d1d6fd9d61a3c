"""Backpropagation measured: how long this machine takes for the same network.

Hardware is set beside the machine at hand, as Table 3 of McCaughan et al. 2023
(doi:10.1063/5.0157645) sets it beside a CPU or GPU: the same network, data, batch and
rule, with the exact gradient. Seconds are those spent in updates: not compilation, and
not scoring.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plexgrad.core.clock import MAX_SLOTS
from plexgrad.core.record import Record
from plexgrad.core.validate import positive_int
from plexgrad.estimators import Backpropagation
from plexgrad.timing.counts import beat
from plexgrad.timing.reach import first_at, highest
from plexgrad.training import train
from plexgrad.training.progress import Watcher
from plexgrad.training.recorded import machine
from plexgrad.training.specs import build

MOST_UPDATES = 20_000
FIRST_UPDATES = 250
GROWTH = 4


@dataclass(frozen=True, eq=False)
class Backprop:
    """A learning curve by updates, (points,) and (points, seeds), and their speed.

    `update_s` is the time of one update of one network: where several are trained
    together, their common time is shared. `source` says when and on what.
    """

    updates: np.ndarray
    accuracy: np.ndarray
    update_s: float
    source: str

    @classmethod
    def of(cls, record: Record, source: str) -> "Backprop":
        """From a record of backpropagation. Raises ValueError without its speed."""
        rate = record.throughput.get("updates_per_s")
        if not isinstance(rate, int | float) or not rate > 0:
            raise ValueError(f"updates_per_s must be above 0, got {rate!r}")
        tau = beat(record.spec).tau_theta
        slots = np.asarray(record.curves["slot"])
        accuracy = np.asarray(record.curves["test_accuracy"], float)
        return cls(slots // tau, accuracy.reshape(len(slots), -1), 1 / rate, source)

    @classmethod
    def from_reference(cls, record: Record) -> "Backprop | None":
        """The twin that was trained beside a record, or None if it has none."""
        if record.reference is None or not record.reference.curves:
            return None
        where = record.extra.get("machine", "a machine that it does not name")
        return cls.of(
            record.reference, f"measured when the record was made, on {where}"
        )

    def reached(self, targets: Sequence[float]) -> np.ndarray:
        """(targets, seeds) updates to each accuracy, infinite where never reached."""
        return first_at(self.updates, self.accuracy, targets)

    def seconds(self, targets: Sequence[float]) -> np.ndarray:
        """(targets, seeds) seconds of one network to each accuracy."""
        return self.reached(targets) * self.update_s


def measure_backpropagation(
    spec: Mapping[str, Any],
    target: float,
    folder: str | None = None,
    most_updates: int = MOST_UPDATES,
    watch: Watcher | None = None,
) -> Backprop:
    """Train the network of a run's spec by backpropagation, here and now.

    Starts short and begins anew four times longer until all seeds reach `target`, at
    most with `most_updates` updates. A schedule of the learning rate spans the updates
    of each attempt. `folder` is where data files are looked for.

    Raises what `training.specs.build` and `train` raise; TypeError if the chip has no
    exact gradient.
    """
    positive_int("most_updates", most_updates)
    clock = beat(spec)
    spec = {name: part for name, part in spec.items() if name != "dynamics"}
    tau = clock.tau_theta
    most = min(most_updates, MAX_SLOTS // tau)
    updates = min(FIRST_UPDATES, most)
    while True:
        changes = {
            "estimator": Backpropagation(),
            "clock": clock,
            "slots": updates * tau,
            "points": 40,
            "backpropagation": False,
            "angles": False,
        }
        record = train(**build(spec, folder, **changes), watch=watch)
        accuracy = np.asarray(record.curves["test_accuracy"], float)
        if updates >= most or (highest(accuracy) >= target).all():
            source = f"measured now, {updates:,} updates, on {machine()}{_load()}"
            return Backprop.of(record, source)
        updates = min(GROWTH * updates, most)


def _load() -> str:
    """How busy the machine is, which makes it slower; not told everywhere."""
    told = getattr(os, "getloadavg", None)
    return "" if told is None else f", load {told()[0]:.1f}"
