"""Folders of runs: one for each, claimed before anything else is done."""

import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from plexgrad.core.claim import claimed, claimed_free


@contextmanager
def run_folder(out: Path | None, usual: Path, again: str) -> Iterator[Path]:
    """The folder of a new run, held by it: `out`, or a free one named after `usual`.

    `again` says how to go on with a run in {folder}. Raises ValueError, with it, if
    `out` holds a run, and Taken if another process is at it.
    """
    with claimed_free(usual) if out is None else claimed(out) as folder:
        refuse_taken(folder, again.format(folder=shlex.quote(str(folder))))
        yield folder


def result_folder(out: Path | None, usual: Path) -> AbstractContextManager[Path]:
    """The folder of a result that replaces an older one in `out`, held until it is."""
    return claimed_free(usual) if out is None else claimed(out)


def refuse_taken(folder: Path, again: str) -> None:
    """Raise ValueError, naming how to go on, if the folder holds a run."""
    if (folder / "record.json").exists():
        raise ValueError(
            f"--out must be a folder without a run, got {folder}; "
            f"go on with it by {again}"
        )
