"""Datasets by name. The sources are found by crawling this folder's modules."""

import dataclasses
import importlib
from pathlib import Path
from typing import Any

from plexgrad.core.spec import concrete
from plexgrad.core.validate import meant
from plexgrad.data.dataset import Dataset
from plexgrad.data.download import Progress, fetch_file
from plexgrad.data.folders import Folder
from plexgrad.data.source import AbstractSource


def names() -> tuple[str, ...]:
    """The names that `load` knows, sorted."""
    return tuple(sorted(kind.name for kind in _kinds()))


def load(
    name: str, folder: Folder | None = None, download: bool = False, **options: Any
) -> Dataset:
    """The dataset `name`; `names()` lists them, "parity-4" is short for bits=4.

    Files are looked for in `folder` (the dataset's own or its parent), else in the
    folder that the environment variable PLEXGRAD_DATA names, else in the user's cache.
    With `download`, what is missing there is downloaded and its checksum verified.
    Datasets that are made rather than read need none of this.

    Raises ValueError for an unknown name or option and for a file that is not what it
    should be, FileNotFoundError for a missing file, ConnectionError for a download that
    fails.
    """
    if download:
        fetch(name, folder, **options)
    return source(name, **options).load(folder)


def fetch(
    name: str,
    folder: Folder | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> tuple[Path, ...]:
    """Download the files of dataset `name` that are missing; their paths.

    `progress(file, bytes so far, bytes in all or None)` is called as data come in.
    Raises what `load` raises, and OSError if the folder cannot be written.
    """
    wanted = source(name, **options)
    place = wanted.place(folder)
    return tuple(
        fetch_file(remote, place, progress) for remote in wanted.missing(folder)
    )


def describe(name: str) -> str:
    """One line about dataset `name`. Raises ValueError for an unknown name."""
    return source(name).describe()


def source(name: str, **options: Any) -> AbstractSource:
    """The source of dataset `name` with its options set.

    Raises ValueError for an unknown name or option, with those that are known.
    """
    for kind in _kinds():
        implied = kind.options_in(str(name))
        if implied is None:
            continue
        known = {field.name for field in dataclasses.fields(kind)}
        if unknown := sorted(set(options) - known):
            allowed = ", ".join(sorted(known)) or "no options"
            raise ValueError(
                f"options of {kind.name} must be among: {allowed}; "
                f"got {', '.join(unknown)}"
            )
        if twice := sorted(set(options) & set(implied)):
            raise ValueError(
                f"{twice[0]} must be given once, got {name!r} and "
                f"{twice[0]}={options[twice[0]]!r}"
            )
        return kind(**implied, **options)
    hint = meant(name, names())
    raise ValueError(f"name must be one of {', '.join(names())}; got {name!r}{hint}")


def _kinds() -> list[type[AbstractSource]]:
    # By name and late: the package is still being imported when this module is.
    package = importlib.import_module("plexgrad.data")
    return list(concrete(package, AbstractSource))
