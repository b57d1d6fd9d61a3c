r"""Signs of a linear-feedback shift register: what a chip without threefry makes.

The register of 32 bits shifts up by one; bit 31 leaves it and is the output, and the
exclusive or of bits 31, 21, 1 and 0 enters as bit 0. These taps are maximal: the
output repeats after $2^{32}-1$ shifts. Two kinds of code are made of it, as +1 for a
one and -1 for a zero:

- `lfsr`: sign i of pattern n is output $nP + i$. The register shifts P times for a
  pattern, so no two parameters ever see the same bit, and no bit is used twice.
- `taps`: sign i of pattern n is register bit i after n shifts. One shift for a pattern
  costs a chip least, for up to 32 parameters; each has its neighbour's code, later.

The first word of the key is the register at pattern 0; a register of zeros would stay
so, hence 0 stands for 1. Source of the taps: Xilinx XAPP 052 (P. Alfke, 1996), table 3.
"""

from functools import cache

import numpy as np
from jaxtyping import Float32, UInt32

TAPS = (31, 21, 1, 0)
BITS = 32
PERIOD = 2**BITS - 1
MASK = 2**BITS - 1

KINDS = ("lfsr", "taps")


def begun(key: tuple[int, int]) -> int:
    """The register at pattern 0 under a key."""
    return (key[0] & MASK) or 1


def shifted(register: int) -> int:
    """The register one shift later."""
    entering = 0
    for tap in TAPS:
        entering ^= register >> tap & 1
    return (register << 1 | entering) & MASK


def shifted_by(register: int, shifts: int) -> int:
    """The register any number of shifts later, in some thousand operations."""
    shifts, power = shifts % PERIOD, 0
    while shifts:
        if shifts & 1:
            register = _applied(_doublings(power), register)
        shifts, power = shifts >> 1, power + 1
    return register


def per_pattern(kind: str, size: int) -> int:
    """How many shifts there are from one pattern of `size` signs to the next."""
    return size if kind == "lfsr" else 1


def register_at(kind: str, key: tuple[int, int], pattern: int, size: int) -> int:
    """The register that stands for a pattern of `size` signs."""
    return shifted_by(begun(key), pattern * per_pattern(kind, size))


def outputs(register: int, count: int) -> UInt32[np.ndarray, " count"]:
    """The bits that leave the register in the next `count` shifts."""
    bits = np.zeros(max(count, BITS), np.uint32)
    bits[:BITS] = register >> np.arange(BITS - 1, -1, -1, dtype=np.uint64) & 1
    known, lag = BITS, 1
    while known < count:
        # The recurrence of the taps, squared k times, holds at 2^k times its lags.
        while known >= 2 * BITS * lag:
            lag *= 2
        here = np.arange(known, min(known + lag, count))
        for tap in TAPS:
            bits[here] ^= bits[here - (tap + 1) * lag]
        known = int(here[-1]) + 1
    return bits[:count]


def signs(
    kind: str,
    key: tuple[int, int],
    patterns: UInt32[np.ndarray, " slots"],
    size: int,
) -> Float32[np.ndarray, "slots {size}"]:
    """`size` signs, -1 or +1, for each pattern; `patterns` must not descend.

    Raises ValueError for more signs than a register of 32 taps has.
    """
    if kind == "taps" and size > BITS:
        raise ValueError(f"parameters must be {BITS} at most for taps, got {size}")
    if not len(patterns):
        return np.empty((0, size), np.float32)
    numbers = patterns.astype(np.int64) - int(patterns[0])
    register = register_at(kind, key, int(patterns[0]), size)
    stride = per_pattern(kind, size)
    drawn = outputs(register, stride * int(numbers[-1]) + max(size, BITS))
    lanes = np.arange(size) if kind == "lfsr" else BITS - 1 - np.arange(size)
    found = drawn[stride * numbers[:, None] + lanes[None, :]]
    return 2 * found.astype(np.float32) - 1


@cache
def _doublings(power: int) -> tuple[int, ...]:
    """The register after 2^power shifts, for each of its bits alone."""
    if not power:
        return tuple(shifted(1 << bit) for bit in range(BITS))
    half = _doublings(power - 1)
    return tuple(_applied(half, image) for image in half)


def _applied(images: tuple[int, ...], register: int) -> int:
    found = 0
    for bit, image in enumerate(images):
        if register >> bit & 1:
            found ^= image
    return found
