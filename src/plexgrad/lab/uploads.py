"""Samples that come in parts: one set at a time, filled from the front.

A part says which set it belongs to (name, size, and a mark made of all its bytes),
where it starts, and what it holds; the answer is how many samples are here. So a host
that was cut off asks with an empty part, and goes on from there; a part that comes
twice, or too late, changes nothing.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from plexgrad.lab import messages
from plexgrad.lab.messages import NUMBER, Reader
from plexgrad.lab.serving_limits import Keeps, most

MARK = 8


def mark(x: np.ndarray, y: np.ndarray) -> bytes:
    """Eight bytes that tell one set from another."""
    found = hashlib.blake2b(digest_size=MARK)
    for each in (x, y):
        found.update(messages.array(each[:0]))
        found.update(np.ascontiguousarray(each).data)
    return found.digest()


@dataclass(frozen=True)
class Part:
    """Some samples of a set of `total`: `x` (n, inputs), `y` (n, outputs), or none."""

    key: str
    total: int
    mark: bytes
    start: int = 0
    x: np.ndarray | None = None
    y: np.ndarray | None = None

    def encode(self) -> bytes:
        """The payload behind the number."""
        head = messages.text(self.key) + NUMBER.pack(self.total) + self.mark
        both = messages.array(self.x) + messages.array(self.y)
        return head + NUMBER.pack(self.start) + both

    @classmethod
    def decode(cls, reader: Reader) -> "Part":
        """The inverse of `encode`. Raises ValueError if it is none."""
        key, total, mark = reader.text(), reader.number(), reader.bytes(MARK)
        start, x, y = reader.number(), reader.array(), reader.array()
        if (x is None) != (y is None):
            raise ValueError("a part must be inputs and targets, or neither")
        return cls(key, total, mark, start, x, y)

    @property
    def count(self) -> int:
        """How many samples it holds."""
        return 0 if self.x is None else len(self.x)


class Uploads:
    """The set that a device is given in parts, and marks of those that it holds."""

    def __init__(self, device: Any, keeps: Keeps) -> None:
        self.device, self.keeps = device, keeps
        self.forget()

    def add(self, part: Part) -> int:
        """Take a part in; how many of its set are here. The last one loads the set.

        Raises ValueError, with numbers, for a set that the device cannot hold.
        """
        if self._held.get(part.key) == part.mark:
            return part.total
        if self._now != (part.key, part.total, part.mark):
            self.drop()
            if part.start:
                return 0
            self._begin(part)
        if part.start == self.have and part.x is not None and part.y is not None:
            stop = self.have + part.count
            most("samples", stop, part.total)
            self._x[self.have : stop], self._y[self.have : stop] = part.x, part.y
            self.have = stop
            if stop == part.total:
                self._load(part)
                return part.total
        return self.have

    def _begin(self, part: Part) -> None:
        can = self.device.capabilities
        if not part.total:
            raise ValueError("a set of samples must have one at least, got 0")
        self.keeps.check(can, part.key, part.total)
        self._x = np.empty((part.total, can.inputs), np.float32)
        self._y = np.empty((part.total, can.outputs), np.float32)
        self._now = part.key, part.total, part.mark

    def _load(self, part: Part) -> None:
        x, y = self._x, self._y
        self.drop()
        self.device.load_samples(x, y, part.key)
        self.keeps.note(self.device.capabilities, part.key, part.total)
        self._held[part.key] = part.mark

    def replaced(self, key: str) -> None:
        """Other samples are held under this name."""
        self._held.pop(key, None)

    def forget(self) -> None:
        """The host has gone: the next one sends its samples, whatever is held."""
        self._held: dict[str, bytes] = {}
        self.drop()

    def drop(self) -> None:
        """Forget the set that is not whole."""
        self.have = 0
        self._now: tuple[str, int, bytes] | None = None
        self._x = self._y = np.empty((0, 0), np.float32)
