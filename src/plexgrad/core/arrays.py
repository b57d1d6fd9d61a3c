"""Archives of arrays (.npz) read without trust, and sealed with a digest.

`numpy.load` believes the sizes that a file states. Here members are counted before any
is unpacked, each must be as long as its own header says, and nothing is an object.
A seal is the SHA-256 of all bytes before it, kept as the comment of the zip archive,
so that a sealed archive is an .npz like any other.
"""

import hashlib
import io
import math
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from plexgrad.core.reading import shown_error

_SEAL = re.compile(rb"sha256:[0-9a-f]{64}")
_LENGTH = len(b"sha256:") + 64
_MAKERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The arrays as a sealed archive."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"sha256:" + b"0" * 64
    whole = buffer.getvalue()[:-_LENGTH]
    return whole + _seal(whole)


def sealed(data: bytes) -> bool:
    """Whether the data end in a seal.

    Raises ValueError for one that is not that of what stands before it.
    """
    if not _SEAL.fullmatch(data[-_LENGTH:]):
        return False
    if _seal(data[:-_LENGTH]) != data[-_LENGTH:]:
        raise ValueError("its digest must be that of its content, which was damaged")
    return True


def unpacked(data: bytes, most: int | None = None) -> dict[str, np.ndarray]:
    """The arrays of an archive, with or without a seal.

    All members together may have `most` bytes: as many as the archive itself, unless
    it is told that they may be compressed. Raises ValueError for anything else.
    """
    sealed(data)
    limit = len(data) if most is None else most
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if total > limit:
                raise ValueError(f"its arrays must have {limit} bytes, got {total}")
            return {
                member.filename.removesuffix(".npy"): array(
                    archive.open(member).read(member.file_size)
                )
                for member in members
            }
    except Exception as error:  # an archive can be damaged in a dozen ways
        raise ValueError(shown_error(error)) from error


def _seal(data: bytes) -> bytes:
    return b"sha256:" + hashlib.sha256(data).hexdigest().encode()


def array(data: bytes) -> np.ndarray:
    """The array in the bytes of an .npy file. Raises ValueError for anything else."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version not in _MAKERS:
        raise ValueError(f"an array's version must be 1.0 or 2.0, got {version}")
    header: Any = _MAKERS[version](file)
    shape, by_columns, dtype = header
    if dtype.hasobject or not dtype.itemsize and dtype.kind != "U":
        raise ValueError(f"an array must hold plain numbers or text, got {dtype}")
    rest = len(data) - file.tell()
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != rest:
        raise ValueError(f"an array of {dtype}{list(shape)} must not have {rest} bytes")
    # Empty text takes no bytes here, and some for each in the memory of a reader.
    if not dtype.itemsize and math.prod(shape) > 1:
        raise ValueError(f"an array of {dtype} must be of one, got {list(shape)}")
    flat = np.frombuffer(data, dtype, math.prod(shape), file.tell()) if rest else None
    if flat is None:
        return np.zeros(shape, dtype)
    return flat.reshape(shape, order="F" if by_columns else "C").copy()
