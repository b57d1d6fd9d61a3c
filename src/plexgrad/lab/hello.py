"""The first words of a host: who it is, what it speaks, and whether it takes over.

A hello is always a frame of version 1: token u32, and for a device that knows version 2
also version u8, flags u8 (1: take), the token's upper half u32, and CRC-32C u32 of all
that. Firmware of before reads the first four bytes and answers without a version; what
knows version 2 answers in it, and both go on with that.
"""

import re
import struct
from dataclasses import dataclass
from typing import Any

from plexgrad.core.reading import plain_json, shown
from plexgrad.core.shape import (
    Rule,
    either,
    fields,
    integer,
    mapping,
    maybe,
    text,
    truth,
    whole,
    word_of,
)
from plexgrad.lab.checksums import crc32c
from plexgrad.lab.device import LinkLost

TAKE = 1
_OLD = struct.Struct("<I")
_NEW = struct.Struct("<IBBI")


def _below(limit: int) -> Rule:
    def check(name: str, value: Any) -> int:
        if whole(name, value) >= limit:
            raise ValueError(f"{name} must be below {limit}, got {value}")
        return value

    return check


def _session(name: str, value: Any) -> str:
    if not re.fullmatch("[0-9a-f]{16}", text(name, value)):
        raise ValueError(f"{name} must be 16 hexadecimal digits, got {shown(value)}")
    return value


_WHO = fields({"vendor": text, "model": text, "serial": text}, {"firmware": text})
_ABOUT = {
    "boot": integer,
    # The next order's number must fit its 32 bits too.
    "last": _below(2**32 - 1),
    "identity": _WHO,
    "capabilities": mapping,
}
_TOLD = {
    1: fields({"session": _below(2**16), **_ABOUT}),
    2: fields(
        {
            "session": _session,
            "room": whole,
            "parts": either(truth, whole),
            "made": maybe(whole),
            **_ABOUT,
        }
    ),
}
_FRAME = fields({}, {"frame": word_of((1, 2))})


@dataclass(frozen=True)
class Hello:
    """A host's token, random and its own; the version that it speaks; `take` asks for
    a device whose last host is silent or has hung up without a goodbye."""

    token: int
    version: int = 2
    take: bool = False

    def encode(self) -> bytes:
        """The payload of the frame."""
        low, high = self.token & 0xFFFFFFFF, self.token >> 32
        if self.version == 1:
            return _OLD.pack(low)
        said = _NEW.pack(low, self.version, TAKE * self.take, high)
        return said + _OLD.pack(crc32c(said))

    @classmethod
    def decode(cls, data: bytes) -> "Hello":
        """The inverse of `encode`. Raises ValueError if damaged."""
        if len(data) == _OLD.size:
            return cls(_OLD.unpack(data)[0], 1)
        said, size = data[: _NEW.size], _NEW.size
        if data[size : size + 4] != _OLD.pack(crc32c(said)):
            raise ValueError(f"a hello must match its CRC, got {len(data)} bytes")
        low, version, flags, high = _NEW.unpack(said)
        return cls(high << 32 | low, min(version, 2), bool(flags & TAKE))


def answered(hello: Hello, version: int, said: bytes) -> dict[str, Any]:
    """What a device told. Raises LinkLost if it is no answer to this hello."""
    try:
        told = mapping("the answer to a hello", plain_json("the answer", said))
    except ValueError as error:
        raise LinkLost(str(error)) from None
    if version == 2 and told.get("to") != f"{hello.token:016x}":
        raise LinkLost("the answer was to the hello of another host")
    try:
        rule = _TOLD[_FRAME("the answer to a hello", told).get("frame", 1)]
        return rule("the answer to a hello", told)
    except ValueError as error:
        raise LinkLost(str(error)) from None
