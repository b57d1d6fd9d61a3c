"""Chips: a simulated network, any function, and effects that wrap a chip."""

from plexgrad.chips.cost_noise import CostNoise
from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.function import Function, grad, value_and_grad
from plexgrad.chips.simulated import Simulated

__all__ = [
    "AbstractEffect",
    "CostNoise",
    "Function",
    "Simulated",
    "grad",
    "value_and_grad",
]
