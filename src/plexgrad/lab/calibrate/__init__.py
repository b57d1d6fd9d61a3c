"""A device measured before it is trained: link, settling, noise, knobs, setting."""

from plexgrad.lab.calibrate.calibration import Calibration
from plexgrad.lab.calibrate.run import Setting, calibrate

__all__ = ["Calibration", "Setting", "calibrate"]
