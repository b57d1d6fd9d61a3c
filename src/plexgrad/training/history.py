"""The curves of a run while they grow."""

from dataclasses import dataclass

import numpy as np


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
