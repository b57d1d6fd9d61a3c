"""`plexgrad report`: draw a run again from its record alone."""

import json
import shlex
import warnings
from pathlib import Path
from typing import Annotated

import typer

from plexgrad.cli.saying import echo, nobody_reads
from plexgrad.core.claim import owner
from plexgrad.core.files import NotWritten
from plexgrad.core.owner import lives, named
from plexgrad.core.record import Record
from plexgrad.core.study_result import StudyResult
from plexgrad.report import (
    study_lines,
    summary_lines,
    to_json_summary,
    write_metrics,
    write_page,
    write_study_page,
)


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a run or a study.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON.")
    ] = False,
) -> None:
    """Write report.html (and a run's metrics.csv) from what a folder holds, again."""
    if (folder / "result.json").is_file():
        draw_study(StudyResult.load(folder), folder, as_json)
        return
    record = Record.load(folder)
    if not record.final:
        raise ValueError(
            f"{folder} must hold a run that was scored; this one "
            f"{_state(record, folder)}"
        )
    draw(record, folder if folder.is_dir() else folder.parent, as_json)


def _going_on(record: Record, folder: Path) -> str:
    """The command that goes on with a run, or that nothing of it was kept."""
    place = folder if folder.is_dir() else folder.parent
    if not any(place.glob("checkpoint*.npz")):
        return "nothing was saved, so it has to begin anew"
    if record.spec.get("chip", {}).get("kind") != "Lab":
        return shlex.join(["plexgrad", "train", "--resume", str(place)])
    url = str(record.spec["chip"].get("url") or "URL")
    words = ["plexgrad", "chip", "train", url, "--resume", "--out", str(place)]
    return shlex.join(words)


def _state(record: Record, folder: Path) -> str:
    """What became of a run without scores, and what to do about it."""
    place = folder if folder.is_dir() else folder.parent
    who = owner(place)
    if record.status == "running" and who and lives(who) is not False:
        watch = shlex.join(["plexgrad", "chip", "watch", str(place)])
        return f"goes on ({named(who)}); see {watch}"
    gone = "was killed" if record.status == "running" else f"is {record.status}"
    return f"{gone}: {_going_on(record, folder)}"


def draw(record: Record, folder: Path, as_json: bool) -> None:
    """Write the metrics and the page into the folder, and print the sum of it."""
    _print(record, folder, _write(record, folder), as_json)


def draw_ended(record: Record, folder: Path, as_json: bool) -> None:
    """The same after a run, whose end is its own: what cannot be written is told."""
    page = None
    try:
        page = _write(record, folder)
    except OSError as error:
        _warn(f"the report cannot be written: {error}")
    try:
        _print(record, folder, page, as_json)
    except OSError as error:
        if not nobody_reads():
            _warn(f"the result cannot be printed: {error}")


def _warn(said: str) -> None:
    warnings.warn(said, NotWritten, stacklevel=3)


def _write(record: Record, folder: Path) -> Path:
    write_metrics(record, folder)
    return write_page(record, folder)


def _print(record: Record, folder: Path, page: Path | None, as_json: bool) -> None:
    if as_json:
        echo(json.dumps({**to_json_summary(record), "folder": str(folder)}))
        return
    for line in summary_lines(record):
        echo(line)
    if page is not None:
        echo(f"{'report':<16}{page}")


def draw_study(result: StudyResult, folder: Path, as_json: bool) -> None:
    """Write the page of a study into its folder, and print what it found."""
    page = write_study_page(result, folder)
    if as_json:
        echo(json.dumps({**result.to_json(), "folder": str(folder)}))
        return
    for line in study_lines(result):
        echo(line)
    echo(f"{'report':<14}{page}")
