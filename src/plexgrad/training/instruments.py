"""What is watched while a network trains: scores, and the angle to the true gradient.

Instrumentation of the simulation, taken with the perturbation off or beside the run: it
never touches the run's state, and none of it counts as the chip's evaluations.
"""

from functools import cached_property, partial
from typing import Any

import numpy as np
from jaxtyping import Array, PyTree

from plexgrad.core.clock import Clock
from plexgrad.core.probe import GradientProbe
from plexgrad.data import Dataset
from plexgrad.training.analog import AnalogLoop
from plexgrad.training.devices import Split
from plexgrad.training.discrete import Keys, Loop, window_cosine
from plexgrad.training.processes import fetch
from plexgrad.training.scoring import score

TRAIN_SCORED = 5000
"""Training samples, spread evenly, on which the training cost is scored."""

ANGLE_SHARE = 0.05
"""Slots spent on gradient angles, at most, as a share of the run's slots."""


class Scores:
    """Cost and accuracy of all seeds on the training and the test set."""

    def __init__(self, loop: Loop | AnalogLoop, data: Dataset, split: Split) -> None:
        self.score = split.over_seeds(partial(score, loop.chip), 2, 2)
        count = len(data.x_train)
        shown = np.linspace(0, count - 1, min(count, TRAIN_SCORED)).round().astype(int)
        self.splits = [
            split.same((data.x_train[shown], data.y_train[shown])),
            split.same((data.x_test, data.y_test)),
        ]

    def __call__(self, params: PyTree, keys: Keys) -> np.ndarray:
        """(seeds, 4): train cost and accuracy, test cost and accuracy."""
        parts = [fetch(self.score(params, keys.noise, *part)) for part in self.splits]
        return np.concatenate(parts, axis=1)


class Angles:
    """Cosine between what a window estimates and the exact gradient, for all seeds.

    In analog time, of the running estimate and the gradient of what it has seen.
    Measured at every so many points that the run's slots bound what it costs; NaN
    elsewhere, and where the chip cannot tell its exact gradient.
    """

    def __init__(
        self,
        loop: Loop | AnalogLoop,
        exact: Loop,
        clock: Clock,
        slots: int,
        points: int,
        split: Split,
        wanted: bool,
    ) -> None:
        self.loop, self.exact, self.split = loop, exact, split
        most = int(ANGLE_SHARE * slots / clock.tau_theta)
        estimated = not issubclass(loop.estimator.probe, GradientProbe)
        known = GradientProbe in loop.chip.accepts
        self.every = (
            -(-points // most) if wanted and estimated and known and most else 0
        )

    @cached_property
    def measure(self) -> Any:
        """The compiled measurement; never compiled where none is wanted."""
        turned = partial(_turned, self.loop, self.exact)
        return self.split.over_seeds(turned, 2, 2)

    def __call__(
        self, state: Any, keys: Keys, data: tuple, done: int, point: int
    ) -> np.ndarray:
        """(seeds,) cosines after `done` chunks, at the point of this number."""
        if not self.every or point % self.every:
            return np.full(len(keys.code), np.nan, np.float32)
        window = np.uint32(done // self.loop.plan.per_window)
        return fetch(self.measure(state, keys, window, data))


def _turned(
    loop: Loop | AnalogLoop,
    exact: Loop,
    state: Any,
    keys: Keys,
    window: Array,
    data: tuple,
) -> Array:
    if isinstance(loop, AnalogLoop):
        return loop.cosine(exact, state, window, keys, data)
    return window_cosine(loop, exact)(state.params, window, keys, data)
