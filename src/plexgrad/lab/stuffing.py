"""Consistent overhead byte stuffing: bytes without zeros, so that a zero ends a frame.

Every run up to a zero becomes its length + 1 and itself; 254 bytes without a zero
become 255 and themselves (Cheshire & Baker 1999, doi:10.1109/90.769765).
"""

import re

import numpy as np

FULL = 254
"""Bytes of the longest block."""

MANY = 300
"""Zeros from which on arrays are faster than a loop over the runs."""

_ONES = re.compile(b"\x01+")


def stuffed(data: bytes) -> bytes:
    """The data without zeros, a byte longer, and one more for every 254."""
    if data.count(0) > MANY:
        return _all_at_once(data)
    out = bytearray()
    parts = data.split(b"\0")
    for number, part in enumerate(parts):
        start, size = 0, len(part)
        while size - start >= FULL:
            out.append(FULL + 1)
            out += part[start : start + FULL]
            start += FULL
        # A full block at the very end needs no empty one behind it.
        if start and start == size and number == len(parts) - 1:
            break
        out.append(size - start + 1)
        out += part[start:]
    return bytes(out)


def _all_at_once(data: bytes) -> bytes:
    seen = np.frombuffer(data, np.uint8)
    zeros = np.flatnonzero(seen == 0)
    runs = np.diff(zeros, prepend=-1, append=len(seen)) - 1
    full = runs // FULL
    ends = np.cumsum(full + 1)
    codes = np.full(int(ends[-1]), FULL + 1)
    codes[ends - 1] = runs % FULL + 1
    if runs[-1] and runs[-1] % FULL == 0:
        codes = codes[:-1]
    at = np.cumsum(codes) - codes
    out = np.empty(int(codes.sum()), np.uint8)
    kept = np.ones(len(out), bool)
    kept[at] = False
    out[at], out[kept] = codes, seen[seen != 0]
    return out.tobytes()


def unstuffed(data: bytes) -> bytes:
    """The inverse of `stuffed`. Raises ValueError if the data cannot be its result."""
    if b"\0" in data:
        raise ValueError("a COBS block must hold no zero")
    out, at, size = [], 0, len(data)
    while at < size:
        code = data[at]
        if code == 1 and data[at : at + 8] == b"\1\1\1\1\1\1\1\1":
            # Many zeros in a row, as of images, are taken at once.
            run = len(_ONES.match(data, at)[0])  # pyright: ignore
            at += run
            out.append(bytes(run if at < size else run - 1))
            continue
        stop = at + code
        if stop > size:
            raise ValueError(f"a COBS block must end within its {size} bytes")
        out.append(data[at + 1 : stop])
        at = stop
        if code != FULL + 1 and at < size:
            out.append(b"\0")
    return b"".join(out)
