"""How a run ends before its last slot, whoever asks for it, and what is told of it.

A signal, a watcher, a request in the run's folder or the `stop` of its caller is obeyed
at the next safe place; an error ends it where it is. Either way all that can be saved
is saved, and the record says why and what was.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from plexgrad.core.files import NotWritten
from plexgrad.core.signals import heard
from plexgrad.core.words import line
from plexgrad.training.progress import Progress, Watcher

Stop = Callable[[Progress], bool | str | None]
"""Says True, or why, when a run shall end."""


class Ending:
    """Shows glances to a watcher, and knows whether and why a run ends.

    `by` is "" while it goes on, then "signal", "watcher" (and whoever steers the run
    through its folder), "stop" or "error"; `why` says so in words, and `error` is what
    shall be raised when all is saved. `saved` is the slot of the newest checkpoint of
    this call, None before the first, `whole` whether it is of the run's last slot.
    """

    def __init__(self, watch: Watcher | None = None, stop: Stop | None = None) -> None:
        self.watch, self.stop = watch, stop
        self.by = self.why = ""
        self.error: BaseException | None = None
        self.saved: int | None = None
        self.whole = False
        self._lost = False

    def look(self, glance: Progress) -> bool:
        """Show a glance to all who watch; whether the run shall end here."""
        try:
            for by, asked in (("watcher", self._shown), ("stop", self.stop)):
                if asked is not None and (why := _reason(asked(glance), by)):
                    self.ask(by, why)
        except KeyboardInterrupt as error:
            self.interrupted(error)
        except Exception as error:  # saved first, then raised
            self.failed(error)
        if heard.came and not self.by:
            self.interrupted(KeyboardInterrupt(heard.came))
        return bool(self.by)

    @property
    def rank(self) -> int:
        """How it ends, as several processes tell each other: 0 if it does not."""
        return 0 if not self.by else 1 if self.error is None else 2

    def agree(self, rank: int) -> None:
        """End as another process does, which may have been asked where this was not."""
        if rank and not self.by:
            error = KeyboardInterrupt() if rank > 1 else None
            self.ask("signal" if error else "stop", "another process ended it", error)

    def interrupted(self, error: BaseException | None = None) -> None:
        """The user ends it: KeyboardInterrupt is raised when all is saved."""
        self.ask("signal", heard.came or "interrupted", error or KeyboardInterrupt())

    def failed(self, error: BaseException) -> None:
        """An error ends it, and is raised when all is saved."""
        if isinstance(error, KeyboardInterrupt):
            self.interrupted(error)
        else:
            self.ask("error", f"{type(error).__name__}: {line(error)}", error)

    def told(self) -> dict[str, Any]:
        """For the record: who ended the run, why, and what was saved of it."""
        return {
            "by": self.by,
            "why": self.why,
            "saved": self.saved,
            "whole": self.whole,
        }

    def keep(self, slot: int, save: Callable[[], Any]) -> bool:
        """Save a checkpoint; one that cannot be written is told and tried again.

        The last one stays, and the run goes on.
        """
        try:
            save()
        except OSError as error:
            kept = "there is none yet" if self.saved is None else "the last one stays"
            warnings.warn(
                f"a checkpoint cannot be written, {kept}, and the run goes on: {error}",
                NotWritten,
                stacklevel=2,
            )
            self.whole = False
            return False
        self.saved, self.whole = slot, True
        return True

    def _shown(self, glance: Progress) -> Any:
        """What a watcher says; one that cannot write what it sees ends no run."""
        if self.watch is None:
            return None
        try:
            return self.watch(glance)
        except OSError as error:
            if not self._lost:
                warnings.warn(
                    f"a watcher cannot write, the run goes on: {error}",
                    NotWritten,
                    stacklevel=2,
                )
            self._lost = True
        return None

    def ask(self, by: str, why: str, error: BaseException | None = None) -> None:
        """End at the next safe place; who asks first is told."""
        if not self.by:
            self.by, self.why, self.error = by, why, error


def _reason(said: Any, by: str) -> str:
    """Why to end, if a watcher or a stop said so; other things that it gives do not."""
    if isinstance(said, str):
        return said
    asks = isinstance(said, bool | np.bool_) and bool(said)
    return f"the {by} said so" if asks else ""


def save_record(save: Callable[[], Any]) -> bool:
    """Save a record; without room for it, that is told, and the run is not lost."""
    try:
        save()
    except OSError as error:
        warnings.warn(
            f"the record cannot be written: {error}", NotWritten, stacklevel=2
        )
        return False
    return True
