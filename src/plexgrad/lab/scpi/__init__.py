"""SCPI: any device as a bench instrument on TCP, and instruments as devices."""

from plexgrad.lab.scpi.driver import ScpiDevice, VisaDevice
from plexgrad.lab.scpi.instrument import Instrument

__all__ = ["Instrument", "ScpiDevice", "VisaDevice"]
