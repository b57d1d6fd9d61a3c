"""Frames: a message in bytes that a noisy wire cannot make look like another one.

A frame is COBS(sequence u16, session u16, command u8, payload, CRC u16) and a zero, all
little endian. Consistent overhead byte stuffing (Cheshire & Baker 1999,
doi:10.1109/90.769765) keeps zeros out of the frame, so a receiver that lost its place
finds it again at the next zero. The CRC is CRC-16/CCITT-FALSE (polynomial 0x1021, start
0xFFFF), which finds every burst of up to 16 bits and every odd number of flipped ones.
"""

import binascii
import struct
from dataclasses import dataclass

MAX_FRAME = 1 << 26
HEAD = struct.Struct("<HHB")
_CRC = struct.Struct("<H")


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE; of b"123456789" it is 0x29B1."""
    return binascii.crc_hqx(data, 0xFFFF)


def stuffed(data: bytes) -> bytes:
    """COBS: the data without zeros, a byte longer, and one more for every 254."""
    out = bytearray()
    parts = data.split(b"\0")
    for number, part in enumerate(parts):
        start, size = 0, len(part)
        while size - start >= 254:
            out.append(255)
            out += part[start : start + 254]
            start += 254
        # A full block at the very end needs no empty one behind it.
        if start and start == size and number == len(parts) - 1:
            break
        out.append(size - start + 1)
        out += part[start:]
    return bytes(out)


def unstuffed(data: bytes) -> bytes:
    """The inverse of `stuffed`. Raises ValueError if the data cannot be its result."""
    out, at, size = [], 0, len(data)
    while at < size:
        code = data[at]
        stop = at + code
        if code == 0 or stop > size:
            raise ValueError(f"a COBS block must end within its {size} bytes")
        out.append(data[at + 1 : stop])
        at = stop
        if code != 255 and at < size:
            out.append(b"\0")
    found = b"".join(out)
    if size and b"\0" in data:
        raise ValueError("a COBS block must hold no zero")
    return found


@dataclass(frozen=True)
class Frame:
    """A request (`code` is a command) or its reply (`code` is a status)."""

    sequence: int
    session: int
    code: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """The frame as it goes over the wire, with the zero that ends it."""
        body = HEAD.pack(self.sequence, self.session, self.code) + self.payload
        return stuffed(body + _CRC.pack(crc16(body))) + b"\0"

    @classmethod
    def decode(cls, data: bytes) -> "Frame":
        """A frame from what stood before a zero. Raises ValueError if damaged."""
        body = unstuffed(data)
        if len(body) < HEAD.size + _CRC.size:
            raise ValueError(f"a frame must have 7 bytes at least, got {len(body)}")
        if crc16(body[:-2]) != _CRC.unpack(body[-2:])[0]:
            raise ValueError("a frame must match its CRC")
        sequence, session, code = HEAD.unpack_from(body)
        return cls(sequence, session, code, body[HEAD.size : -2])


class Deframer:
    """Frames out of a stream of bytes that may be cut, doubled or damaged anywhere."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self.damaged = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The whole frames that end in `data`; damaged ones are counted and dropped."""
        *ends, rest = data.split(b"\0")
        found = []
        for end in ends:
            self._parts.append(end)
            whole, self._parts, self._held = b"".join(self._parts), [], 0
            if not whole:
                continue
            try:
                found.append(Frame.decode(whole))
            except ValueError:
                self.damaged += 1
        if rest:
            self._parts.append(rest)
            self._held += len(rest)
            if self._held > MAX_FRAME:
                self._parts, self._held = [], 0
                self.damaged += 1
        return found

    @property
    def held(self) -> int:
        """Bytes of a frame that has not ended."""
        return self._held

    def clear(self) -> None:
        """Forget the beginning of a frame."""
        self._parts, self._held = [], 0
