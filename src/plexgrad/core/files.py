"""Files that are there whole or not at all, and what killed writers leave of them."""

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

LEFT = re.compile(r"\..+\.[0-9a-f]{8}\.part")
"""Names of files that are being written; those of killed runs may be swept."""


class NotWritten(UserWarning):
    """A file could not be written, and the run goes on without it."""


def write_atomically(
    path: Path, data: bytes, before: Callable[[Path], None] | None = None
) -> None:
    """Write a file so that a kill at any moment leaves the old one or the new one.

    It may be read by whom the process's umask says. `before` is called with the path
    once all is on the disk, and before it takes the place of the old one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(part, flags, 0o666), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            before(path)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def sweep(folder: Path) -> list[str]:
    """Remove half-written files from a folder that nobody else writes; their names."""
    found = [path for path in folder.iterdir() if LEFT.fullmatch(path.name)]
    for path in found:
        path.unlink(missing_ok=True)
    return sorted(path.name for path in found)
