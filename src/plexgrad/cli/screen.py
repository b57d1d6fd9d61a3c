"""What a run looks like in a terminal: a bar, the time left, cost and accuracy."""

import json
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

import numpy as np
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from plexgrad.cli.saying import Terminal, echo
from plexgrad.core.words import plain
from plexgrad.training.progress import Progress as Glance

PLAIN_S = 5.0
"""Seconds between lines where the output is not a terminal."""


class Screen:
    """A watcher that draws."""

    def __init__(self, quiet: bool) -> None:
        self.console = Terminal(stderr=True, quiet=quiet)
        self.bar = Progress(
            TextColumn("{task.description:<15}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %", markup=False),
            TimeElapsedColumn(),
            TextColumn("left", markup=False),
            TimeRemainingColumn(),
            TextColumn("{task.fields[news]}", markup=False),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.tasks: dict[str, TaskID] = {}
        self.printed = 0.0

    def __enter__(self) -> "Screen":
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # a terminal that is gone
            self.bar.stop()

    def say(self, text: str, **style: Any) -> None:
        """A line of text, whatever is in it; nothing where the terminal is gone."""
        with suppress(OSError):
            self.console.print(plain(text), markup=False, soft_wrap=True, **style)

    def __call__(self, glance: Glance) -> None:
        """Show a glance."""
        news = _news(glance)
        if glance.phase not in self.tasks:
            self.tasks[glance.phase] = self.bar.add_task(
                glance.phase, total=glance.slots, news=news
            )
        self.bar.update(self.tasks[glance.phase], completed=glance.slot, news=news)
        ended = glance.slot == glance.slots
        due = ended or time.monotonic() - self.printed > PLAIN_S
        if not self.console.is_terminal and due:
            share = 100 * glance.slot / max(1, glance.slots)
            self.console.print(f"{glance.phase:<15} {share:3.0f} %  {news}")
            self.printed = time.monotonic()


def _news(glance: Glance) -> str:
    if glance.phase.startswith("load"):
        return f"{glance.slot:,} of {glance.slots:,} samples are there"
    parts = []
    cost = glance.cost[np.isfinite(glance.cost)]
    if cost.size:
        parts.append(f"cost {cost.mean():.3g}")
    if glance.accuracy.size:
        parts.append(f"test {100 * np.nanmean(glance.accuracy):.1f} %")
    if glance.seconds > 0:
        parts.append(f"{glance.evaluations / glance.seconds:.2g} eval/s")
    if glance.diverged:
        parts.append(f"{glance.diverged} diverged")
    return " · ".join(parts)


def show(found: dict[str, Any], as_json: bool) -> None:
    """Named findings on standard output, in columns or as JSON."""
    if as_json:
        echo(json.dumps(found))
        return
    for key, value in found.items():
        if isinstance(value, dict):
            echo(key)
            for name, item in value.items():
                shown = f"{item:.3g}" if isinstance(item, float) else item
                echo(f"  {name:<26}{shown}")
        else:
            echo(f"{key:<28}{value}")
