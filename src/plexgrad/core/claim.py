"""One folder, one run: a lock with the owner's name in it.

The kernel holds the lock for as long as the process lives, so that of a killed run is
free. Where a file system has no locks, the name alone decides.
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plexgrad.core.files import sweep
from plexgrad.core.owner import lives, named, this_process
from plexgrad.core.reading import read_json
from plexgrad.core.words import plain

try:
    import fcntl
except ImportError:  # not on Windows: the name alone decides
    fcntl = None

LOCK = ".lock"

TRIES = 100
"""How often a folder is made that others take away: not for ever, where none can be."""

_turn = threading.Lock()
_claims: dict[str, "_Claim"] = {}


class Taken(ValueError):
    """The folder belongs to a run that goes on."""


class _Claim:
    """A folder that this process holds: its lock, and whether a run uses it."""

    def __init__(self, folder: Path, made: list[Path]) -> None:
        self.path, self.used, self.made = folder / LOCK, False, made
        self.file = _locked(self.path)
        try:
            os.ftruncate(self.file, 0)
            os.pwrite(self.file, json.dumps(this_process()).encode(), 0)
            sweep(folder)
        except BaseException:  # else the open file would lock this process out
            self.end()
            raise

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(self.file)
        with contextlib.suppress(OSError):  # what anything is in stays
            for folder in self.made:
                folder.rmdir()


@contextmanager
def claimed(folder: Path, made: list[Path] | None = None) -> Iterator[Path]:
    """Hold a folder, made if need be, for a run that `held` will begin or has ended.

    Folders that were `made` for it, and in which nothing was left, go at the end.
    Raises Taken, naming the owner, if another run holds it.
    """
    made = [*(made or ()), *_missing(folder)]
    name = os.path.realpath(folder)
    with _turn:
        if name in _claims:
            raise _taken(folder, this_process())
        claim = _claims[name] = _Claim(folder, made)
    try:
        yield folder
    finally:
        with _turn:
            del _claims[name]
            claim.end()


@contextmanager
def claimed_free(folder: Path) -> Iterator[Path]:
    """`claimed` for a new folder: this one, or its first sister that does not exist.

    Runs that are started together each get one of their own.
    """
    missing = _missing(folder.parent)
    _make(folder.parent, exist_ok=True)
    number, mine = 1, folder
    while True:
        try:
            _make(mine)
            break
        except FileExistsError:
            number += 1
            mine = folder.with_name(f"{folder.name}-{number}")
    with claimed(mine, [mine, *missing]):
        yield mine


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Use a folder for one run: one that this process has claimed, or now claims.

    Raises Taken, naming the owner, if another run uses it.
    """
    with contextlib.ExitStack() as stack:
        with _turn:
            claim = _claims.get(os.path.realpath(folder))
            if claim is not None and claim.used:
                raise _taken(folder, this_process())
            if claim is not None:
                claim.used = True
        if claim is None:
            stack.enter_context(claimed(folder))
            claim = _claims[os.path.realpath(folder)]
            claim.used = True
        try:
            yield
        finally:
            claim.used = False


def refuse_run(folder: Path) -> None:
    """Raise ValueError if a folder holds a run already, whatever became of it."""
    if (folder / "record.json").exists():
        raise ValueError(
            f"out must be a folder without a run, got {folder}, which holds one; "
            "resume goes on with it"
        )


def owner(folder: Path) -> dict[str, Any]:
    """Who holds a folder, or held it last without saying goodbye; empty if nobody."""
    try:
        found = read_json(folder / LOCK, most=2**16)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _missing(folder: Path) -> list[Path]:
    """What has to be made for a folder, the innermost first."""
    return [each for each in (folder, *folder.parents) if not each.exists()]


def _make(folder: Path, exist_ok: bool = False) -> None:
    """Make a folder, while others may take away the empty ones that it is to be in."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(FileNotFoundError):
            folder.mkdir(parents=True, exist_ok=exist_ok)
            return
    folder.mkdir(parents=True, exist_ok=exist_ok)


def _locked(path: Path) -> int:
    """An open file with its lock held. Raises Taken if another has it."""
    while True:
        _make(path.parent, exist_ok=True)
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:  # its owner has just taken the empty folder away
            continue
        try:
            _lock(file, path.parent)
            # Its owner may have taken the file away between the two calls.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), os.stat(path)):
                    return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _lock(file: int, folder: Path) -> None:
    who = owner(folder)
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            raise _taken(folder, who) from None
        except OSError:  # a file system without locks
            pass
    if who and lives(who) is not False:
        raise _taken(folder, who)


def _taken(folder: Path, who: dict[str, Any]) -> Taken:
    return Taken(f"{folder} must be free for a run, it is held by {plain(named(who))}")
