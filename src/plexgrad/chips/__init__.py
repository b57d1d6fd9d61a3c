"""Chips: a simulated network, any function, and effects that wrap a chip."""

from plexgrad.chips.activation_variation import ActivationVariation
from plexgrad.chips.bandwidth import Bandwidth
from plexgrad.chips.cost_noise import CostNoise
from plexgrad.chips.crosstalk import Crosstalk
from plexgrad.chips.drift import Drift
from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.function import Function, grad, value_and_grad
from plexgrad.chips.gain_variation import GainVariation
from plexgrad.chips.input_resolution import InputResolution
from plexgrad.chips.limited_range import LimitedRange
from plexgrad.chips.output_resolution import OutputResolution
from plexgrad.chips.perturbation_mismatch import PerturbationMismatch
from plexgrad.chips.quantised import Quantised
from plexgrad.chips.simulated import Simulated
from plexgrad.chips.stuck import Stuck
from plexgrad.chips.write_noise import WriteNoise

__all__ = [
    "AbstractEffect",
    "ActivationVariation",
    "Bandwidth",
    "CostNoise",
    "Crosstalk",
    "Drift",
    "Function",
    "GainVariation",
    "InputResolution",
    "LimitedRange",
    "OutputResolution",
    "PerturbationMismatch",
    "Quantised",
    "Simulated",
    "Stuck",
    "WriteNoise",
    "grad",
    "value_and_grad",
]
