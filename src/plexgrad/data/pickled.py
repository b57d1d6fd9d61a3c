"""Pickles as Python 2 wrote them for CIFAR-10, read without building what they name.

A pickle is a program for a machine with a stack. Here is that machine, with the steps
that the published files take and no others: text, integers, lists of them, a mapping
and arrays of bytes. Three names are understood, none is looked up, nothing is called.
What the steps mean: the documentation of `pickletools` in Python.
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from plexgrad.core.reading import shown

MOST_STEPS = 2**17
"""A batch of 10,000 images takes 30,000 steps."""

DEEPEST = 8
"""Things that may be unfinished at once."""

PROTOCOL = 2
LONGEST_NAME = 64
ARRAY, NDARRAY, DTYPE = "_reconstruct", "ndarray", "dtype"
MODULES = {
    ARRAY: ("numpy.core.multiarray", "numpy._core.multiarray"),
    NDARRAY: ("numpy",),
    DTYPE: ("numpy",),
}
LONGEST_TUPLE = 8


def read(name: str, data: bytes) -> dict[bytes, Any]:
    """The mapping that a pickle holds: bytes to integers, bytes, lists and arrays.

    Arrays are uint8 and read-only. Raises ValueError, naming the file, for anything
    else; memory is bounded by a few times the data.
    """
    try:
        content = _Machine(data).run()
    except _Odd as odd:
        raise ValueError(
            f"{name} must be a pickle of plain data and arrays of bytes, got {odd}"
        ) from None
    if not isinstance(content, dict):
        raise ValueError(f"{name} must hold a dict, got {type(content).__name__}")
    return {
        key: value.rows if isinstance(value, _Array) else value
        for key, value in content.items()
    }


class _Odd(Exception):
    """Something that the published files do not hold."""


@dataclass
class _Name:
    """A name of `MODULES`."""

    name: str


@dataclass
class _Bytes:
    """The type of an array's numbers."""


@dataclass
class _Array:
    """An array, without content until it is told."""

    rows: np.ndarray | None = None


class _Machine:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(MOST_STEPS):
            code = self.take(1)
            if code == b".":
                if len(self.stack) != 1 or self.at != len(self.data):
                    raise _Odd("more than one thing")
                return self.stack[0]
            if code not in _STEPS:
                raise _Odd(f"the step {code!r} at byte {self.at - 1}")
            _STEPS[code](self)
        raise _Odd(f"more than {MOST_STEPS} steps")

    def take(self, count: int) -> bytes:
        start, self.at = self.at, self.at + count
        if count < 0 or self.at > len(self.data):
            raise _Odd("no end")
        return self.data[start : self.at]

    def number(self, form: str) -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        end = self.data.find(b"\n", self.at, self.at + LONGEST_NAME)
        if end < 0:
            raise _Odd("a name without an end")
        return self.take(end + 1 - self.at)[:-1].decode("ascii", "replace")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise _Odd("less than it takes from the stack")
        return self.stack.pop()

    def mark(self) -> None:
        if len(self.marks) == DEEPEST:
            raise _Odd("things inside one another")
        self.marks.append(len(self.stack))

    def since_mark(self) -> list[Any]:
        if not self.marks:
            raise _Odd("no mark where one is needed")
        start = self.marks.pop()
        items, self.stack = self.stack[start:], self.stack[:start]
        return items

    def keep(self, place: int) -> None:
        self.push(value := self.pop())
        self.memo[place] = value

    def again(self, place: int) -> None:
        if place not in self.memo:
            raise _Odd(f"nothing kept at {place}")
        self.push(self.memo[place])

    def tuple_of(self, items: list[Any]) -> None:
        # A tuple of tuples of tuples can be small here and without end when shown.
        for item in items:
            flat = isinstance(item, tuple) and all(type(n) is int for n in item)
            if isinstance(item, list | dict | _Array) or isinstance(item, tuple) > flat:
                raise _Odd("things inside one another")
        if len(items) > LONGEST_TUPLE:
            raise _Odd(f"a tuple of {len(items)}")
        self.push(tuple(items))

    def append(self, items: list[Any]) -> None:
        target = self.pop()
        if not isinstance(target, list):
            raise _Odd(f"a {type(target).__name__} in the place of a list")
        if odd := [item for item in items if type(item) not in (int, bytes)]:
            raise _Odd(f"a list with a {type(odd[0]).__name__}")
        target += items
        self.push(target)

    def set_items(self, items: list[Any]) -> None:
        target = self.pop()
        keys, values = items[0::2], items[1::2]
        if not isinstance(target, dict) or len(keys) != len(values):
            raise _Odd(f"a {type(target).__name__} in the place of a dict")
        for key, value in zip(keys, values, strict=True):
            if type(key) is not bytes or type(value) not in (int, bytes, list, _Array):
                raise _Odd(f"a dict with a {type(value).__name__} at {shown(key)}")
            target[key] = value
        self.push(target)

    def named(self) -> None:
        module, name = self.line(), self.line()
        if module not in MODULES.get(name, ()):
            raise _Odd(f"the forbidden name {module}.{name}")
        self.push(_Name(name))

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if function == _Name(ARRAY) and arguments == (_Name(NDARRAY), (0,), b"b"):
            self.push(_Array())
        elif function == _Name(DTYPE) and arguments == (b"u1", 0, 1):
            self.push(_Bytes())
        else:
            raise _Odd("an array of something else than bytes")

    def build(self) -> None:
        state, target = self.pop(), self.pop()
        if isinstance(target, _Array) and target.rows is None:
            target.rows = _rows(state)
        elif not isinstance(target, _Bytes) or not _of_bytes(state):
            raise _Odd("an array of something else than bytes")
        self.push(target)


def _of_bytes(state: Any) -> bool:
    """Whether a type's state is (version, "|", then nothing that is known)."""
    if not isinstance(state, tuple) or len(state) < 2:
        return False
    return state[1] == b"|" and all(part in (None, -1, 0) for part in state[2:])


def _rows(state: Any) -> np.ndarray:
    if not isinstance(state, tuple) or len(state) != 5:
        raise _Odd("an array without its content")
    version, shape, kind, by_columns, content = state
    good = isinstance(shape, tuple) and isinstance(kind, _Bytes)
    good = good and type(content) is bytes and version == 1
    if not good or min(shape, default=0) < 0 or math.prod(shape) != len(content):
        raise _Odd(f"an array of the shape {shown(shape)} with other content")
    flat = np.frombuffer(content, np.uint8)
    return flat.reshape(shape, order="F" if by_columns else "C")


def _protocol(it: _Machine) -> None:
    if (number := it.number("B")) > PROTOCOL:
        raise _Odd(f"a pickle of protocol {number}")


_STEPS: dict[bytes, Callable[[_Machine], Any]] = {
    b"\x80": _protocol,
    b"(": lambda it: it.mark(),
    b"}": lambda it: it.push({}),
    b"]": lambda it: it.push([]),
    b")": lambda it: it.push(()),
    b"N": lambda it: it.push(None),
    b"\x88": lambda it: it.push(True),
    b"\x89": lambda it: it.push(False),
    b"K": lambda it: it.push(it.number("<B")),
    b"M": lambda it: it.push(it.number("<H")),
    b"J": lambda it: it.push(it.number("<i")),
    b"U": lambda it: it.push(it.take(it.number("<B"))),
    b"T": lambda it: it.push(it.take(it.number("<i"))),
    b"q": lambda it: it.keep(it.number("<B")),
    b"r": lambda it: it.keep(it.number("<I")),
    b"h": lambda it: it.again(it.number("<B")),
    b"j": lambda it: it.again(it.number("<I")),
    b"\x85": lambda it: it.tuple_of([it.pop()]),
    b"\x86": lambda it: it.tuple_of([it.pop(), it.pop()][::-1]),
    b"\x87": lambda it: it.tuple_of([it.pop(), it.pop(), it.pop()][::-1]),
    b"t": lambda it: it.tuple_of(it.since_mark()),
    b"a": lambda it: it.append([it.pop()]),
    b"e": lambda it: it.append(it.since_mark()),
    b"s": lambda it: it.set_items([it.pop(), it.pop()][::-1]),
    b"u": lambda it: it.set_items(it.since_mark()),
    b"c": lambda it: it.named(),
    b"R": lambda it: it.reduce(),
    b"b": lambda it: it.build(),
}
"""The steps by their codes."""
