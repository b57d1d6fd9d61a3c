"""The firmware on a board in QEMU: an mps2-an385 with UART, interrupts and timer.

The serial line comes out of a TCP socket or of a pseudo-terminal, and from there on
all is as with a board on the desk. Instructions are counted (32 ns each), so the timer
of 25 MHz is exact and the same in every run: these are instructions, not cycles. A
killed emulator is started again at the next `open`, as a board without power would be.
Needs qemu-system-arm (Debian: qemu-system-arm); for a pty also pyserial.
"""

import contextlib
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
import weakref
from pathlib import Path

from plexgrad.core.validate import one_of
from plexgrad.lab.device import LinkLost
from plexgrad.lab.mcu.board import PAGE_AT, Board, firmware
from plexgrad.lab.transports.serial_port import Serial
from plexgrad.lab.transports.tcp import TCP
from plexgrad.lab.transports.transport import AbstractTransport

PROGRAM = "qemu-system-arm"
LINKS = ("tcp", "pty")
BYTES_PER_S = 15_000
"""Least rate of the emulated UART, which holds one byte; for time-outs."""

SAMPLES_PER_S = 20_000
"""Least rate of inference in a 49-4-4 network under QEMU; for time-outs."""

SHIFT = 5
START_S = 10.0


class Machine:
    """One emulated board; what is left of it goes with `off`, or with the process."""

    def __init__(self, board: Board, link: str) -> None:
        self.board, self.link = board, one_of("link", link, LINKS)
        self._folder = tempfile.TemporaryDirectory(prefix="plexgrad-")
        self._listener = _listening() if link == "tcp" else None
        self.process: subprocess.Popen[bytes] | None = None
        self.line: AbstractTransport | None = None

    @property
    def is_on(self) -> bool:
        """Whether the emulator runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> AbstractTransport:
        """Power on; the transport to its serial line. Raises LinkLost if it fails."""
        if shutil.which(PROGRAM) is None:
            raise FileNotFoundError(f"{PROGRAM} is missing: apt install {PROGRAM}")
        self.stop()
        folder = Path(self._folder.name)
        (folder / "firmware.elf").write_bytes(firmware())
        (folder / "page.bin").write_bytes(self.board.page(BYTES_PER_S, SAMPLES_PER_S))
        self.process = subprocess.Popen(
            self._command(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=() if self._listener is None else (self._listener.fileno(),),
        )
        self.line = self._transport()
        return self.line

    def stop(self) -> None:
        """Power off."""
        if self.line is not None:
            self.line.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
        self.process, self.line = None, None

    def off(self) -> None:
        """Power off, and leave nothing behind."""
        self.stop()
        if self._listener is not None:
            self._listener.close()
        self._folder.cleanup()

    def _command(self, folder: Path) -> list[str]:
        if self._listener is None:
            line = "pty,id=line"
        else:
            line = f"socket,id=line,fd={self._listener.fileno()},server=on,wait=off"
        page = f"loader,file={folder / 'page.bin'},addr={PAGE_AT},force-raw=on"
        return [
            *(PROGRAM, "-machine", "mps2-an385", "-display", "none"),
            *("-monitor", "none", "-icount", f"shift={SHIFT}"),
            *("-chardev", line, "-serial", "chardev:line"),
            *("-kernel", str(folder / "firmware.elf"), "-device", page),
        ]

    def _transport(self) -> AbstractTransport:
        if self._listener is not None:
            return TCP("127.0.0.1", self._listener.getsockname()[1])
        said, until = b"", time.monotonic() + START_S
        while (found := re.search(rb"redirected to (\S+)", said)) is None:
            said += self._heard(until)
        return Serial(found[1].decode())

    def _heard(self, until: float) -> bytes:
        if self.process is None or self.process.stdout is None:
            raise LinkLost("the emulator must be on")
        left = max(0.0, until - time.monotonic())
        if not select.select([self.process.stdout], [], [], left)[0]:
            raise LinkLost(f"{PROGRAM} must name its terminal within {START_S:g} s")
        data = os.read(self.process.stdout.fileno(), 4096)
        if not data:
            raise LinkLost(f"{PROGRAM} must run, it ended with {self.process.wait()}")
        return data


def _listening() -> socket.socket:
    """A socket for the emulator, whose connections send every byte at once.

    They inherit that (Linux); with Nagle's algorithm an answer takes 40 ms.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class QemuLine:
    """A line to such a board, which is on from the first `open` until it is dropped."""

    def __init__(self, board: Board, link: str = "tcp", url: str = "qemu:") -> None:
        self.board, self.link, self.url = board, one_of("link", link, LINKS), url
        self.machine: Machine | None = None
        self._line: AbstractTransport | None = None

    @property
    def pid(self) -> int:
        """The emulator's process. Raises LinkLost if it is off."""
        if self.machine is None or self.machine.process is None:
            raise LinkLost(f"{self.url} is not open")
        return self.machine.process.pid

    def open(self) -> None:
        self.close()
        if self.machine is None:
            self.machine = Machine(self.board, self.link)
            weakref.finalize(self, self.machine.off)
        line = self.machine.line
        if line is None or not self.machine.is_on:
            line = self.machine.start()
        line.open()
        self._line = line

    def close(self) -> None:
        """Hang up; the board keeps its power, and what it holds."""
        if self._line is not None:
            self._line.close()
        self._line = None

    def power_cut(self) -> None:
        """Kill the emulator: all that it held is lost."""
        if self.machine is not None:
            with contextlib.suppress(ProcessLookupError):
                self.machine.stop()

    def send(self, data: bytes) -> None:
        self._alive().send(data)

    def receive(self, timeout_s: float | int) -> bytes:
        return self._alive().receive(timeout_s)

    def _alive(self) -> AbstractTransport:
        if self._line is None:
            raise LinkLost(f"{self.url} is not open")
        return self._line
