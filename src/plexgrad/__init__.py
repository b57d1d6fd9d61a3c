"""plexgrad: train what you cannot backpropagate through.

Multiplexed gradient descent perturbs all parameters at once with orthogonal codes,
measures one scalar, the cost, and lets every parameter recover its own gradient.
"""

from importlib.metadata import version

from plexgrad import chips, codes, data, estimators, nets, timing
from plexgrad.chips import grad, value_and_grad
from plexgrad.core.clock import Clock
from plexgrad.core.record import Record
from plexgrad.training import Analog, Progress, Rule, rerun, train

__version__ = version("plexgrad")

__all__ = [
    "Analog",
    "Clock",
    "Progress",
    "Record",
    "Rule",
    "chips",
    "codes",
    "data",
    "estimators",
    "grad",
    "nets",
    "rerun",
    "timing",
    "train",
    "value_and_grad",
]
