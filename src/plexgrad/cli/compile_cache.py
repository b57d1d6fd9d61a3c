"""Compiled programs kept between starts of the command line, in the user's cache.

JAX's own cache is used, in a folder by jaxlib's version and by the processor, because
an entry holds machine code. An entry carries a digest and is there whole or not at all:
one that is damaged is compiled anew. No trouble with the folder ever ends a command.
"""

import hashlib
import os
import platform
import re
import secrets
import warnings
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from plexgrad.data.folders import cache

VARIABLE = "PLEXGRAD_COMPILE_CACHE"
"""Environment variable that names another folder for compiled programs, or is "off"."""

MOST_BYTES = 2**29
"""Size of the folder, of all versions and processors; the oldest programs go first."""

ENDING = "-cache"
FOLDERS = re.compile(r"jaxlib-.+-[0-9a-f]{8}")
FILES = re.compile(rf".+{ENDING}|\.[0-9a-f]{{16}}\.part")
DIGEST = hashlib.sha256


def processor() -> str:
    """A short word for this processor: its kind, and what it can do."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    told = {line for line in lines if line.startswith(("model name", "flags", "Feat"))}
    kind = [platform.machine(), platform.processor(), *sorted(told)]
    return DIGEST("\n".join(kind).encode()).hexdigest()[:8]


def folder() -> Path | None:
    """Where programs of this machine are kept, or None if they are not."""
    named = os.environ.get(VARIABLE, "")
    if named == "off":
        return None
    root = Path(named).expanduser() if named else cache() / "programs"
    return root.absolute() / f"jaxlib-{version('jaxlib')}-{processor()}"


class Entries:
    """Programs in a folder, as JAX asks for them (its `CacheInterface`)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with suppress(OSError):
            swept(path.parent)

    def get(self, key: str) -> bytes | None:
        """The program of that name, or None if there is none or it is damaged."""
        file = self._path / f"{key}{ENDING}"
        try:
            told = file.read_bytes()
            size = DIGEST().digest_size
            digest, program = told[:size], told[size:]
            if DIGEST(program).digest() != digest:
                file.unlink()
                return None
            os.utime(file)
        except OSError:
            return None
        return program

    def put(self, key: str, value: bytes) -> None:
        """Keep a program, if that can be done."""
        file = self._path / f"{key}{ENDING}"
        part = file.with_name(f".{secrets.token_hex(8)}.part")
        try:
            # Not flushed to the disk: the digest tells what a power cut left of it.
            part.write_bytes(DIGEST(value).digest() + value)
            part.replace(file)
        except OSError:
            with suppress(OSError):
                part.unlink()


def swept(root: Path) -> None:
    """Remove the programs that were not used for longest, down to `MOST_BYTES`.

    Whatever else is in the folder stays: the user may have named one with files in it.
    """
    found = []
    for file in root.glob("jaxlib-*/*"):
        if not (FOLDERS.fullmatch(file.parent.name) and FILES.fullmatch(file.name)):
            continue
        with suppress(OSError):
            told = file.stat()
            found.append((told.st_mtime, told.st_size, file))
    left = sum(size for _, size, _ in found)
    for _, size, file in sorted(found):
        if left <= MOST_BYTES:
            return
        with suppress(OSError):
            file.unlink()
        left -= size


def use(wanted: bool = True) -> None:
    """Let JAX keep programs; where the user tells JAX a folder, that one is used."""
    path = folder()
    if not wanted or path is None or _named() is not None:
        return
    if _trouble(path):
        return
    # JAX's own entries are not written whole, and without a digest a damaged one may
    # run. Its interface for that is not public: without it none are kept.
    from jax._src import compilation_cache

    if not hasattr(compilation_cache, "get_file_cache"):
        return
    compilation_cache.get_file_cache = lambda path: (Entries(Path(path)), path)
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # A program that cannot be loaded is compiled; that is no news to anybody.
    warnings.filterwarnings("ignore", ".*persistent compilation cache entry")


def told() -> str:
    """Where programs are kept, and how many, in words."""
    path = folder()
    named = _named()
    if named is not None and named != str(path):
        return f"kept by JAX in {named}"
    if path is None:
        return f"not kept: {VARIABLE} is off"
    if trouble := _trouble(path):
        return f"not kept: {trouble}"
    if named is None:
        return "not kept: --no-cache"
    sizes = [file.stat().st_size for file in path.glob(f"*{ENDING}")]
    return f"{len(sizes)} in {path}, {sum(sizes) / 1e6:.0f} MB"


def _trouble(path: Path) -> str:
    """Why a folder cannot be used, or nothing. It is made if there is none."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        # Who may write a program may run it as this user.
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return f"{path} belongs to somebody else"
        path.chmod(0o700)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return "" if os.access(path, os.W_OK | os.X_OK) else f"{path} cannot be written"


def _named() -> str | None:
    settings: Any = jax.config
    return settings.jax_compilation_cache_dir
