"""Checksums of frames: CRC-16/CCITT-FALSE of version 1, CRC-32C of version 2.

CRC-32C (Castagnoli et al. 1993, doi:10.1109/26.231911; polynomial 0x1EDC6F41, bits
reversed) finds up to five wrong bits in 655 bytes, any three in 256 MiB, and every
burst of up to 32. Python has no function for it, so bytes are looked up by value *and
place* in a table of one block, all at once; blocks are joined two by two. The same to
the last bit as the loop of `firmware/frames.c`.
"""

import binascii
from functools import cache

import numpy as np

BLOCK = 256
"""Bytes that the table of places covers."""

SLAB = 1 << 18
"""Bytes that are looked up in one go, to stay in the cache."""

SHORT, FEW = 20, 256
"""Bytes, and blocks, below which a plain loop is faster."""

ONES = 0xFFFFFFFF


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE; of b"123456789" it is 0x29B1."""
    return binascii.crc_hqx(data, 0xFFFF)


def crc32c(data: bytes) -> int:
    """CRC-32C; of b"123456789" it is 0xE3069283."""
    if len(data) < SHORT:
        crc = ONES
        for byte in data:
            crc = _BYTES[(crc ^ byte) & 255] ^ crc >> 8
        return crc ^ ONES
    seen = np.frombuffer(data, np.uint8)
    if len(data) <= BLOCK:
        # All ones to start from are the same as four inverted bytes.
        inverted = _HEAD[BLOCK - len(data)]
        places = _PLACES.take(seen + _WHERE[BLOCK - len(data) :])
        return int(np.bitwise_xor.reduce(places)) ^ inverted ^ ONES
    return _of_blocks(seen) ^ ONES


def _of_blocks(seen: np.ndarray) -> int:
    # Zeros in front change nothing where the start is zero.
    padded = np.zeros(-(-len(seen) // BLOCK) * BLOCK, np.uint8)
    padded[-len(seen) :] = seen
    first = len(padded) - len(seen)
    padded[first : first + 4] ^= 0xFF
    crcs = []
    for start in range(0, len(padded), SLAB):
        block = padded[start : start + SLAB].reshape(-1, BLOCK) + _WHERE
        crcs.append(np.bitwise_xor.reduce(_PLACES.take(block), axis=1))
    return _joined(np.concatenate(crcs))


def _joined(crcs: np.ndarray) -> int:
    """The checksum of blocks that lie behind one another, of those of each."""
    if len(crcs) <= FEW:
        tables, found = _first_tables(), 0
        for crc in crcs.tolist():
            one, two = tables[0][found & 255], tables[1][found >> 8 & 255]
            three, four = tables[2][found >> 16 & 255], tables[3][found >> 24]
            found = one ^ two ^ three ^ four ^ crc
        return found
    level = 0
    while len(crcs) > 1:
        if len(crcs) % 2:
            crcs = np.concatenate([np.zeros(1, np.uint32), crcs])
        moved, tables = crcs[0::2], _tables(level)
        parts = (tables[n].take(moved >> np.uint32(8 * n) & 255) for n in range(4))
        crcs = np.bitwise_xor.reduce([*parts, crcs[1::2]])
        level += 1
    return int(crcs[0])


@cache
def _first_tables() -> list[list[int]]:
    return _tables(0).tolist()


@cache
def _tables(level: int) -> np.ndarray:
    """What BLOCK << level bytes of zero make of each byte of a checksum: (4, 256)."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    if level:
        half = _tables(level - 1)
        for _ in range(2):
            bits = np.bitwise_xor.reduce(
                [half[n].take(bits >> np.uint32(8 * n) & 255) for n in range(4)]
            )
    else:
        table = np.array(_BYTES, np.uint32)
        for _ in range(BLOCK):
            bits = table[bits & 255] ^ bits >> np.uint32(8)
    values = np.arange(256, dtype=np.uint32)
    found = np.zeros((4, 256), np.uint32)
    for bit in range(32):
        found[bit // 8] ^= bits[bit] * (values >> np.uint32(bit % 8) & 1)
    return found


def _bytes() -> list[int]:
    crcs = list(range(256))
    for _ in range(8):
        crcs = [crc >> 1 ^ 0x82F63B78 * (crc & 1) for crc in crcs]
    return crcs


def _places() -> np.ndarray:
    """What a byte at a place of a block adds to its checksum: (BLOCK, 256)."""
    table = np.array(_BYTES, np.uint32)
    rows = [table]
    for _ in range(BLOCK - 1):
        rows.append(table[rows[-1] & 255] ^ rows[-1] >> np.uint32(8))
    return np.stack(rows[::-1])


_BYTES = _bytes()
_PLACES = _places().ravel()
_WHERE = 256 * np.arange(BLOCK)
_HEAD = [
    int(np.bitwise_xor.reduce(_places()[n : n + 4, 0] ^ _places()[n : n + 4, 255]))
    for n in range(BLOCK - 3)
]
