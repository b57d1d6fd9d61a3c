"""The curves of a run while they grow."""

from dataclasses import dataclass

import numpy as np

METRICS = ("train_cost", "train_accuracy", "test_cost", "test_accuracy")
"""What is scored at a point, in order."""


@dataclass
class History:
    """Curves as they grow: `slot` per point, and (points, seeds) for each metric.

    `slot` is appended last: a point counts once it is whole.
    """

    slot: list[int]
    scores: list[np.ndarray]
    cosines: list[np.ndarray]

    def arrays(self) -> dict[str, np.ndarray]:
        """As arrays, for a checkpoint."""
        whole = len(self.slot)
        return {
            "slot": np.asarray(self.slot, np.int64),
            "scores": np.asarray(self.scores[:whole], np.float32),
            "cosines": np.asarray(self.cosines[:whole], np.float32),
        }

    def newest(self) -> dict[str, np.ndarray]:
        """The newest point's scores, (seeds,) for each metric, if there is one."""
        if not self.slot:
            return {}
        scores = np.asarray(self.scores[len(self.slot) - 1])
        return {name: scores[:, n] for n, name in enumerate(METRICS)}
