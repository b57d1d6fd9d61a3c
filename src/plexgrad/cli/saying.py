"""Saying things in a terminal: text is text, whatever a device or a file put into it.

Nothing that a terminal would obey is passed on, and nothing is taken for markup.
"""

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


class Terminal(Console):
    """A console without markup."""

    def __init__(self, **more: Any) -> None:
        super().__init__(markup=False, emoji=False, **more)

    def render_str(self, text: str, **more: Any) -> Text:
        """A string as it is shown, in tables and bars too."""
        more["markup"] = more["emoji"] = False
        return super().render_str(plain(text, ALL), **more)
