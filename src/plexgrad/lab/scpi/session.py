"""What an SCPI instrument remembers: of itself, and of each line to it."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from plexgrad.lab.device import Measurement, Shown
from plexgrad.lab.scpi.syntax import ScpiError
from plexgrad.lab.serving_limits import Keeps

QUEUE = 32
"""Errors that are kept; the last of more is -350."""

POWER_ON = 128
"""The bit of the event status register that says: power was on since it was read."""


ROOM_BYTES = (1 << 28) + (1 << 26)
"""Bytes that all lines together keep: of messages that are not whole, and samples."""

SMALL_BYTES = 1 << 16
"""Bytes that a line may always keep."""


class Room:
    """The bytes that lines keep, and what all of them may keep together."""

    def __init__(self) -> None:
        self._taken: dict[Any, int] = {}
        self._lock = threading.Lock()

    def take(self, line: Any, size: int) -> bool:
        """Whether a line may keep so many bytes from now on."""
        with self._lock:
            others = sum(self._taken.values()) - self._taken.get(line, 0)
            fits = size <= SMALL_BYTES or others + size <= ROOM_BYTES
            if fits:
                self._taken[line] = size
            return fits

    def leave(self, line: Any) -> None:
        """The line is gone."""
        with self._lock:
            self._taken.pop(line, None)


@dataclass
class Status:
    """What is common to all lines: whose turn it is, and the event status register.

    Its power-on bit tells a host that parameters and data were lost.
    """

    lock: Any = field(default_factory=threading.Lock)
    events: int = POWER_ON
    keeps: Keeps = field(default_factory=Keeps)
    room: Room = field(default_factory=Room)


@dataclass
class Session:
    """One line: its errors, the samples it shows, and its last measurement."""

    device: Any
    status: Status
    errors: deque[ScpiError] = field(default_factory=deque)
    shown: Shown = field(default_factory=Shown)
    repeats: int = 1
    last: Measurement | None = None
    enabled: int = 0

    @property
    def size(self) -> int:
        """Bytes of the samples that it shows."""
        arrays = self.shown.x, self.shown.y, self.shown.index
        return sum(each.nbytes for each in arrays if each is not None)

    def fail(self, error: ScpiError) -> None:
        """Put an error in the queue."""
        if len(self.errors) < QUEUE:
            self.errors.append(error)
        else:
            self.errors[-1] = ScpiError(-350, "Queue overflow")
