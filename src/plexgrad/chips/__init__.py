"""Chips: a simulated network, and any function."""

from plexgrad.chips.function import Function, grad, value_and_grad
from plexgrad.chips.simulated import Simulated

__all__ = ["Function", "Simulated", "grad", "value_and_grad"]
