"""Saying things in a terminal: text is text, whatever a device or a file put into it.

Nothing that a terminal would obey is passed on, and nothing is taken for markup.
"""

import os
import sys
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from plexgrad.core.words import plain

ALL = 2**62
"""Characters of results, none of which is cut."""


def echo(text: Any = "", nl: bool = True, err: bool = False) -> None:
    """A line on standard output."""
    typer.echo(plain(text, ALL), nl=nl, err=err)


def secho(text: Any, nl: bool = True, err: bool = False, **style: Any) -> None:
    """A line in a style."""
    typer.secho(plain(text, ALL), nl=nl, err=err, **style)


def nobody_reads() -> bool:
    """Whether the reader of standard output is gone; what is left then goes nowhere."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return True
    return False


class Terminal(Console):
    """A console without markup. That nobody reads standard error ends nothing."""

    def __init__(self, **more: Any) -> None:
        super().__init__(markup=False, emoji=False, **more)

    def on_broken_pipe(self) -> None:
        if not self.stderr:
            super().on_broken_pipe()
        self.quiet = True

    def render_str(self, text: str, **more: Any) -> Text:
        """A string as it is shown, in tables and bars too."""
        more["markup"] = more["emoji"] = False
        return super().render_str(plain(text, ALL), **more)
