"""Seconds, joules and writes: how long a run would take on hardware."""

from plexgrad.timing.backprop import Backprop, measure_backpropagation
from plexgrad.timing.counts import Counts
from plexgrad.timing.platform import Platform, find_platform, platforms
from plexgrad.timing.predict import Change, Prediction, changes, predict, slot_s
from plexgrad.timing.table3 import table3
from plexgrad.timing.timed import Timed, timed

__all__ = [
    "Backprop",
    "Change",
    "Counts",
    "Platform",
    "Prediction",
    "Timed",
    "changes",
    "find_platform",
    "measure_backpropagation",
    "platforms",
    "predict",
    "slot_s",
    "table3",
    "timed",
]
