"""What an order to a served device asks for, read and checked before it is done.

`Desk` turns the payload of a command into a change to make, a measurement to make, or
both; what goes beyond the device's limits raises ValueError, and nothing was changed.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from plexgrad.lab import messages, serving_limits
from plexgrad.lab.messages import Command, Reader
from plexgrad.lab.uploads import Part, Uploads

Change = Callable[[], bytes]
"""Makes a change; gives what is said of it."""

Order = tuple[Change | None, tuple[Any, ...] | None]


class Desk:
    """Takes the orders of a host for a device."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.forget()

    def forget(self) -> None:
        """The device lost what it held."""
        self.keeps = serving_limits.Keeps()
        self.uploads = Uploads(self.device, self.keeps)

    def part(self, reader: Reader) -> bytes:
        """Take in a part of a set of samples; says how many of it are here."""
        part = Part.decode(reader)
        if part.x is not None and part.y is not None:
            serving_limits.check_samples(self.device.capabilities, part.x, part.y)
        return messages.NUMBER.pack(self.uploads.add(part))

    def order(self, code: int, reader: Reader) -> Order:
        """The change and the measurement that a command asks for."""
        if code == Command.READ:
            return None, None
        if code == Command.MEASURE:
            return None, self._measure(reader)
        if code in (Command.UPDATE, Command.STEP):
            update = messages.read_update(reader)
            serving_limits.check_update(self.device.capabilities, update)
            asked = (
                self._measure(reader, update.codes) if code == Command.STEP else None
            )
            return lambda: self.device.update(update) or b"", asked
        takes = {
            Command.WRITE: self._write,
            Command.LOAD: self._load,
            Command.RUN: self._run,
        }
        if code not in takes:
            raise ValueError(f"a command must be a known one, got {code}")
        return takes[Command(code)](reader), None

    def _measure(self, reader: Reader, before: Any = None) -> tuple[Any, ...]:
        asked = messages.read_measure(reader, before)
        serving_limits.check_measure(self.device.capabilities, *asked)
        return asked

    def _write(self, reader: Reader) -> Change:
        theta, index = reader.array(), reader.array()
        if theta is None:
            raise ValueError("a write must have parameters, got none")
        serving_limits.check_write(self.device.capabilities, theta, index)
        return lambda: self.device.write_parameters(theta, index) or b""

    def _load(self, reader: Reader) -> Change:
        key, x, y = reader.text(), reader.array(), reader.array()
        if x is None or y is None:
            raise ValueError("samples must be inputs and targets, got none")
        can = self.device.capabilities
        serving_limits.check_samples(can, x, y)
        self.keeps.check(can, key, len(x))

        def load() -> bytes:
            self.device.load_samples(x.astype(np.float32), y.astype(np.float32), key)
            self.keeps.note(can, key, len(x))
            self.uploads.replaced(key)
            return b""

        return load

    def _run(self, reader: Reader) -> Change:
        steps, config = messages.read_run(reader)
        serving_limits.check_run(self.device.capabilities, steps, config)
        return lambda: messages.trace(self.device.run_steps(steps, config))
