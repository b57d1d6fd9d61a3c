"""What every number on the command line must be, checked before anything is done."""

import functools
from collections.abc import Callable
from typing import Any

import typer

from plexgrad.core.clock import MAX_SLOTS
from plexgrad.core.validate import at_least, int_at_least, positive

ABOVE_0 = ("amplitude", "eta", "tau_hp", "target", "scoring")
AT_LEAST_0 = ("write_cost", "patience", "settle", "listen", "step_limit")
FROM_0 = ("key", "seed", "process", "knob_budget", "port")
FROM_1 = (
    "tau_p",
    "tau_x",
    "tau_theta",
    "batch",
    "seeds",
    "points",
    "devices",
    "processes",
    "patience_points",
    "trace",
    "repeats",
    "budget",
)

RULES: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(ABOVE_0, positive),
    **dict.fromkeys(AT_LEAST_0, lambda name, value: at_least(name, value, 0.0)),
    **dict.fromkeys(FROM_0, lambda name, value: int_at_least(name, value, 0)),
    **dict.fromkeys(FROM_1, lambda name, value: int_at_least(name, value, 1)),
    "slots": lambda name, value: int_at_least(name, value, 1, MAX_SLOTS),
}
"""What an option must be, by its name; those of one name mean the same everywhere."""


def commands(app: typer.Typer, *names: str) -> list[tuple[tuple[str, ...], Any]]:
    """Every command below, with the words that call it, as typer holds it."""
    found = []
    for each in app.registered_commands:
        found.append(
            ((*names, each.name or getattr(each.callback, "__name__", "")), each)
        )
    for group in app.registered_groups:
        if (below := group.typer_instance) is not None:
            found += commands(below, *names, str(group.name or below.info.name))
    return found


def check_numbers(app: typer.Typer) -> None:
    """Let every command refuse numbers that its options cannot mean."""
    for _, command in commands(app):
        command.callback = _checked(command.callback)


def _checked(command: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def checked(*args: Any, **options: Any) -> Any:
        for name, value in options.items():
            name = name.rstrip("_")
            for number in value if isinstance(value, list | tuple) else [value]:
                if name in RULES and isinstance(number, int | float):
                    RULES[name](name, number)
        return command(*args, **options)

    return checked
