"""Iris: 150 flowers of three species, measured in centimetres; inside scikit-learn.

Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics
7(2), 1936, doi:10.1111/j.1469-1809.1936.tb02137.x, as `sklearn.datasets.load_iris`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Integer

from plexgrad.data.dataset import Dataset, one_hot
from plexgrad.data.folders import Folder
from plexgrad.data.source import AbstractSource

TESTED = 15
"""Flowers of each species that are for testing."""

SPLIT_SEED = 0


@dataclass(frozen=True)
class Iris(AbstractSource):
    """Iris flowers, 4 lengths and 3 species, from scikit-learn; a fixed 70/30 split."""

    name: ClassVar[str] = "iris"

    def load(self, folder: Folder | None) -> Dataset:
        # Imported here: it takes longer than the rest of the package.
        from sklearn.datasets import load_iris

        bunch: Any = load_iris()
        order = in_turn(bunch.target)
        rows, labels = bunch.data[order], bunch.target[order]
        classes = tuple(str(name) for name in bunch.target_names)
        test = len(classes) * TESTED
        low, high = rows[test:].min(axis=0), rows[test:].max(axis=0)
        x = np.clip((rows - low) / (high - low), 0, 1).astype(np.float32)
        y = one_hot("labels", labels, len(classes))
        source = (
            f"{len(x)} iris flowers (Fisher 1936; UCI, CC BY 4.0), as distributed by "
            f"scikit-learn. Fixed split by plexgrad: {TESTED} flowers of each species, "
            f"drawn with seed {SPLIT_SEED}, are for testing; each length is scaled to "
            f"0..1 by its range in the training set. Species take turns."
        )
        return Dataset(
            self.name,
            x[test:],
            y[test:],
            x[:test],
            y[:test],
            classes,
            source,
            self.spec,
        )


def in_turn(labels: Integer[np.ndarray, " n"]) -> Integer[np.ndarray, " n"]:
    """An order, fixed for good, in which the classes take turns.

    Any run of samples is then balanced. Raises ValueError unless all classes have as
    many samples.
    """
    # NumPy guarantees the stream of RandomState for all versions, of Generator not.
    draw = np.random.RandomState(SPLIT_SEED)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    sizes = {len(each) for each in members}
    if len(sizes) > 1:
        raise ValueError(f"classes must have as many samples, got {sorted(sizes)}")
    return np.stack([draw.permutation(each) for each in members], axis=1).reshape(-1)
