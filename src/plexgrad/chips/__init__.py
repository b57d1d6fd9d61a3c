"""Chips: a simulated network, any function, and effects that wrap a chip."""

from plexgrad.chips.function import Function, grad, value_and_grad
from plexgrad.chips.simulated import Simulated

__all__ = ["Function", "Simulated", "grad", "value_and_grad"]
