"""The files in a tar archive, one after the other, and no more than was said.

An archive of kilobytes can unpack to terabytes, in a member, between members, or in
what describes them. Each has its own bound here, and none of it is unpacked beyond.
Nothing is written to disk.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from plexgrad.core.reading import open_regular, shown_error

ABOUT = 2**16
"""Bytes that may describe one member."""

OPENERS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
"""How archives are packed, by their first bytes."""

ERRORS = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError)


def members(
    path: Path, largest: int, count: int, total: int
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The regular files of an archive: each one's name, and what reads it.

    At most `count` members of at most `largest` bytes are gone through, and `total`
    bytes in all, with what describes them. Raises ValueError, naming the archive, for
    one with more, one that is packed in holes, and one that is not whole.
    """
    with _whole(path), open_regular(path) as file:
        yield from _members(path, file, largest, count, total)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    try:
        yield
    except ERRORS as error:
        raise ValueError(
            f"{path} must be a whole tar archive, got: {shown_error(error)}; "
            f"delete it and download it again"
        ) from error


def _members(
    path: Path, file: Any, largest: int, count: int, total: int
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    begins = file.read(6)
    file.seek(0)
    kinds = [opener for magic, opener in OPENERS.items() if begins.startswith(magic)]
    bounded = _Bounded(path, kinds[0](file) if kinds else file, total)
    bounded.left = ABOUT
    with tarfile.open(fileobj=bounded, mode="r:") as archive:  # pyright: ignore
        for _ in range(count):
            bounded.left = ABOUT
            if (member := archive.next()) is None:
                return
            archive.members = []  # pyright: ignore  it would keep all
            if member.isfile():
                if member.issparse() or member.size > largest:
                    raise ValueError(
                        f"{path} must hold files of at most {largest} bytes, without "
                        f"holes, got {member.size} bytes in {member.name[:80]!r}"
                    )
                bounded.left = member.size + tarfile.BLOCKSIZE
                yield member.name, partial(_content, path, archive, member)
    raise ValueError(f"{path} must have less than {count} members, got more")


def _content(path: Path, archive: Any, member: tarfile.TarInfo) -> bytes:
    with _whole(path):
        return archive.extractfile(member).read()


class _Bounded(io.RawIOBase):
    """A file that gives as much as is `left`, up to a place that is never passed."""

    def __init__(self, path: Path, file: Any, last: int) -> None:
        self.path, self.file, self.last, self.left = path, file, last, 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.left:
            raise ValueError(
                f"{self.path} must describe a member in {ABOUT} bytes, got more"
            )
        self.left -= size
        return self.file.read(size)

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or place > self.last:
            raise ValueError(
                f"{self.path} must unpack to at most {self.last} bytes, got more"
            )
        return self.file.seek(place)

    def tell(self) -> int:
        return self.file.tell()
