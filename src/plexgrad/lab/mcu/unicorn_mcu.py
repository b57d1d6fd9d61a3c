"""The driver `mcu:49-4-4`: the firmware on a Cortex-M3 in this process, by Unicorn."""

from typing import ClassVar, final

from plexgrad.core.extras import lacking
from plexgrad.lab.mcu.board import Board, board_of
from plexgrad.lab.mcu.cortex import CortexLine
from plexgrad.lab.remote import Remote


@final
class UnicornMCU(Remote):
    """A Cortex-M3 in this process with the firmware, by Unicorn: mcu:49-4-4."""

    scheme: ClassVar[str] = "mcu"
    family: ClassVar[str] = "mcu"

    def __init__(self, board: Board | None = None, url: str = "mcu:") -> None:
        super().__init__(CortexLine(board or Board(), url))

    @classmethod
    def of(cls, url: str) -> "UnicornMCU":
        """The chip of `mcu:SIZES?option=value`; options are those of `Board`."""
        return cls(board_of(url)[0], url)

    @classmethod
    def missing(cls) -> str:
        """What to install first; "" if it is here."""
        return lacking("unicorn", "mcu")

    @classmethod
    def demos(cls) -> "list[UnicornMCU]":
        """Boards for the laws, if Unicorn is there."""
        if cls.missing():
            return []
        return [
            cls(Board((3, 4, 2))),
            cls(Board((12, 10, 8, 3), "tanh", "MCU-0002")),
        ]
