"""`plexgrad data`: which datasets there are, where they are, and how to get them."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from plexgrad import data
from plexgrad.cli.saying import Terminal, echo

app = typer.Typer(help="List, inspect and download datasets.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Folder with the data; default: $PLEXGRAD_DATA, then the cache."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def names(as_json: Json = False) -> None:
    """The datasets by name, with a line about each."""
    found = {name: data.describe(name) for name in data.names()}
    if as_json:
        echo(json.dumps(found))
        return
    for name, line in found.items():
        echo(f"{name:<15}{line}")


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A dataset's name.")],
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Read a dataset and say what is in it."""
    found = data.load(name, folder)
    facts = {
        "name": found.name,
        "source": found.source,
        "train": list(found.x_train.shape),
        "test": list(found.x_test.shape),
        "outputs": found.outputs,
        "classes": list(found.classes),
    }
    if as_json:
        echo(json.dumps(facts))
        return
    for key, value in facts.items():
        echo(f"{key:<9}{value}")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A dataset's name.")],
    folder: Folder = None,
) -> None:
    """Download what is missing, checked against the known checksums."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
    )
    with Progress(*columns, console=Terminal(stderr=True)) as bar:
        tasks = {}

        def show(file: str, done: int, size: int | None) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file, total=size)
            bar.update(tasks[file], completed=done)

        paths = data.fetch(name, folder, progress=show)
    for path in paths:
        echo(str(path))
    if not paths:
        echo(f"{name}: nothing is missing")
