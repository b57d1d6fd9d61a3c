"""Which parameters a run keeps: the last, or of each seed those of its best point.

Points are told apart by test accuracy, then by test cost: there is no validation set,
so what `best` says of itself on the test set is too good. The record says so.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from plexgrad.core.params import Named, named
from plexgrad.training.history import METRICS

Keep = Literal["last", "best"]

BY = "test accuracy, then test cost (there is no validation set)"


def merit(scores: np.ndarray) -> np.ndarray:
    """(..., 2) of scores (..., metrics): the larger, in order, the better."""
    accuracy = scores[..., METRICS.index("test_accuracy")]
    cost = scores[..., METRICS.index("test_cost")]
    if not np.isfinite(cost).any():  # a device that shows no samples has one cost
        cost = scores[..., METRICS.index("train_cost")]
    cost = np.where(np.isfinite(cost), cost, np.inf)
    return np.stack([np.nan_to_num(accuracy, nan=0.0), -cost], axis=-1)


def better(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where a merit beats another."""
    more, same = one > other, one == other
    return np.asarray(more[..., 0] | (same[..., 0] & more[..., 1]))


@dataclass
class Best:
    """Of each seed the parameters with the highest merit, and where they were."""

    slot: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    merit: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    params: Named = field(default_factory=dict)

    def see(self, slot: int, scores: np.ndarray, params: Any) -> None:
        """A point: its scores (seeds, metrics) and the parameters there."""
        here, found = merit(np.asarray(scores, float)), named(params)
        if not self.params:
            self.slot, self.merit = np.full(len(here), slot), here
            self.params = {name: array.copy() for name, array in found.items()}
            return
        wins = better(here, self.merit)
        self.slot = np.where(wins, slot, self.slot)
        self.merit = np.where(wins[:, None], here, self.merit)
        for name, array in found.items():
            self.params[name][wins] = array[wins]

    def arrays(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        if not self.params:
            return {}
        own = {"best_slot": self.slot, "best_merit": self.merit}
        return own | {f"best_of_{name}": a for name, a in self.params.items()}

    def take(self, arrays: dict[str, np.ndarray]) -> None:
        """From a checkpoint."""
        if "best_slot" in arrays:
            self.slot, self.merit = arrays["best_slot"], arrays["best_merit"]
            self.params = {
                name.removeprefix("best_of_"): array.copy()
                for name, array in arrays.items()
                if name.startswith("best_of_")
            }

    def told(self) -> dict[str, Any]:
        """For the record."""
        return {"by": BY, "slot": self.slot.tolist()}
