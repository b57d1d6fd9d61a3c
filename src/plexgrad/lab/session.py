"""What a host knows of its session with a device, by the answer to its hello."""

from dataclasses import dataclass
from typing import Any

from plexgrad.core.shape import fields, maybe, real, truth
from plexgrad.core.words import line
from plexgrad.lab.device import LinkLost
from plexgrad.lab.frames import MAX_FRAME, Frame
from plexgrad.lab.messages import Command, read_plain

_BUSY = fields({"free_s": maybe(real), "take": truth})


@dataclass(frozen=True)
class Session:
    """The version that is spoken, and the session: 16 bits in version 1, 64 in 2.

    `room` is the longest frame that the device takes, in bytes; `parts` says that it
    takes samples in parts; `made` is the digest of its last order, None if not told.
    """

    version: int = 1
    name: int | bytes = 0
    room: int = MAX_FRAME
    parts: bool = False
    made: int | None = None

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Session":
        """The session that a device opened; one that tells no version speaks 1."""
        if told.get("frame", 1) == 1:
            return cls(1, int(told["session"]))
        name, room = bytes.fromhex(told["session"]), min(int(told["room"]), MAX_FRAME)
        return cls(2, name, room, bool(told["parts"]), told["made"])

    def frame(self, sequence: int, command: int, payload: bytes) -> Frame:
        """A request; a hello is of version 1 whatever is spoken."""
        if isinstance(self.name, int):
            return Frame(sequence, self.name, command, payload)
        if command == Command.HELLO:
            return Frame(sequence, 0, command, payload)
        return Frame(sequence, 0, command, self.name + payload, 2)


def busy(url: str, reply: Frame) -> str:
    """What a device says that another host has; LinkLost if it makes no sense."""
    if reply.version == 1:
        free = line(reply.payload.decode(errors="replace"), 20)
        said = f"if its host is gone, it is free in {free} s"
    else:
        try:
            told = _BUSY("the answer of a busy device", read_plain(reply.payload))
        except ValueError as error:
            raise LinkLost(str(error)) from None
        free = "" if told["free_s"] is None else f"free in {told['free_s']:.1f} s"
        take = "taken over at once with --take (take=True)" if told["take"] else ""
        said = " or ".join(filter(None, (free, take))) or "its host is at work"
        if take:
            said = f"its host is silent or has hung up: it is {said}"
        elif free:
            said = f"if its host is gone, it is {free}"
    return f"the device at {url} is in use; {said}"
