"""Networks and costs: what a chip computes, in a form that can be simulated."""

from plexgrad.nets.cnn import CNN
from plexgrad.nets.costs import MSE, AbstractCost, CrossEntropy, cost_named
from plexgrad.nets.mlp import MLP
from plexgrad.nets.net import AbstractNet, Affine

__all__ = [
    "CNN",
    "MLP",
    "MSE",
    "AbstractCost",
    "AbstractNet",
    "Affine",
    "CrossEntropy",
    "cost_named",
]
