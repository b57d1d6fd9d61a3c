"""Frames: a message in bytes that a noisy wire cannot make look like another one.

Both versions end with a zero, and hold none: a receiver that lost its place finds it
again at the next one. Numbers are little endian.

Version 2 is S, T and a zero. S is COBS(sequence u16, code u8, size of the payload, the
payload); T has the size of S and CRC-32C of S, in bytes of 0x80 and seven bits. Wrong
bits that leave S where it is are a wrong CRC, whatever they would do to the payload; a
frame that loses its beginning is longer than it says in T, one that loses its end has
less payload than it says in S. So no single bit can make another frame of one, nor two
at any distance, as long as they do not cut it.

Version 1 is COBS(sequence u16, session u16, code u8, payload, CRC-16) and a zero. There
one wrong bit can move many zeros of what is checked. Firmware of before speaks it, and
every hello is said in it (`lab.hello`).
"""

import struct
from dataclasses import dataclass

from plexgrad.lab.checksums import crc16, crc32c
from plexgrad.lab.stuffing import stuffed, unstuffed

MAX_FRAME = 1 << 26
"""Bytes of a frame, at most."""

_HEAD1 = struct.Struct("<HHB")
_CRC1 = struct.Struct("<H")
_HEAD2 = struct.Struct("<HB")
TAIL = 6
"""Bytes of the shortest T: one of the size, five of the CRC."""


@dataclass(frozen=True)
class Frame:
    """A request (`code` is a command) or its reply (`code` is a status).

    `session` is there in version 1 alone; requests of version 2 begin their payload
    with it.
    """

    sequence: int
    session: int
    code: int
    payload: bytes = b""
    version: int = 1

    def encode(self) -> bytes:
        """The frame as it goes over the wire, with the zero that ends it.

        Raises ValueError if it is longer than a receiver takes.
        """
        if self.version == 2:
            head = _HEAD2.pack(self.sequence, self.code) + _sized(len(self.payload))
            body = stuffed(head + self.payload)
            whole = body + _tail(len(body), crc32c(body)) + b"\0"
        else:
            body = _HEAD1.pack(self.sequence, self.session, self.code) + self.payload
            whole = stuffed(body + _CRC1.pack(crc16(body))) + b"\0"
        if len(whole) > MAX_FRAME:
            size = len(whole)
            raise ValueError(f"a frame must be {MAX_FRAME} bytes at most, got {size}")
        return whole

    @classmethod
    def decode(cls, data: bytes, version: int = 1) -> "Frame":
        """A frame from what stood before a zero. Raises ValueError if damaged."""
        return _second(data) if version == 2 else _first(data)


def _first(data: bytes) -> Frame:
    body = unstuffed(data)
    if len(body) < _HEAD1.size + _CRC1.size:
        raise ValueError(f"a frame must have 7 bytes at least, got {len(body)}")
    if crc16(body[:-2]) != _CRC1.unpack(body[-2:])[0]:
        raise ValueError("a frame must match its CRC")
    sequence, session, code = _HEAD1.unpack_from(body)
    return Frame(sequence, session, code, body[_HEAD1.size : -2])


def _second(data: bytes) -> Frame:
    # Three bits beside the CRC say how many bytes the size has.
    size = len(data) - 5 - ((data[-1] & 0x7F) >> 4 if data else 0)
    if size < 1:
        raise ValueError(f"a frame must have 7 bytes at least, got {len(data)}")
    body = data[:size]
    if data[size:] != _tail(size, crc32c(body)):
        raise ValueError("a frame must match its size and CRC")
    whole = unstuffed(body)
    if len(whole) < 4:
        raise ValueError(f"a frame must have a head, got {len(whole)} bytes")
    sequence, code = _HEAD2.unpack_from(whole)
    told, start = _read_size(whole, _HEAD2.size)
    if told != len(whole) - start:
        raise ValueError(f"a payload must have {told} bytes, got {len(whole) - start}")
    return Frame(sequence, 0, code, whole[start:], 2)


def _sized(size: int) -> bytes:
    """A size in as few bytes as can be, seven bits each; all but the last have 0x80."""
    if size < 128:
        return bytes((size,))
    return bytes((size & 127 | 128,)) + _sized(size >> 7)


def _read_size(data: bytes, at: int) -> tuple[int, int]:
    size = 0
    for place, byte in enumerate(data[at : at + 5]):
        size |= (byte & 127) << 7 * place
        if byte < 128:
            return size, at + place + 1
    raise ValueError("a size must end within five bytes")


def _tail(size: int, crc: int) -> bytes:
    """The size in one byte or more, and the CRC in five; none is zero."""
    found = []
    while size:
        found.append(size & 127 | 128)
        size >>= 7
    more = 0x80 | len(found) << 4 | crc >> 28
    low, second = crc & 127 | 128, crc >> 7 & 127 | 128
    third, fourth = crc >> 14 & 127 | 128, crc >> 21 & 127 | 128
    return bytes((*found, low, second, third, fourth, more))


class Deframer:
    """Frames out of a stream of bytes that may be cut, doubled or damaged anywhere.

    `versions` are tried one after the other.
    """

    def __init__(self, versions: tuple[int, ...] = (2, 1)) -> None:
        self.versions = versions
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
            if whole and (frame := self._decoded(whole)) is not None:
                found.append(frame)
        if rest:
            self._parts.append(rest)
            self._held += len(rest)
            if self._held > MAX_FRAME:
                self.clear()
                self.damaged += 1
        return found

    @property
    def held(self) -> int:
        """Bytes of a frame that has not ended."""
        return self._held

    def _decoded(self, whole: bytes) -> Frame | None:
        for version in self.versions:
            try:
                return Frame.decode(whole, version)
            except ValueError:
                continue
        self.damaged += 1
        return None

    def clear(self) -> None:
        """Forget the beginning of a frame."""
        self._parts, self._held = [], 0
