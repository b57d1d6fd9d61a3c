"""What an SCPI instrument remembers: of itself, and of each line to it."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from plexgrad.lab.device import Measurement, Shown
from plexgrad.lab.scpi.syntax import ScpiError

QUEUE = 32
"""Errors that are kept; the last of more is -350."""

POWER_ON = 128
"""The bit of the event status register that says: power was on since it was read."""


@dataclass
class Status:
    """What is common to all lines: whose turn it is, and the event status register.

    Its power-on bit tells a host that parameters and data were lost.
    """

    lock: Any = field(default_factory=threading.Lock)
    events: int = POWER_ON


@dataclass
class Session:
    """One line: its errors, the samples it shows, and its last measurement."""

    device: Any
    status: Status
    errors: deque[ScpiError] = field(default_factory=deque)
    shown: Shown = field(default_factory=Shown)
    repeats: int = 1
    last: Measurement | None = None

    def fail(self, error: ScpiError) -> None:
        """Put an error in the queue."""
        if len(self.errors) < QUEUE:
            self.errors.append(error)
        else:
            self.errors[-1] = ScpiError(-350, "Queue overflow")
