"""Real and emulated parts: a device protocol, links, and the loop that trains them."""

from plexgrad.lab.capabilities import Capabilities, Knobs
from plexgrad.lab.device import Device, Identity, Measurement, Shown
from plexgrad.lab.emulated import EmulatedMLP
from plexgrad.lab.find import device_at
from plexgrad.lab.host import train
from plexgrad.lab.perturbations import Codes, Update
from plexgrad.lab.wrapped import Wrapped

__all__ = [
    "Capabilities",
    "Codes",
    "Device",
    "EmulatedMLP",
    "Identity",
    "Knobs",
    "Measurement",
    "Shown",
    "Update",
    "Wrapped",
    "device_at",
    "train",
]
