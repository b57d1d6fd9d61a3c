"""Gradient estimators: one paper, one file."""

from plexgrad.estimators.backpropagation import Backpropagation
from plexgrad.estimators.weight_perturbation import WeightPerturbation

__all__ = ["Backpropagation", "WeightPerturbation"]
