"""What a run says of itself while it goes on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Progress:
    """A glance at a run. `cost` and `accuracy` have one value per seed.

    `cost` is that of the newest slots, on the samples shown there; `accuracy` is the
    newest on the test set, empty before the first.
    """

    phase: str
    slot: int
    slots: int
    evaluations: int
    seconds: float
    cost: np.ndarray
    accuracy: np.ndarray
    diverged: int


Watcher = Callable[[Progress], None]
