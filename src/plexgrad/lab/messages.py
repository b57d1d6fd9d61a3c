"""What is inside a frame: commands, arrays and measurements as bytes, and back.

Little endian. Pure functions: nothing here reads or writes a wire. Every command that
changes the device carries a number, one above that of the change before, so that a
device can tell a repeated change from a new one; `measure` carries the number of the
last change that it stands on.
"""

import json
import struct
from dataclasses import replace
from enum import IntEnum
from typing import Any

import numpy as np

from plexgrad.core.reading import plain_json
from plexgrad.lab.checksums import crc32c
from plexgrad.lab.device import Autonomy, Measurement, Shown, Trace
from plexgrad.lab.perturbations import (
    KINDS,
    MAX_SLOT,
    REFERENCES,
    Codes,
    Perturbations,
    Update,
)
from plexgrad.lab.serving_limits import SHOWN, most


class Command(IntEnum):
    """What the host asks."""

    HELLO = 1
    BYE = 2
    READ = 3
    WRITE = 4
    LOAD = 5
    MEASURE = 6
    UPDATE = 7
    STEP = 8
    RUN = 9
    PART = 10


class Status(IntEnum):
    """What the device answers: `SESSION` asks the host to say hello again."""

    OK = 0
    REFUSED = 1
    SESSION = 2
    BUSY = 3
    FAILED = 4
    DAMAGED = 0xEE


WANTS = ("cost", "outputs")
CLOCKS = ("none", "estimated", "measured")
TYPES = ("", "<f4", "<u4", "<u2", "|u1", "|i1", "<f8")

NUMBER = struct.Struct("<I")
MOST_MARKED = 2**28
"""Parameters of a device, at most, of which some may be marked."""

SESSION = 8
"""Bytes of a session, which a request of version 2 begins its payload with."""

_CODES = struct.Struct("<BBIIIIIf")
_MEASURE = struct.Struct("<BH")
_HELD = struct.Struct("<BHH")
_RUN = struct.Struct("<IIId")
_TRACE = struct.Struct("<IId")
_ANSWER = struct.Struct("<ddBB")


class Reader:
    """Reads a payload from front to back. Raises ValueError where it ends too soon."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: struct.Struct) -> tuple[Any, ...]:
        """The next fields."""
        return form.unpack(self.bytes(form.size))

    def bytes(self, size: int) -> bytes:
        """The next so many bytes."""
        if self.at + size > len(self.data):
            raise ValueError(
                f"a payload must hold {self.at + size} bytes, got {len(self.data)}"
            )
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self) -> int:
        """The next u32."""
        return self.take(NUMBER)[0]

    def text(self) -> str:
        """The next short text."""
        return self.bytes(self.bytes(1)[0]).decode()

    def array(self) -> np.ndarray | None:
        """The next array."""
        kind, axes = self.bytes(2)
        if not kind:
            return None
        if kind >= len(TYPES):
            raise ValueError(f"an array's type must be below {len(TYPES)}, got {kind}")
        shape = struct.unpack(f"<{axes}I", self.bytes(4 * axes))
        dtype = np.dtype(TYPES[kind])
        size = dtype.itemsize * int(np.prod(shape, dtype=object))
        return np.frombuffer(self.bytes(size), dtype).reshape(shape)


def array(values: np.ndarray | None) -> bytes:
    """An array (or None) with its type and shape."""
    if values is None:
        return b"\0\0"
    values = np.ascontiguousarray(values)
    kind = TYPES.index(values.dtype.newbyteorder("<").str)
    head = struct.pack(f"<BB{values.ndim}I", kind, values.ndim, *values.shape)
    return head + values.astype(TYPES[kind], copy=False).tobytes()


def narrow(values: np.ndarray) -> np.ndarray:
    """Samples as bytes if they are 0 and 1 throughout, else as float32."""
    only_bits = bool(((values == 0) | (values == 1)).all())
    return values.astype(np.uint8 if only_bits else np.float32, copy=False)


def digest(command: int, order: bytes) -> int:
    """What tells one order (all behind its number) from another."""
    return crc32c(bytes([command]) + order)


def text(words: str) -> bytes:
    """A text of up to 255 bytes with its length."""
    data = words.encode()
    return bytes([len(data)]) + data


def codes(what: Codes) -> bytes:
    """Codes in 26 bytes."""
    reference = REFERENCES.index(what.reference)
    kind = KINDS.index(what.kind) + 1
    places = what.start, what.count, what.hold
    return _CODES.pack(kind, reference, *what.key, *places, what.amplitude)


def read_codes(reader: Reader) -> Codes:
    """The inverse of `codes`."""
    kind, reference, one, other, start, count, hold, amplitude = reader.take(_CODES)
    if not 0 < kind <= len(KINDS) or reference >= len(REFERENCES):
        raise ValueError(
            f"codes must be of kind 1 to {len(KINDS)}, got {kind} ({reference})"
        )
    named = REFERENCES[reference]
    return Codes((one, other), start, count, amplitude, named, hold, KINDS[kind - 1])


def update(what: Update) -> bytes:
    """An update: its codes and float32 coefficients."""
    return codes(what.codes) + array(what.coefficients.astype(np.float32))


def read_update(reader: Reader) -> Update:
    """The inverse of `update`."""
    found, coefficients = read_codes(reader), reader.array()
    if coefficients is None:
        raise ValueError("an update must have coefficients, got none")
    return Update(found, coefficients)


def shown(what: Shown) -> bytes:
    """Samples: as runs where they follow one another, else by number, or themselves."""
    if what.index is None:
        return b"\1" + array(what.x) + array(what.y)
    index = np.asarray(what.index, np.uint32)
    groups, batch = index.shape
    first = index[:, :1]
    in_turn = first + np.arange(batch, dtype=np.uint32)[None, :]
    runs = bool((index == in_turn).all())
    head = text(what.handle) + _HELD.pack(runs, groups, batch)
    kept = first if runs else index
    narrow = kept.astype(np.uint16)
    return b"\2" + head + array(narrow if (narrow == kept).all() else kept)


def read_shown(reader: Reader) -> Shown:
    """The inverse of `shown`."""
    if reader.bytes(1) == b"\1":
        return Shown(reader.array(), reader.array())
    handle = reader.text()
    runs, groups, batch = reader.take(_HELD)
    most("groups times batch", groups * batch, SHOWN)
    kept = reader.array()
    if kept is None or kept.shape != (groups, 1 if runs else batch):
        found = None if kept is None else kept.shape
        raise ValueError(f"samples must be {groups} x {batch} numbers, got {found}")
    index = kept.astype(np.uint32)
    if runs:
        index = index + np.arange(batch, dtype=np.uint32)[None, :]
    return Shown(handle=handle, index=index)


def measure(
    what: Perturbations,
    seen: Shown,
    want: str = "cost",
    repeats: int = 1,
    before: Codes | None = None,
) -> bytes:
    """A measurement to make; its codes are left out if they follow those `before`."""
    head = _MEASURE.pack(WANTS.index(want), repeats)
    if isinstance(what, Codes):
        if before is not None and what == following(before):
            return head + b"\2" + shown(seen)
        return head + b"\0" + codes(what) + shown(seen)
    return head + b"\1" + array(what.astype(np.float32, copy=False)) + shown(seen)


def following(before: Codes) -> Codes | None:
    """As many slots behind these; None if there are not so many left."""
    start = before.start + before.count
    if start + before.count - 1 > MAX_SLOT:
        return None
    return replace(before, start=start)


def read_measure(
    reader: Reader, before: Codes | None = None
) -> tuple[Perturbations, Shown, str, int]:
    """The inverse of `measure`."""
    want, repeats = reader.take(_MEASURE)
    if want >= len(WANTS):
        raise ValueError(f"want must be below {len(WANTS)}, got {want}")
    kind = reader.bytes(1)[0]
    if kind == 2 and before is not None:
        what = following(before)
    else:
        what = reader.array() if kind else read_codes(reader)
    if what is None:
        raise ValueError("a measurement must have perturbations, got none")
    return what, read_shown(reader), WANTS[want], repeats


def run(steps: int, what: Autonomy) -> bytes:
    """A run that the device shall make alone."""
    head = _RUN.pack(steps, what.batch, what.position, what.eta)
    return head + codes(what.codes) + text(what.handle)


def read_run(reader: Reader) -> tuple[int, Autonomy]:
    """The inverse of `run`."""
    steps, batch, position, eta = reader.take(_RUN)
    found, handle = read_codes(reader), reader.text()
    return steps, Autonomy(found, eta, handle, batch, position)


def trace(what: Trace) -> bytes:
    """What came of a run."""
    head = _TRACE.pack(what.slot, what.position, what.device_seconds)
    return head + array(what.cost.astype(np.float32))


def read_trace(data: bytes) -> Trace:
    """The inverse of `trace`."""
    reader = Reader(data)
    slot, position, seconds = reader.take(_TRACE)
    cost = reader.array()
    if cost is None:
        raise ValueError("a trace must have costs, got none")
    return Trace(cost, slot, position, seconds)


def answer(found: Measurement) -> bytes:
    """A measurement made; its `raw` data stay with the driver."""
    clock, settled = CLOCKS.index(found.clock), found.settle_ok
    head = _ANSWER.pack(found.timestamp, found.device_seconds, clock, settled)
    marks = None if found.saturated is None else np.flatnonzero(found.saturated)
    marks = None if marks is None else marks.astype(np.uint32)
    arrays = found.cost, found.outputs, found.hits
    plain = [None if a is None else a.astype(np.float32) for a in arrays]
    size = 0 if found.saturated is None else len(found.saturated)
    return head + b"".join(map(array, plain)) + NUMBER.pack(size) + array(marks)


def read_answer(data: bytes) -> Measurement:
    """The inverse of `answer`. Raises ValueError for marks and clocks that are none."""
    reader = Reader(data)
    timestamp, seconds, clock, settled = reader.take(_ANSWER)
    cost, outputs, hits = reader.array(), reader.array(), reader.array()
    size, marks = reader.number(), reader.array()
    if clock >= len(CLOCKS):
        raise ValueError(f"clock must be below {len(CLOCKS)}, got {clock}")
    saturated = None
    if marks is not None:
        if size > MOST_MARKED:
            raise ValueError(f"marked must be {MOST_MARKED} at most, got {size}")
        if marks.dtype.kind not in "iu" or (marks.size and marks.max() >= size):
            raise ValueError(f"marks must be parameters below {size}, got others")
        saturated = np.zeros(size, bool)
        saturated[marks] = True
    return Measurement(
        cost, outputs, hits, timestamp, seconds, CLOCKS[clock], bool(settled), saturated
    )


def plain(data: Any) -> bytes:
    """Plain data as JSON."""
    return json.dumps(data, separators=(",", ":")).encode()


def read_plain(data: bytes) -> Any:
    """The inverse of `plain`."""
    return plain_json("a message", data)
