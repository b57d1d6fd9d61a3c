"""Analogue circuits in the loop: ngspice solves them, the host trains them."""

from plexgrad.lab.spice.chip import SpiceCrossbar
from plexgrad.lab.spice.circuit import Crossbar
from plexgrad.lab.spice.engine import Ngspice, SpiceError

__all__ = ["Crossbar", "Ngspice", "SpiceCrossbar", "SpiceError"]
