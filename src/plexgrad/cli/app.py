"""The `plexgrad` command and what its subcommands share."""

import sys
import warnings
from collections.abc import Callable
from typing import Any, TextIO

import typer

from plexgrad import __version__
from plexgrad.cli import chip, data, doctor, report, study, time, train, tune
from plexgrad.core.words import line
from plexgrad.training.processes import leave

app = typer.Typer(
    name="plexgrad",
    help="Train what you cannot backpropagate through: multiplexed gradient descent "
    "for hardware neural networks.\n\nStart with: plexgrad train digits",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("train")(train.train)
app.command("report")(report.report)
app.command("study")(study.study)
app.command("time")(time.time)
app.command("tune")(tune.tune)
app.command("doctor")(doctor.doctor)
app.add_typer(data.app, name="data")
app.add_typer(chip.app, name="chip")


def _version(show: bool) -> bool:
    if show:
        typer.echo(f"plexgrad {__version__}")
        raise typer.Exit
    return show


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line; a mistake of the user's ends in one clear line."""
    warnings.showwarning = _warned
    status = guarded(app)
    if status not in (0, 130):  # at 130 all stop together
        leave(status)
    sys.exit(status)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    text: str | None = None,
) -> None:
    """A warning to whoever runs the program, in one line like an error."""
    said = f"plexgrad: {message}"
    if not issubclass(category, UserWarning):  # one for whoever writes it
        said = warnings.formatwarning(message, category, filename, lineno, text).strip()
    typer.secho(line(said), err=True, fg="yellow")


def guarded(command: Callable[..., Any]) -> int:
    """Exit status of a command: 2 and one line for bad input, no traceback."""
    try:
        command(standalone_mode=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (ValueError, TypeError, OSError, ImportError) as error:
        typer.secho(f"plexgrad: {error}", err=True, fg="red")
        return 2
    return 0
