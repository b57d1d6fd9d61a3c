"""Files downloaded on request: checked first, then written whole or not at all.

A checksum is the SHA-256 of what the file holds: for a .gz, of the unpacked bytes, so
that it does not depend on who packed them.
"""

import gzip
import hashlib
import http.client
import io
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from plexgrad.core.files import write_atomically
from plexgrad.core.reading import open_regular

CHUNK = 2**18
"""Bytes between two calls of the progress hook."""

SLACK = 2**16
"""Bytes that a packed file may have more than what is in it."""

Progress = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes received and the bytes in all, if known."""


@dataclass(frozen=True)
class Remote:
    """A public file: its address and the checksum of its (unpacked) content.

    It has at most `most` bytes, unpacked or not.
    """

    url: str
    sha256: str
    packed: bool = False
    most: int = 2**28

    @property
    def file(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]


def fetch_file(
    remote: Remote,
    folder: Path,
    progress: Progress | None = None,
    timeout_s: float = 30.0,
) -> Path:
    """Download a file into `folder`, which is made if needed; the file's path.

    `timeout_s` bounds the wait for the connection and for each piece of data. Raises
    ConnectionError if the server cannot be reached or stops early, ValueError if the
    content is not what was published, OSError if `folder` cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{folder} must be a writable folder, got {error}") from error
    # Asked before the download, not after minutes of it.
    if not os.access(folder, os.W_OK):
        raise OSError(f"{folder} must be a writable folder, got a read-only one")
    data = _receive(remote, progress, timeout_s)
    digest = _unpacked_sha256(remote, data) if remote.packed else sha256(data)
    if digest != remote.sha256:
        raise ValueError(
            f"{remote.url} must have the SHA-256 {remote.sha256}, got {digest}; "
            f"nothing was written"
        )
    path = folder / remote.file
    write_atomically(path, data)
    return path


def sha256(data: bytes) -> str:
    """SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of what a file holds, a piece of it at a time."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _receive(remote: Remote, progress: Progress | None, timeout_s: float) -> bytes:
    # Imported here: it takes longer than the rest of the package.
    from urllib.error import HTTPError
    from urllib.request import urlopen

    received = bytearray()
    try:
        with urlopen(remote.url, timeout=timeout_s) as response:
            length = response.headers.get("Content-Length")
            total = int(length) if length and length.isdigit() else None
            while chunk := response.read(CHUNK):
                received += chunk
                if max(len(received), total or 0) > remote.most + SLACK:
                    raise ValueError(
                        f"{remote.url} must have at most {remote.most + SLACK} bytes, "
                        f"got {max(len(received), total or 0)}; nothing was written"
                    )
                if progress is not None:
                    progress(remote.file, len(received), total)
    except HTTPError as error:
        error.close()
        raise ConnectionError(
            f"{remote.url} must be there, got HTTP {error.code} {error.reason}"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise ConnectionError(
            f"{remote.url} must be reachable, got: {reason}"
        ) from error
    if total is not None and len(received) != total:
        raise ConnectionError(
            f"{remote.url} must send {total} bytes, got {len(received)}"
        )
    return bytes(received)


def _unpacked_sha256(remote: Remote, data: bytes) -> str:
    digest = hashlib.sha256()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while (chunk := file.read(CHUNK)) and file.tell() <= remote.most:
                digest.update(chunk)
            if chunk:
                raise OSError(f"more than {remote.most} bytes")
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{remote.url} must be a whole gzip file, got: {error}"
        ) from error
    return digest.hexdigest()
