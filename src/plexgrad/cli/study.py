"""`plexgrad study`: the papers' figures and tables, made again cell by cell."""

import json
import os
import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from plexgrad.cli.ends import AT_ONCE, STOPPED
from plexgrad.cli.options import use_devices
from plexgrad.cli.report import draw_study
from plexgrad.cli.saying import Terminal, echo
from plexgrad.cli.screen import PLAIN_S
from plexgrad.core.signals import heard
from plexgrad.core.study_result import Scale, StudyResult
from plexgrad.core.validate import one_of
from plexgrad.report import study_lines, write_golden, write_index
from plexgrad.report.numbers import count, seconds
from plexgrad.report.study_words import cell, head
from plexgrad.studies import AbstractStudy, Glance, run_study, studies
from plexgrad.studies import study as named
from plexgrad.studies.study import SCALES


def study(
    name: Annotated[
        str | None, typer.Argument(help="A study's name.", show_default=False)
    ] = None,
    scale: Annotated[
        str,
        typer.Option(
            help="machine (two cores, minutes to an hour), paper (a GPU), or tiny: "
            "seconds, which only show that it runs."
        ),
    ] = "machine",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the run; default: runs/NAME-SCALE.", show_default=False
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh/--resume", help="Run all cells anew, or those that are missing."
        ),
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="Name every study and what it costs.")
    ] = False,
    show: Annotated[
        bool,
        typer.Option(
            "--show", help="Say what the study is and what it found; run nothing."
        ),
    ] = False,
    golden: Annotated[
        Path | None,
        typer.Option(
            help="Keep the result, its plot and a page in this folder too.",
            show_default=False,
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(
            help="Draw the pages of the results kept in this folder again.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the data files; default: $PLEXGRAD_DATA."),
    ] = None,
    devices: Annotated[
        int | None, typer.Option(help="JAX devices; default: one per core.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Make a figure or table of a paper again, beside the paper's numbers.

    Each cell is saved when it is done: a study that was stopped, or killed, goes on by
    the same command.
    """
    size: Any = one_of("scale", scale, SCALES)
    if list_:
        _list(as_json)
        return
    if index is not None:
        echo(str(write_index(index)))
        return
    if name is None:
        raise ValueError("a study must be named; plexgrad study --list names them all")
    found = named(name)
    folder = out or Path("runs") / f"{name}-{scale}"
    if show:
        _show(found, folder, as_json)
        return
    use_devices(devices)
    if data is not None:
        os.environ["PLEXGRAD_DATA"] = str(data)
    command = shlex.join(["plexgrad", "study", name, "--scale", scale])
    screen = _Screen(name, quiet)
    screen.console.print(f"{scale}: {_cost(_costs(found)[size])}", soft_wrap=True)
    try:
        with screen:
            result = run_study(found, size, folder, fresh, screen, command)
    except KeyboardInterrupt:
        again = f"{command} --out {shlex.quote(str(folder))}"
        screen.console.print(f"done cells are saved; go on with: {again}", style="bold")
        raise typer.Exit(AT_ONCE if heard.at_once else STOPPED) from None
    draw_study(result, folder, as_json)
    if golden is not None:
        write_golden(result, golden)
        write_index(golden)


class _Screen:
    """A watcher that draws a bar over the cells, or a line from time to time."""

    def __init__(self, name: str, quiet: bool) -> None:
        self.console = Terminal(stderr=True, quiet=quiet)
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[news]}", markup=False),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.name, self.task, self.printed, self.cells = name, None, 0.0, -1

    def __enter__(self) -> "_Screen":
        self.bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.bar.stop()

    def __call__(self, glance: Glance) -> None:
        """Show a glance."""
        left = "" if glance.left_s is None else f", {seconds(glance.left_s)} left"
        news = f"cell {glance.done + bool(glance.cell)} of {glance.cells} "
        news += f"{glance.cell} {glance.news}{left}"
        if self.task is None:
            self.task = self.bar.add_task(self.name, total=1.0, news=news)
        self.bar.update(self.task, completed=glance.share, news=news)
        due = time.monotonic() - self.printed > PLAIN_S or glance.done != self.cells
        if not self.console.is_terminal and due:
            share = f"{100 * glance.share:3.0f} %"
            self.console.print(f"{self.name} {share}  {news}", soft_wrap=True)
            self.printed, self.cells = time.monotonic(), glance.done


def _costs(study: AbstractStudy) -> dict[Scale, dict[str, Any]]:
    found: dict[Scale, dict[str, Any]] = {}
    for scale in SCALES:
        expected = study.expected[scale]
        found[scale] = {
            "cells": len(study.cases(scale)),
            "evaluations": study.evaluations(scale),
            "seconds": expected.seconds,
            "on": expected.on,
            "measured": expected.measured,
        }
    return found


def _list(as_json: bool) -> None:
    known = {
        name: {"title": each.title, "source": each.source, "scales": _costs(each)}
        for name, each in studies().items()
    }
    if as_json:
        echo(json.dumps(known))
        return
    for name, about in known.items():
        echo(f"{name:<18}{about['title']}\n{'':<18}{about['source']}")
        for scale, cost in about["scales"].items():
            echo(f"{'':<18}{scale:<9}{_cost(cost)}")


def _cost(cost: dict[str, Any]) -> str:
    about = "" if cost["measured"] else ", projected"
    return (
        f"{cost['cells']} cells, {count(cost['evaluations'])} evaluations, about "
        f"{seconds(cost['seconds'])} on {cost['on']}{about}"
    )


def _show(study: AbstractStudy, folder: Path, as_json: bool) -> None:
    result = None
    if (folder / "result.json").is_file():
        result = StudyResult.load(folder)
    if as_json:
        made = None if result is None else result.to_json()
        echo(json.dumps({"name": study.name, "result": made}))
        return
    echo(f"{study.title}\n{study.source}\n")
    for scale, cost in _costs(study).items():
        echo(f"{scale:<9}{_cost(cost)}")
    for published in study.published:
        table = published.table
        echo(f"\n{table.title} ({table.note})")
        rows = [[head(column) for column in table.columns]]
        rows += [[cell(value) for value in row] for row in table.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = zip(row, widths, strict=True)
            echo("  ".join(text.rjust(width) for text, width in cells))
    echo("")
    if result is None:
        echo(f"no result at {folder} yet")
        return
    for line in study_lines(result):
        echo(line)
