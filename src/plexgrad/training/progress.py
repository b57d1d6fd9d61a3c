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

    def turned(self, state: str) -> "Progress":
        """The same in another state."""
        return replace(self, state=state)


Watcher = Callable[[Progress], None]
