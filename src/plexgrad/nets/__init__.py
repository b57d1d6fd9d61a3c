"""Networks and costs: what a chip computes, in a form that can be simulated."""

from plexgrad.nets.cnn import CNN
from plexgrad.nets.costs import MSE, AbstractCost, CrossEntropy, cost_named
from plexgrad.nets.mlp import MLP
from plexgrad.nets.net import AbstractLayered, AbstractNet, Affine
from plexgrad.nets.recurrent import RNN, SSM

__all__ = [
    "CNN",
    "MLP",
    "MSE",
    "RNN",
    "SSM",
    "AbstractCost",
    "AbstractLayered",
    "AbstractNet",
    "Affine",
    "CrossEntropy",
    "cost_named",
]
