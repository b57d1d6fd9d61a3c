"""What a board with the firmware is told before it starts, and the image that it runs.

The page of settings lies where a board keeps it in flash: `firmware/config.h`. All
sizes and limits here are those of the firmware.
"""

import os
import struct
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Any

from plexgrad.core.validate import one_of
from plexgrad.lab.capabilities import Capabilities, Knobs
from plexgrad.lab.device import Identity
from plexgrad.lab.transports.transport import parts

OUTPUTS = ("tanh", "sigmoid")
PAGE_AT = 0x003F_F000
MAGIC = 0x3143_4750
LAYERS_MAX, WIDTH_MAX, PARAMETERS_MAX = 7, 1024, 1 << 17
ROWS_MAX, DATA_MAX = 4096, 7 << 20
MASTER_BITS, WEIGHT_BITS = 21, 5
"""Bits behind the point of a master weight, and of its int8 copy."""

AMPLITUDE_LOW = 0.125
"""Four steps of a weight: what is smaller drowns in the rounding of activations."""

WEIGHT_MAX = 127 / 2**WEIGHT_BITS


@dataclass(frozen=True)
class Board:
    """A network of `sizes`, tanh between, its output, and a serial number.

    Raises ValueError for what the firmware has no room for.
    """

    sizes: tuple[int, ...] = (49, 4, 4)
    output: str = "sigmoid"
    serial: str = "MCU-0001"

    def __post_init__(self) -> None:
        one_of("output", self.output, OUTPUTS)
        if not 2 <= len(self.sizes) <= LAYERS_MAX + 1:
            raise ValueError(f"sizes must be 2 to {LAYERS_MAX + 1}, got {self.sizes}")
        if not all(1 <= size <= WIDTH_MAX for size in self.sizes):
            raise ValueError(f"sizes must be 1 to {WIDTH_MAX}, got {self.sizes}")
        if self.parameters > PARAMETERS_MAX:
            raise ValueError(
                f"parameters must be {PARAMETERS_MAX} at most, got {self.parameters}"
            )
        if not (self.serial.isprintable() and len(self.serial.encode()) < 32):
            raise ValueError(f"serial must be 31 bytes at most, got {self.serial!r}")
        if set(self.serial) & set('"\\'):
            raise ValueError(f"serial must be without quotes, got {self.serial!r}")

    @property
    def parameters(self) -> int:
        """Weights and biases of all layers."""
        return sum((rows + 1) * columns for rows, columns in pairwise(self.sizes))

    @property
    def samples_max(self) -> int:
        """How many samples the memory for data holds."""
        return (DATA_MAX - 8) // (self.sizes[0] + 2 * self.sizes[-1])

    def page(self, bytes_per_s: int = 0, samples_per_s: int = 0) -> bytes:
        """The page of settings of an emulated board, for one start."""
        boot = int.from_bytes(os.urandom(4), "little")
        kind = OUTPUTS.index(self.output)
        sizes = [*self.sizes, *[0] * (LAYERS_MAX + 1 - len(self.sizes))]
        told = (MAGIC, boot, 1, bytes_per_s, samples_per_s, kind, len(self.sizes))
        head = struct.pack("<15I", *told, *sizes)
        return head + self.serial.encode().ljust(32, b"\0")

    def identity(self) -> Identity:
        """What the firmware says of itself."""
        model = f"Cortex-M3 int8 MLP {'-'.join(map(str, self.sizes))}"
        return Identity("plexgrad", model, self.serial, "2")

    def capabilities(self) -> Capabilities:
        """What the firmware declares of this board, in either emulator."""
        step, places = 2.0**-MASTER_BITS, 2.0**-WEIGHT_BITS
        groups = []
        for number, (rows, columns) in enumerate(pairwise(self.sizes), 1):
            for name, shape in (("w", (rows, columns)), ("b", (columns,))):
                span = -WEIGHT_MAX, WEIGHT_MAX, step
                groups.append(
                    Knobs(shape, *span, name=f"{name}{number}", start=(-0.5, 0.5))
                )
        return Capabilities(
            tuple(groups),
            inputs=self.sizes[0],
            outputs=self.sizes[-1],
            returns=("cost", "outputs", "hits"),
            amplitude_low=AMPLITUDE_LOW,
            amplitude_high=WEIGHT_MAX,
            amplitude_step=places,
            update_step=step,
            max_rows=ROWS_MAX,
            max_samples=self.samples_max,
            makes_codes=("rademacher",),
            follows_codes=True,
            holds_data=True,
            applies_updates=True,
            fused=True,
            autonomous=True,
            deterministic=True,
            simulated=True,
        )


def board_of(url: str, **more: Any) -> tuple[Board, dict[str, Any]]:
    """The board of `SCHEME:SIZES?option=value`, and the options in `more`."""
    words = dict.fromkeys(("output", "serial"), str)
    place, options = parts(url, {**words, **more})
    sizes = (place or "49-4-4").split("-")
    if not all(size.isdigit() for size in sizes):
        raise ValueError(f"sizes must be numbers joined by dashes, got {place!r}")
    told = {name: options.pop(name) for name in words if name in options}
    return Board(tuple(int(size) for size in sizes), **told), options


def firmware() -> bytes:
    """The shipped firmware, an ELF file built by `firmware/build.py`."""
    return (files("plexgrad.lab.mcu") / "firmware.elf").read_bytes()


def segments(elf: bytes) -> list[tuple[int, bytes]]:
    """Places in memory of an ELF file of 32 bits, and what belongs there.

    Raises ValueError for any other file.
    """
    if elf[:6] != b"\x7fELF\x01\x01":
        raise ValueError(f"firmware must be an ELF of 32 bits, got {elf[:6]!r}")
    (first,), (count,) = (
        struct.unpack_from("<I", elf, 28),
        struct.unpack_from("<H", elf, 44),
    )
    found = []
    for number in range(count):
        kind, at, _, place, size = struct.unpack_from("<5I", elf, first + 32 * number)
        if kind == 1 and size:
            found.append((place, elf[at : at + size]))
    return found
