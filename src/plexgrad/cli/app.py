"""The `plexgrad` command and what its subcommands share."""

import contextlib
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

from plexgrad import __version__
from plexgrad.cli import (
    chip,
    compile_cache,
    data,
    doctor,
    export,
    report,
    study,
    time,
    train,
    tune,
)
from plexgrad.cli.ends import (
    ASKED_WRONGLY,
    AT_ONCE,
    DIVERGED,
    DONE,
    FAILED,
    LINK_LOST,
    STATUSES,
    STOPPED,
)
from plexgrad.cli.numbers import check_numbers
from plexgrad.cli.saying import echo, nobody_reads, secho
from plexgrad.core.signals import heard, listening
from plexgrad.core.words import line, plain
from plexgrad.training.processes import leave


class _Passed(Exception):
    """Carries its cause past the parser, which would end with 1 for it."""


class _Commands(TyperGroup):
    """Lets through what the parser would take for a mistake, or for an end of its own:
    an interrupt, and a link that ends or breaks."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(AT_ONCE if heard.at_once else STOPPED) from None
        except BrokenPipeError as error:
            if nobody_reads():
                raise typer.Exit(DONE) from None
            raise _Passed from error
        except EOFError as error:
            raise _Passed from error


app = typer.Typer(
    name="plexgrad",
    cls=_Commands,
    epilog=STATUSES,
    help="Train what you cannot backpropagate through: multiplexed gradient descent "
    "for hardware neural networks.\n\nStart with: plexgrad train digits",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("train")(train.train)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("study")(study.study)
app.command("time")(time.time)
app.command("tune")(tune.tune)
app.command("doctor")(doctor.doctor)
app.add_typer(data.app, name="data")
app.add_typer(chip.app, name="chip")
check_numbers(app)


def _version(show: bool) -> bool:
    if show:
        echo(f"plexgrad {__version__}")
        raise typer.Exit
    return show


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
    kept: bool = typer.Option(
        True,
        " /--no-cache",
        help="Compile all programs anew, and keep none for the next start.",
        show_default=False,
    ),
) -> None:
    compile_cache.use(kept)


def main() -> None:
    """Run the command line; a mistake of the user's ends in one clear line."""
    warnings.showwarning = _warned
    status = guarded(app)
    if status not in (DONE, DIVERGED, STOPPED):  # in which all processes end together
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
    with contextlib.suppress(OSError):
        secho(line(said), err=True, fg="yellow")


def guarded(command: Callable[..., Any]) -> int:
    """Exit status of a command (see `ends`), with one line for what went wrong."""
    with listening(asks=False):
        try:
            try:
                command(standalone_mode=True)
            except _Passed as passed:
                raise passed.__cause__ or passed from None
        except SystemExit as end:
            # The parser, or rich, ends so where nobody reads the help that was asked.
            if isinstance(end.__context__, BrokenPipeError):
                nobody_reads()
                return DONE
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except KeyboardInterrupt:
            return AT_ONCE if heard.at_once else STOPPED
        except (ConnectionError, TimeoutError, EOFError) as error:
            _complain(error)
            return LINK_LOST
        except (ValueError, TypeError, OSError, ImportError) as error:
            _complain(error)
            return ASKED_WRONGLY
        except Exception:  # a driver's, or ours: whoever mends it needs to see where
            traceback.print_exc()
            return FAILED
    return DONE


def _complain(error: Exception) -> None:
    with contextlib.suppress(OSError):  # a terminal that is gone
        secho(f"plexgrad: {plain(_words(error))}", err=True, fg="red")


def _words(error: Exception) -> str:
    """What went wrong; the file's name comes first where the system gave a number."""
    if not (isinstance(error, OSError) and error.strerror):
        return str(error) or type(error).__name__
    what = error.strerror[:1].lower() + error.strerror[1:]
    named = " and ".join(str(n) for n in (error.filename, error.filename2) if n)
    return f"{named}: {what}" if named else what
