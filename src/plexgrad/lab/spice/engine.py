"""ngspice as a library in this process: circuits in, vectors out, errors raised.

The shared library answers a failed command with success and a line of text, so the
text is read and raised. It holds one circuit; a copy of its file under another name is
a second, independent one, and `lease` hands these out. The calls are those of
"Shared ngspice", chapter 19 of the ngspice 39 manual.
"""

import contextlib
import ctypes
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float64

NAMES = ("libngspice.so.0", "libngspice.so", "libngspice.0.dylib", "libngspice.dylib")

_HARMLESS = re.compile(r"\s*(warning|note|using|trying)\b", re.IGNORECASE)
_WRONG = re.compile(
    r"error|fatal|no such|can.?t|cannot|unknown|undefined|abort|fail|not found"
    r"|iteration limit|singular",
    re.IGNORECASE,
)


class SpiceError(RuntimeError):
    """ngspice could not do it; the message is what it said."""


class _Vector(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("flags", ctypes.c_short),
        ("real", ctypes.POINTER(ctypes.c_double)),
        ("complex", ctypes.c_void_p),
        ("length", ctypes.c_int),
    )


_Say = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p)
_Quit = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_bool,
    ctypes.c_bool,
    ctypes.c_int,
    ctypes.c_void_p,
)


class _Information(ctypes.Structure):
    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


class Ngspice:
    """One loaded library, and so one circuit. Use `lease`, which reuses them.

    `said` are the lines that the last call printed. Calls raise SpiceError with
    ngspice's own words; one that makes it quit leaves the library of no more use.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self.said: list[str] = []
        self.alive = True
        self._library = library
        library.ngGet_Vec_Info.restype = ctypes.POINTER(_Vector)
        library.ngGet_Vec_Info.argtypes = [ctypes.c_char_p]
        library.ngSpice_Command.argtypes = [ctypes.c_char_p]
        # Kept, since ngspice calls them for as long as the library is loaded.
        self._callbacks = _Say(self._hear), _Quit(self._end)
        say, end = self._callbacks
        library.ngSpice_Init(say, None, end, None, None, None, None)

    def command(self, *texts: str) -> None:
        """Do what would be typed, line by line, at the prompt of ngspice."""
        self._ready()
        run, status = self._library.ngSpice_Command, 0
        for text in texts:
            status |= run(text.encode())
        # Without this it keeps every command that it was ever given.
        run(None)
        if status or self.said:
            self._judge(status, ", ".join(texts[:2]))

    def circuit(self, lines: Sequence[str]) -> None:
        """Put a circuit in the place of the one before. The first line is its title."""
        if self.alive:
            with contextlib.suppress(SpiceError):
                self.command("remcirc")
        self._ready()
        ends = *(line.encode() for line in lines), None
        status = self._library.ngSpice_Circ((ctypes.c_char_p * len(ends))(*ends))
        self._judge(status, f"circuit {lines[0]!r}")

    def vector(self, name: str) -> Float64[np.ndarray, " points"]:
        """A copy of a real vector: a node or `@device[parameter]`.

        Raises SpiceError if there is none of this name.
        """
        self._ready()
        found = self._library.ngGet_Vec_Info(name.encode())
        if not found or not found[0].real or not found[0].length:
            raise SpiceError(f"a vector must be in the current plot, got {name!r}")
        return np.ctypeslib.as_array(found[0].real, (found[0].length,)).copy()

    def analyse(
        self, analysis: str, names: Sequence[str]
    ) -> Float64[np.ndarray, "points names"]:
        """Run an analysis ("op", "dc ...") and read vectors; its plot is destroyed.

        Plots that stay would take more memory with every analysis.
        """
        self.command(analysis)
        try:
            return np.stack([self.vector(name) for name in names], axis=1)
        finally:
            self.command("destroy all")

    def _ready(self) -> None:
        if not self.alive:
            raise SpiceError("ngspice must be running, but it has quit")
        self.said.clear()

    def _judge(self, status: int, asked: str) -> None:
        errors = [line[7:] for line in self.said if line.startswith("stderr ")]
        serious = [line for line in errors if not _HARMLESS.match(line)]
        if status or not self.alive or any(map(_WRONG.search, serious)):
            words = " ".join(" ".join(serious or errors or self.said).split())
            raise SpiceError(f"{asked}: ngspice said: {words or f'status {status}'}")

    def _hear(self, line: bytes, _number: int, _user: Any) -> int:
        self.said.append(line.decode(errors="replace"))
        return 0

    def _end(self, *_: Any) -> int:
        self.alive = False
        return 0


_idle: list[Ngspice] = []


def lease() -> Ngspice:
    """A library that nobody else uses; give it back by `release`.

    Raises FileNotFoundError, saying what to install, if there is no ngspice.
    """
    while _idle:
        if (found := _idle.pop()).alive:
            return found
    path = installed()
    if path is None:
        raise FileNotFoundError(
            "ngspice must be installed as a library: apt install libngspice0 "
            f"(or brew install libngspice), got none of {', '.join(NAMES)}"
        )
    with tempfile.TemporaryDirectory(prefix="plexgrad-ngspice-") as folder:
        copy = os.path.join(folder, "libngspice-copy")
        shutil.copyfile(path, copy)
        # Loaded, it lives on without its file.
        return Ngspice(ctypes.CDLL(copy))


def release(spice: Ngspice) -> None:
    """Give a library back. It is not unloaded: ngspice leaves handlers behind."""
    if spice.alive and spice not in _idle:
        _idle.append(spice)


@cache
def installed() -> str | None:
    """The file of the ngspice library, or None."""
    for name in NAMES:
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(name)
            found = _Information()
            where = ctypes.CDLL(None).dladdr
            where.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Information)]
            address = ctypes.cast(library.ngSpice_Init, ctypes.c_void_p)
            if where(address, ctypes.byref(found)) and found.file:
                return os.path.realpath(os.fsdecode(found.file))
    return None
