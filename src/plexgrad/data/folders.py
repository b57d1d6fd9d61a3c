"""Where dataset files are looked for, and where a download goes.

A folder that is named in the call is the only one; else the folder in the environment
variable PLEXGRAD_DATA, then the user's cache (XDG Base Directory specification). Each
is tried as the parent, which holds `mnist/` and the like, then as the dataset's own.
"""

import os
import shlex
from pathlib import Path

VARIABLE = "PLEXGRAD_DATA"
"""Environment variable that names the folder which holds mnist/ and the like."""

Folder = str | os.PathLike[str]


def cache() -> Path:
    """The user's cache folder for plexgrad. It need not exist."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The specification tells readers to ignore a relative path.
    return (base if base.is_absolute() else Path.home() / ".cache") / "plexgrad"


def roots(folder: Folder | None) -> tuple[Path, ...]:
    """The folders to search, the first of which receives downloads."""
    if folder is not None:
        return (Path(folder).expanduser(),)
    named = os.environ.get(VARIABLE)
    return (Path(named).expanduser(), cache()) if named else (cache(),)


def places(name: str, folder: Folder | None) -> tuple[Path, ...]:
    """Every folder in which the files of dataset `name` may lie, in order."""
    return tuple(place for root in roots(folder) for place in (root / name, root))


def destination(name: str, folder: Folder | None) -> Path:
    """The folder that a download of dataset `name` is written to."""
    root = roots(folder)[0]
    return root if root.name == name else root / name


def not_found(name: str, what: str, folder: Folder | None) -> FileNotFoundError:
    """The error for files that are nowhere: what, where, and how to get them."""
    searched = ", ".join(str(place) for place in places(name, folder))
    return FileNotFoundError(
        f"{name} must have {what} in a folder searched, got none in {searched}. "
        f"Set {VARIABLE} to the folder that holds {name}/, or download it: "
        f"load({name!r}, download=True) or `plexgrad data fetch {shlex.quote(name)}`"
    )
