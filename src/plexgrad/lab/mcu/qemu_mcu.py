"""The driver `qemu:49-4-4`: the firmware on an emulated board with a serial line."""

import shutil
from typing import ClassVar, final

from plexgrad.lab.mcu.board import Board, board_of
from plexgrad.lab.mcu.qemu import PROGRAM, QemuLine
from plexgrad.lab.remote import Remote


@final
class QemuMCU(Remote):
    """An emulated mps2-an385 board with the firmware, by QEMU: qemu:49-4-4."""

    scheme: ClassVar[str] = "qemu"
    family: ClassVar[str] = "mcu"

    def __init__(
        self, board: Board | None = None, link: str = "tcp", url: str = "qemu:"
    ) -> None:
        super().__init__(QemuLine(board or Board(), link, url))

    @classmethod
    def of(cls, url: str) -> "QemuMCU":
        """The board of `qemu:SIZES?link=tcp|pty&...`, with the options of `Board`."""
        board, options = board_of(url, link=str)
        return cls(board, **options, url=url)

    @classmethod
    def missing(cls) -> str:
        """What to install first; "" if it is here."""
        return "" if shutil.which(PROGRAM) else f"apt install {PROGRAM}"

    @classmethod
    def demos(cls) -> "list[QemuMCU]":
        """A board for the laws, if QEMU is there."""
        return [cls(Board((3, 4, 2)))] if not cls.missing() else []
