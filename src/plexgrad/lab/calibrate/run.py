"""`calibrate`: everything about a device before it is trained, in a few thousand costs.

In this order, since each needs what is before it: link, noise and drift, settling, the
cells and knobs, and the setting that `training.tune` recommends for a task. Ctrl-C and
errors leave the parameters as they were found.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from plexgrad.core.clock import Clock
from plexgrad.core.keys import as_key
from plexgrad.core.validate import int_at_least, positive
from plexgrad.data import Dataset
from plexgrad.estimators import WeightPerturbation
from plexgrad.lab import host
from plexgrad.lab.bench import Bench
from plexgrad.lab.calibrate import cells, declared, link, noise, settling
from plexgrad.lab.calibrate.calibration import Calibration
from plexgrad.lab.calibrate.findings import (
    NOT_MOVED,
    NOT_SETTLED,
    NOT_WRITTEN,
    not_finite,
    nothing_moves,
)
from plexgrad.lab.calibrate.knobs import Inspection, Knobs
from plexgrad.lab.calibrate.meter import RANDOM, Meter, left_as_found
from plexgrad.lab.calibrate.probing import DeviceBench
from plexgrad.lab.calibrate.rates import Rates, rated
from plexgrad.lab.device import Device
from plexgrad.lab.samples import Samples, refuse_mismatch
from plexgrad.lab.windows import Batches
from plexgrad.training.discrete import Keys
from plexgrad.training.order import Order
from plexgrad.training.recommendation import Recommendation
from plexgrad.training.rule import Rule
from plexgrad.training.tune import advised, refuse

STAGES = {
    "link": "round trips and bytes",
    "noise": "costs at rest",
    "settling": "writes, and what comes after",
    "cells": "writes against perturbations",
    "knobs": "each knob up and down",
    "setting": "amplitude, tau_theta and eta",
}
"""What is measured, in order."""

MOVED = 0.25
"""How far knobs are moved, relative to the narrowest range."""

ROOM = 0.4
"""Of a range, the most that is left free at either end while knobs are moved."""

WAITED = 2.0
"""How long is waited after a write from then on, relative to the settling time."""

CELL_WRITES = 200
LONGEST_S = (0.05, 1.0)
"""The least and the most seconds that settling is followed, unless it is said."""

Watch = Callable[[str, int], None]
"""Told each stage that begins, and the evaluations spent by then."""


@dataclass(frozen=True)
class Setting:
    """The method that the recommendation is for; see `training.tune.tune`."""

    estimator: WeightPerturbation
    rule: Rule | str = "sgd"
    clock: Clock = Clock()
    batch: int = 1
    sampling: str = "auto"
    budget: int = 1000
    write_cost: float | int = 0.0

    def to_json(self) -> dict[str, Any]:
        """What another run has to share with this one."""
        code = self.estimator.code
        return {
            "code": type(code).__name__,
            "reference": self.estimator.reference,
            "tau_p": self.clock.tau_p,
            "tau_x": self.clock.tau_x,
            "batch": self.batch,
        }


def calibrate(
    device: Device,
    data: Dataset | None = None,
    setting: Setting | None = None,
    *,
    key: Any = 0,
    cost: str = "mse",
    start: Any = None,
    knob_budget: int = 4000,
    listen_s: float | int = 1.0,
    settle_s: float | int | None = None,
    patience_s: float | int = 30.0,
    url: str = "",
    watch: Watch | None = None,
) -> Calibration:
    """Measure a device, and recommend a setting if `setting` says for which method.

    `start` is as of `lab.train`: where the recommendation begins. At most `knob_budget`
    costs tell dead and saturated knobs; drift is listened to for `listen_s` seconds,
    and settling followed for `settle_s` after a write. Without `data`, random samples
    are shown, and nothing is recommended unless the device needs none.

    Where readings are not finite, or nothing moves the cost, that is the first of the
    `faults`, and nothing is recommended.

    Raises ValueError for what does not fit the device, LinkLost if it stays away,
    KeyboardInterrupt when interrupted; the parameters are put back all the same.
    """
    int_at_least("knob_budget", knob_budget, 16)
    positive("listen_s", listen_s)
    if settle_s is not None:
        positive("settle_s", settle_s)
    if setting is not None:
        refuse(setting.rule, setting.budget, setting.write_cost)
    keys = Keys.split(jax.random.fold_in(as_key(key), 0))
    began = time.monotonic()
    with Bench(device, patience_s) as bench, left_as_found(bench) as stop:
        if data is not None:
            refuse_mismatch(bench, data)
        meter = Meter(bench, Samples(bench, data, cost), stop)
        run = _Run(meter, keys, start, watch)
        run.begin("link")
        timed = link.timed(meter, *run.sample)
        run.begin("noise")
        heard = noise.listened(meter, *run.sample, listen_s)
        settled, held, knobs = NOT_SETTLED, NOT_WRITTEN, NOT_MOVED
        if not meter.odd:
            settled, held, knobs = run.moving(heard, timed, settle_s, knob_budget)
        rates = None
        findings = not_finite(meter) or nothing_moves(heard, settled, knobs)
        if findings:
            advice, refused = None, findings[0].rstrip(".")
        else:
            rates = run.rated(data, setting, settled)
            advice, refused = run.advice(data, setting)
        return Calibration(
            url=url,
            identity=bench.identity,
            capabilities=bench.can,
            task=data.name if data else "",
            link=timed,
            settling=settled,
            noise=heard,
            knobs=knobs,
            cells=held,
            compared=()
            if findings
            else declared.compared(bench.can, timed, settled, heard),
            recommendation=advice,
            refused=refused,
            setting=setting.to_json() if setting else {},
            evaluations=meter.spent,
            writes=int(bench.accounts.writes.max()),
            seconds=time.monotonic() - began,
            findings=findings,
            rates=rates,
        )


class _Run:
    """The stages of a calibration, and where in the parameters they are made."""

    def __init__(
        self, meter: Meter, keys: Keys, start: Any, watch: Watch | None
    ) -> None:
        self.meter, self.keys, self.start, self.watch = meter, keys, start, watch
        can = meter.bench.can
        span = float((can.high - can.low).min())
        moved = min(MOVED * span, can.amplitude_high)
        if can.amplitude_step:
            moved = max(1, int(moved / can.amplitude_step)) * can.amplitude_step
        self.moved = float(moved)
        # Samples that reach every knob, whatever the task leaves out.
        self.sample = (meter.drawn, RANDOM)
        host.begin(meter.bench, start, keys)
        theta, room = meter.bench.shadow, np.minimum(2 * self.moved, ROOM * span)
        meter.write(np.clip(theta, can.low + room, can.high - room))

    def begin(self, stage: str) -> None:
        """Tell that a stage begins."""
        if self.watch is not None:
            self.watch(stage, self.meter.spent)

    def moving(
        self,
        heard: noise.Noise,
        timed: link.Link,
        settle_s: float | int | None,
        knob_budget: int,
    ) -> tuple[settling.Settling, cells.Cells, Knobs]:
        """What writes and perturbations do to the cost."""
        meter, can, floor = self.meter, self.meter.bench.can, heard.floor
        self.begin("settling")
        longest = settle_s or float(
            np.clip(max(5 * can.settle_s, 20 * timed.cost_s), *LONGEST_S)
        )
        settled = settling.swept(meter, *self.sample, self.moved, floor, longest)
        slow = min(settled.settled_s, settled.waits_s[-1])
        meter.wait_s = WAITED * slow
        self.begin("cells")
        held = cells.followed(meter, *self.sample, self.moved, floor, CELL_WRITES)
        self.begin("knobs")
        look = Inspection(meter, *self.sample, self.moved, floor, knob_budget)
        return settled, held, look.run()

    def rated(
        self, data: Dataset | None, setting: Setting | None, settled: settling.Settling
    ) -> Rates:
        """What costs of the task's batches take; without a task, of what was drawn."""
        if data is None or setting is None:
            return rated(self.meter, *self.sample, settled)
        most = min(setting.batch, len(data.x_train))
        return rated(self.meter, np.arange(most)[None], "train", settled)

    def advice(
        self, data: Dataset | None, setting: Setting | None
    ) -> tuple[Recommendation | None, str]:
        """What to train with, or why that cannot be said."""
        bench = self.meter.bench
        if setting is None or (data is None and bench.can.inputs):
            return None, "no task was given"
        self.begin("setting")
        host.begin(bench, self.start, self.keys)
        batches, sampling = host.batches_of(
            bench, data, setting.batch, setting.sampling, self.keys
        )
        probe = self._probe(data, setting, batches, sampling)
        try:
            found = advised(
                probe,
                estimator=setting.estimator,
                rule=setting.rule,
                clock=setting.clock,
                budget=setting.budget,
                write_cost=float(setting.write_cost),
            )
        except ValueError as error:
            return None, str(error)
        return found, ""

    def _probe(
        self,
        data: Dataset | None,
        setting: Setting,
        batches: Batches,
        sampling: str,
    ) -> DeviceBench:
        size = len(data.x_train) if data else 1
        batch = setting.batch if data else 1
        order: Any = "epoch" if sampling == "runs" else sampling
        return DeviceBench(self.meter, Order(size, batch, order), batches, self.keys)
