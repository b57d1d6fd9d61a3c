"""Perturbation codes: every multiplexing scheme is an orthogonal transform."""

from plexgrad.codes.gaussian import Gaussian
from plexgrad.codes.layerwise import Layerwise
from plexgrad.codes.per_leaf import PerLeaf
from plexgrad.codes.rademacher import Rademacher
from plexgrad.codes.rank_one import RankOne
from plexgrad.codes.sequential import Sequential
from plexgrad.codes.sinusoid import Sinusoid
from plexgrad.codes.walsh import Walsh

__all__ = [
    "Gaussian",
    "Layerwise",
    "PerLeaf",
    "Rademacher",
    "RankOne",
    "Sequential",
    "Sinusoid",
    "Walsh",
]
