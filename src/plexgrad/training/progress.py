"""What a run says of itself while it goes on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Progress:
    """A glance at a run. `cost` and `accuracy` have one value per seed.

    `cost` is that of the newest slots, on the samples shown there; `accuracy` is the
    newest on the test set, empty before the first. `state` is "running", "paused" or
    "waiting" (for a device); `more` has numbers that only some runs have, by name.
    `scores` are the newest point's, one value per seed for each metric of a record, and
    `points` says how many points there are.
    """

    phase: str
    slot: int
    slots: int
    evaluations: int
    seconds: float
    cost: np.ndarray
    accuracy: np.ndarray
    diverged: int
    state: str = "running"
    more: Mapping[str, float | int] = field(default_factory=dict)
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    points: int = 0

    def turned(self, state: str) -> "Progress":
        """The same in another state."""
        return replace(self, state=state)


Watcher = Callable[[Progress], object]
"""Sees glances; a run ends at its next safe place if it gives True, or says why."""
