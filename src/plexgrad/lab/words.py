"""Threefry signs in plain NumPy: what a chip makes of a seed, bit by bit.

The twin of `core.bits`, which says where the bits come from; a test holds them equal.
Drivers and emulated chips use it, so that nothing here needs JAX.
"""

import numpy as np
from jaxtyping import Float32, UInt32

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD1_1BDA
_MASK = 0xFFFF_FFFF
_BLOCK = 256
"""Slots made at once: a call of NumPy costs as much for one slot as for many."""

KeyWords = tuple[int, int]
"""The two 32-bit words of a threefry key."""


def threefry2x32(
    key: KeyWords, high: UInt32[np.ndarray, "..."], low: UInt32[np.ndarray, "..."]
) -> tuple[UInt32[np.ndarray, "..."], UInt32[np.ndarray, "..."]]:
    """Threefry-2x32-20 of the counters `(high, low)`, which broadcast."""
    schedule = [np.uint32(key[0]), np.uint32(key[1])]
    schedule.append(np.uint32(key[0] ^ key[1] ^ _PARITY))
    high, low = np.broadcast_arrays(high, low)
    x0, x1 = high + schedule[0], low + schedule[1]
    for block in range(5):
        for rotation in _ROTATIONS[block % 2]:
            x0 += x1
            x1 = (x1 << np.uint32(rotation)) | (x1 >> np.uint32(32 - rotation))
            x1 ^= x0
        x0 += schedule[(block + 1) % 3]
        x1 += np.uint32((int(schedule[(block + 2) % 3]) + block + 1) & _MASK)
    return x0, x1


def signs(
    key: KeyWords, slots: UInt32[np.ndarray, " slots"], count: int
) -> Float32[np.ndarray, "slots count"]:
    """`count` independent signs, -1 or +1, for each slot: those of `core.bits`."""
    pairs = np.arange(-(-count // 64), dtype=np.uint32)
    both = np.stack(threefry2x32(key, slots[:, None], pairs[None, :]), axis=-1)
    octets = np.ascontiguousarray(both.astype("<u4")).view(np.uint8)
    drawn = np.unpackbits(
        octets.reshape(len(slots), -1), axis=1, count=count, bitorder="little"
    )
    return 1 - 2 * drawn.astype(np.float32)


class Generator:
    """Signs of one key, made a block of slots at a time and kept while it lasts."""

    def __init__(self, key: KeyWords, count: int) -> None:
        self.key, self.count = key, count
        self._number, self._block = -1, np.empty((0, count), np.float32)

    def signs(
        self, slots: UInt32[np.ndarray, " slots"]
    ) -> Float32[np.ndarray, "slots count"]:
        """As `signs` of this key and count."""
        numbers = slots // np.uint32(_BLOCK)
        number = int(numbers[0])
        if (numbers != number).any():
            return signs(self.key, slots, self.count)
        if number != self._number:
            first = number * _BLOCK
            block = np.arange(first, first + _BLOCK, dtype=np.uint64)
            self._block = signs(self.key, block.astype(np.uint32), self.count)
            self._number = number
        return self._block[slots - np.uint32(number * _BLOCK)]
