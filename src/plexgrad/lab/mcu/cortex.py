"""The firmware in Unicorn: an emulated Cortex-M3 in this process, from pip alone.

Unicorn emulates the processor and its memory, not the UART, the interrupt controller
or the timer. The driver plays the receiver's part: it puts bytes where the interrupt
would put them, runs until the processor sleeps, and takes what the sending function is
given. So it proves function, not time. Needs unicorn, the extra `mcu`.
"""

import struct
from typing import Any

from plexgrad.core.extras import needed
from plexgrad.lab.device import LinkLost
from plexgrad.lab.mcu.board import PAGE_AT, Board, firmware, segments

MEMORY = ((0, 4 << 20), (0x2000_0000, 4 << 20), (0x2100_0000, 16 << 20))
REGISTERS = ((0x4000_0000, 0x10000), (0xE000_E000, 0x1000))
RING = 1 << 14
RECEIVED, SEND = 8, 9
"""Words of the vector table: the ring of received bytes, and the sending function."""


class Cortex:
    """A processor with the firmware that was reset and runs until it sleeps."""

    def __init__(self, board: Board) -> None:
        uc, arm = needed("unicorn", "mcu"), needed("unicorn.arm_const", "mcu")
        self._sp, self._pc, self._lr, self._first, self._second = (
            getattr(arm, f"UC_ARM_REG_{name}")
            for name in ("SP", "PC", "LR", "R0", "R1")
        )
        self.engine: Any = uc.Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS)
        self.engine.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M3)
        for place, size in (*MEMORY, *REGISTERS):
            self.engine.mem_map(place, size)
        for place, data in segments(firmware()):
            self.engine.mem_write(place, data)
        self.engine.mem_write(PAGE_AT, board.page())
        vectors = struct.unpack("<10I", self.engine.mem_read(0, 40))
        self.ring, self.sends = vectors[RECEIVED], vectors[SEND] & ~1
        self.engine.reg_write(self._sp, vectors[0])
        self.at, self.head = vectors[1] & ~1, 0
        self._run()

    def hear(self, data: bytes) -> bytes:
        """Receive bytes; what was said before the processor slept again."""
        said = b""
        for first in range(0, len(data), RING):
            self._receive(data[first : first + RING])
            said += self._run()
        return said

    def _receive(self, data: bytes) -> None:
        start = self.head % RING
        behind = data[: RING - start]
        self.engine.mem_write(self.ring + 8 + start, behind)
        if len(behind) < len(data):
            self.engine.mem_write(self.ring + 8, data[len(behind) :])
        self.head = self.head + len(data) & 0xFFFF_FFFF
        self.engine.mem_write(self.ring, struct.pack("<I", self.head))

    def _run(self) -> bytes:
        said, engine = [], self.engine
        while True:
            engine.emu_start(self.at | 1, self.sends)
            self.at = engine.reg_read(self._pc)
            if self.at != self.sends:
                return b"".join(said)
            where, size = engine.reg_read(self._first), engine.reg_read(self._second)
            said.append(bytes(engine.mem_read(where, size)))
            self.at = engine.reg_read(self._lr) & ~1


class CortexLine:
    """A line to such a processor; it has power from the first `open` on."""

    def __init__(self, board: Board, url: str = "mcu:") -> None:
        self.board, self.url = board, url
        self.cortex: Cortex | None = None
        self._up, self._said = False, b""

    def open(self) -> None:
        self.cortex = self.cortex or Cortex(self.board)
        self._up, self._said = True, b""

    def close(self) -> None:
        self._up = False

    def power_cut(self) -> None:
        """All that it held is lost; the next `open` resets it."""
        self.cortex, self._up = None, False

    def send(self, data: bytes) -> None:
        self._said += self._powered().hear(data)

    def receive(self, timeout_s: float | int) -> bytes:
        self._powered()
        said, self._said = self._said, b""
        return said

    def _powered(self) -> Cortex:
        if not self._up or self.cortex is None:
            raise LinkLost(f"{self.url} is not open")
        return self.cortex
