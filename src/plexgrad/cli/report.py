"""`plexgrad report`: draw a run again from its record alone."""

import json
from pathlib import Path
from typing import Annotated

import typer

from plexgrad.core.record import Record
from plexgrad.report import summary_lines, to_json_summary, write_metrics, write_page


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON.")
    ] = False,
) -> None:
    """Write report.html and metrics.csv from a run's record, and sum it up."""
    record = Record.load(folder)
    if not record.final:
        raise ValueError(
            f"{folder} must hold a finished run; this one is {record.status}: "
            f"plexgrad train --resume {folder}"
        )
    draw(record, folder if folder.is_dir() else folder.parent, as_json)


def draw(record: Record, folder: Path, as_json: bool) -> None:
    """Write the metrics and the page into the folder, and print the sum of it."""
    write_metrics(record, folder)
    page = write_page(record, folder)
    if as_json:
        typer.echo(json.dumps({**to_json_summary(record), "folder": str(folder)}))
        return
    for line in summary_lines(record):
        typer.echo(line)
    typer.echo(f"{'report':<16}{page}")
