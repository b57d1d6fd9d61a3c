"""Logic as a shared library: Verilog through Verilator, called by ctypes.

Libraries are kept in the user's cache under the hash of everything that they are made
of, so a changed source is built anew and an unchanged one is loaded at once. Verilator
is a system package: `apt install verilator g++ make`.
"""

import ctypes
import hashlib
import shutil
import subprocess
import tempfile
from ctypes import POINTER, c_int, c_int64, c_uint32, c_void_p
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from plexgrad.data import folders
from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.engine import Ran
from plexgrad.lab.rtl.model import Settings

HARNESS = Path(__file__).with_name("harness.cpp")
WORDS = np.ctypeslib.ndpointer(np.int32, flags="C_CONTIGUOUS")
NUMBERS = np.ctypeslib.ndpointer(np.uint32, flags="C_CONTIGUOUS")
OPTIONS = (
    *("-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert"),
    *("-Wno-fatal", "-Wno-lint", "-CFLAGS", "-fPIC", "-LDFLAGS", "-shared"),
    # Verilator's makefile would optimise for size.
    *("-MAKEFLAGS", "OPT_FAST=-O3 OPT_GLOBAL=-O2"),
)

SIGNATURES = {
    "chip_new": (c_void_p, []),
    "chip_free": (None, [c_void_p]),
    "chip_load": (None, [c_void_p, c_int, c_uint32, WORDS, c_uint32, c_int]),
    "chip_read": (None, [c_void_p, c_int, WORDS, c_uint32, c_int]),
    "chip_configure": (None, [c_void_p, *[c_uint32] * 6]),
    "chip_reseed": (None, [c_void_p, c_uint32, c_uint32]),
    "chip_register": (c_uint32, [c_void_p]),
    "chip_probe": (c_int64, [c_void_p, c_uint32, c_int, c_uint32, POINTER(c_uint32)]),
    "chip_run": (c_int64, [c_void_p, c_uint32, NUMBERS, NUMBERS]),
}


def missing() -> str:
    """What has to be installed before Verilog can become a library; "" if nothing."""
    tools = [tool for tool in ("verilator", "g++", "make") if not shutil.which(tool)]
    return f"apt install {' '.join(tools)}" if tools else ""


def library(verilog: str, top: str) -> Path:
    """The shared library of a Verilog text with the top module `top`.

    Raises FileNotFoundError, saying what to install, without the tools, and ValueError
    with Verilator's own words if it does not accept the text.
    """
    if lacking := missing():
        raise FileNotFoundError(f"engine=verilator needs Verilator: {lacking}")
    whole = "\0".join(
        [_version(), " ".join(OPTIONS), HARNESS.read_text(), top, verilog]
    )
    folder = folders.cache() / "rtl"
    kept = folder / f"{top}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}.so"
    if kept.is_file():
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        source = Path(made, "chip.v")
        source.write_text(verilog)
        command = ["verilator", "--cc", "--exe", "--build", "--prefix", "Vchip"]
        command += ["--top-module", top, "--Mdir", made, "-o", "chip.so", *OPTIONS]
        done = subprocess.run(
            [*command, str(source), str(HARNESS)], capture_output=True, text=True
        )
        if done.returncode:
            raise ValueError(
                f"Verilog must have the module {top!r} with the ports of a trainer; "
                f"verilator says: {_errors(done.stdout + done.stderr)}"
            )
        Path(made, "chip.so").replace(kept)
    return kept


@cache
def _version() -> str:
    done = subprocess.run(["verilator", "--version"], capture_output=True, text=True)
    return done.stdout.strip()


def _errors(said: str) -> str:
    lines = [line for line in said.splitlines() if "rror" in line]
    return "\n".join(lines[:8]) or said[-800:]


class Verilated:
    """A trainer in a shared library."""

    name = "verilator"

    def __init__(self, design: Design, path: Path) -> None:
        self.design, self.path, self.cycles = design, path, 0
        self._lib = ctypes.CDLL(str(path))
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._chip = self._lib.chip_new()

    def __del__(self) -> None:
        if getattr(self, "_chip", None):
            self._lib.chip_free(self._chip)

    def load(self, first: int, weights: Int64[np.ndarray, " n"]) -> None:
        self._load(0, first, weights)

    def load_samples(
        self,
        first: int,
        x: Int64[np.ndarray, "n inputs"],
        y: Int64[np.ndarray, "n outputs"],
    ) -> None:
        for number, row in enumerate(np.concatenate([x, y], axis=1), first):
            self._load(1, number << self.design.column_bits, row)

    def weights(self) -> Int64[np.ndarray, " P"]:
        return self._read(0, self.design.synapses)

    def said(self) -> Int64[np.ndarray, " outputs"]:
        return self._read(1, self.design.outputs)

    def configure(self, settings: Settings) -> None:
        words = settings.amplitude, settings.shift, settings.period
        window = settings.first, settings.stop, settings.batch
        self._lib.chip_configure(self._chip, *words, *window)

    def reseed(self, register: int, window: int) -> None:
        self._lib.chip_reseed(self._chip, register, window)

    def register(self) -> int:
        return self._lib.chip_register(self._chip)

    def probe(self, register: int, negative: bool, window: int) -> int:
        cost = c_uint32()
        where = register, int(negative), window
        self._took(self._lib.chip_probe(self._chip, *where, ctypes.byref(cost)))
        return cost.value

    def run(self, steps: int) -> Ran:
        both = np.zeros((2, steps), np.uint32)
        cycles = self._took(self._lib.chip_run(self._chip, steps, both[0], both[1]))
        plus, minus = both.astype(np.int64)
        return Ran(plus, minus, cycles)

    def _took(self, cycles: int) -> int:
        if cycles < 0:
            raise TimeoutError(f"{self.path.name} must become idle, it stayed busy")
        self.cycles += cycles
        return cycles

    def _load(self, space: int, first: int, values: np.ndarray) -> None:
        words = np.ascontiguousarray(values, np.int32)
        self._lib.chip_load(
            self._chip, space, first, words, len(words), self.design.word
        )

    def _read(self, space: int, count: int) -> Int64[np.ndarray, " count"]:
        found = np.zeros(count, np.int32)
        self._lib.chip_read(self._chip, space, found, count, self.design.word)
        return found.astype(np.int64)
