"""The IDX file format, read strictly: a type, the sizes of the axes, then the numbers.

Two zero bytes, a type byte, the number of axes, each size as a big-endian 32-bit
integer, and the data in row-major order, big-endian. Source: Y. LeCun, C. Cortes and
C. J. C. Burges, "The MNIST database of handwritten digits", file format section.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""NumPy's name for each type byte."""


def decode(name: str, data: bytes) -> Shaped[np.ndarray, "..."]:
    """The array that the bytes of an IDX file hold, in native byte order.

    Raises ValueError, naming the file, for a wrong magic number, an unknown type, no
    axes, and data that are shorter or longer than the header says.
    """
    if len(data) < 4:
        raise ValueError(
            f"{name} must start with an IDX magic number of 4 bytes, got {data!r}"
        )
    zero, code, axes = struct.unpack_from(">HBB", data)
    if zero != 0:
        raise ValueError(
            f"{name} must start with the IDX magic number 00 00 .. .., "
            f"got {data[:4].hex(' ')}"
        )
    if code not in TYPES:
        known = ", ".join(f"{known:#04x}" for known in TYPES)
        raise ValueError(f"{name} must have an IDX type of {known}, got {code:#04x}")
    if axes == 0:
        raise ValueError(f"{name} must have at least 1 axis, got 0")
    start = 4 + 4 * axes
    if len(data) < start:
        raise ValueError(
            f"{name} must have a header of {start} bytes for {axes} axes, "
            f"got {len(data)} bytes"
        )
    shape = struct.unpack_from(f">{axes}I", data, 4)
    dtype = np.dtype(TYPES[code])
    size = start + dtype.itemsize * math.prod(shape)
    if len(data) != size:
        fault = "truncated" if len(data) < size else "trailing bytes"
        raise ValueError(
            f"{name} must be {size} bytes for shape {shape}, got {len(data)} ({fault})"
        )
    flat = np.frombuffer(data, dtype, offset=start)
    return flat.reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def unpacked(path: Path) -> bytes:
    """What a file holds, unpacked if its name ends in .gz.

    Raises FileNotFoundError, or ValueError for a file that is not a whole gzip.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} must be a file, got none")
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    if data[:2] != b"\x1f\x8b":
        raise ValueError(
            f"{path} must be a gzip file, got one that starts with "
            f"{data[:2].hex(' ') or 'nothing'}"
        )
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} must be a whole gzip file, got: {error}; "
            f"delete it and download it again"
        ) from error
