"""Loops over blocks of slots, and all that a run needs around them."""

from plexgrad.training.analog import Analog
from plexgrad.training.progress import Progress
from plexgrad.training.rule import Rule
from plexgrad.training.traces import Traces, traces
from plexgrad.training.train import rerun, train

__all__ = ["Analog", "Progress", "Rule", "Traces", "rerun", "traces", "train"]
