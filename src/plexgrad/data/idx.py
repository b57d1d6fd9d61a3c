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
from typing import Any

import numpy as np
from jaxtyping import Shaped

from plexgrad.core.reading import open_regular

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""NumPy's name for each type byte."""

MOST_AXES = 8


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
    if axes > MOST_AXES:
        raise ValueError(f"{name} must have at most {MOST_AXES} axes, got {axes}")
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


def unpacked(path: Path, most: int) -> bytes:
    """What a file holds, unpacked if its name ends in .gz.

    No more is unpacked than its header says, and one byte to tell whether there is
    more. Raises FileNotFoundError, or ValueError for a file that is not a whole gzip,
    or whose header says more than `most` bytes.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} must be a file, got none")
    with open_regular(path) as file:
        begins = file.read(2)
        file.seek(0)
        if path.suffix != ".gz":
            return _stated(path, file, most)
        if begins != b"\x1f\x8b":
            raise ValueError(
                f"{path} must be a gzip file, got one that starts with "
                f"{begins.hex(' ') or 'nothing'}"
            )
        try:
            return _stated(path, gzip.GzipFile(fileobj=file), most)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(
                f"{path} must be a whole gzip file, got: {error}; "
                f"delete it and download it again"
            ) from error


def _stated(path: Path, file: Any, most: int) -> bytes:
    """The beginning of a file: as many bytes as its header states, and one."""
    header = file.read(4)
    header += file.read(4 * header[3]) if len(header) == 4 else b""
    size = _size(header)
    if size > most:
        raise ValueError(
            f"{path} must hold at most {most} bytes, got a header that states {size}"
        )
    return header + file.read(size - len(header) + 1)


def _size(header: bytes) -> int:
    """Bytes of a file with this header; those of the header if it is none."""
    whole = len(header) >= 4 and len(header) == 4 + 4 * header[3]
    if not whole or header[2] not in TYPES or header[3] > MOST_AXES:
        return len(header)
    sizes = struct.unpack_from(f">{header[3]}I", header, 4)
    return len(header) + np.dtype(TYPES[header[2]]).itemsize * math.prod(sizes)
