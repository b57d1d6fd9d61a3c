"""How a command ends: what it says of what was saved, and its exit status."""

import contextlib
from pathlib import Path
from typing import Any

import typer

from plexgrad.cli.saying import secho
from plexgrad.core.record import Record
from plexgrad.core.signals import heard
from plexgrad.core.words import line
from plexgrad.training import processes

DONE, DIVERGED, ASKED_WRONGLY, STOPPED, LINK_LOST, FAILED = range(6)
AT_ONCE = 130
"""Exit statuses; the last after a second Ctrl-C (or SIGTERM, or SIGHUP)."""

STATUSES = (
    "Exit status: 0 done (a goal that was reached included), 1 diverged, 2 asked "
    "wrongly, 3 stopped, 4 no link, or a lost one, 5 an error of a driver or of "
    "plexgrad, with its traceback; 130 after a second Ctrl-C."
)


def saved_words(ended: dict[str, Any], again: str) -> str:
    """What is true of a run's checkpoint, and the command that goes on with it."""
    if ended.get("whole"):
        return f"saved; go on with: {again}"
    if ended.get("saved") is not None:
        return f"the checkpoint of slot {ended['saved']} is kept; go on with: {again}"
    return "nothing new was saved"


def ending_of(folder: Path) -> dict[str, Any]:
    """What a record says of how its run ended; empty if it does not."""
    found = Record.found(folder)  # no room for it, or none was made yet
    return {} if found is None else found.extra.get("ended", {})


def stopped(folder: Path, again: str) -> typer.Exit:
    """Say what was saved of a run that was interrupted; what to raise."""
    ended = ending_of(folder)
    words = saved_words(ended, again)
    if ended.get("saved") is None and any(folder.glob("checkpoint*.npz")):
        words += f"; an earlier checkpoint is kept; go on with: {again}"
    say(words)
    if heard.at_once:
        processes.leave(AT_ONCE)
        return typer.Exit(AT_ONCE)
    return typer.Exit(STOPPED)


def finish(record: Record, again: str) -> None:
    """Say how a run ended, if not at its last slot, and exit as its status says.

    Raises typer.Exit unless all went as it was asked.
    """
    if record.status == "diverged":
        raise typer.Exit(DIVERGED)
    if record.status != "stopped":
        return
    ended = record.extra.get("ended", {})
    say(f"stopped: {ended.get('why')}")
    say(saved_words(ended, again))
    if ended.get("by") != "stop":
        raise typer.Exit(STOPPED)


def say(text: str) -> None:
    """A line to the operator, quiet or not."""
    with contextlib.suppress(OSError):  # a terminal that is gone
        secho(line(text), err=True, bold=True)
