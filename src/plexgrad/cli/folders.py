"""Folders of runs: a free one for a new run, and none that holds another."""

from pathlib import Path


def free(folder: Path) -> Path:
    """The folder, or the first of its numbered sisters that does not exist."""
    number, found = 1, folder
    while found.exists():
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found


def refuse_taken(folder: Path, again: str) -> None:
    """Raise ValueError, naming how to go on, if the folder holds a run."""
    if (folder / "record.json").exists():
        raise ValueError(
            f"--out must be a folder without a run, got {folder}; "
            f"go on with it by {again}"
        )
