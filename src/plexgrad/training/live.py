"""The live record of a run: a line per glance in its folder, and what is asked of it.

The folder is the channel, so a run is watched from another terminal, over ssh, or after
it has ended. `live.jsonl` begins with a line that says who writes; every other line is
a glance. A line is written in one call, so it is there whole or not at all; a file that
has grown long is replaced by one with every second line. A watcher asks by writing one
word into `request`, which the run takes away when it obeys.
"""

import contextlib
import itertools
import json
import math
import os
import stat
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.core.files import NotWritten, write_atomically
from plexgrad.core.owner import this_process
from plexgrad.core.reading import file_bytes, plain_json
from plexgrad.core.shape import Rule, either, fields, maybe, real, text, whole, word_of
from plexgrad.core.signals import heard
from plexgrad.core.validate import one_of
from plexgrad.training.progress import Progress, Watcher

FILE, REQUEST = "live.jsonl", "request"
FORMAT = 1
EVERY_S = 0.5
"""Seconds between two lines of a run that goes on."""

MOST = 4000
"""Lines at which every second one goes."""

LONGEST, LARGEST = 2**16, 2**26
"""Bytes of a line and of a whole record that are read."""

_ABOUT = fields(
    {"format": word_of((FORMAT,)), "pid": whole, "host": text, "every_s": real},
    {"parameters": maybe(whole), "endurance": maybe(real)},
    maybe(either(real, text)),
)
_LINE = fields(
    {
        "at": real,
        "state": text,
        "phase": text,
        "slot": whole,
        "slots": whole,
        "evaluations": whole,
        "seconds": real,
        "cost": maybe(real),
        "accuracy": maybe(real),
        "diverged": whole,
    },
    others=maybe(real),
)
"""What the lines must hold; all else is numbers by name."""

PAUSE, RESUME, STOP = REQUESTS = ("pause", "resume", "stop")
ASKED = "a stop was asked for in its folder"
HOLD_S = 0.1
"""Seconds between two looks at what is asked, while a run is paused."""


class Live:
    """The writing end: a watcher that appends, and reads what is asked.

    `about` is told to whoever follows. With `resume`, earlier lines stay up to where
    the run goes on; else they go.
    """

    def __init__(
        self,
        folder: Path,
        about: Mapping[str, Any],
        resume: bool = False,
        every_s: float | int = EVERY_S,
    ) -> None:
        self.path, self.wish = folder / FILE, folder / REQUEST
        self.every_s = float(every_s)
        self.lines: list[dict[str, Any]] = []
        self._before = read(self.path)[1] if resume else []
        self._about = {
            "format": FORMAT,
            **this_process(),
            "every_s": self.every_s,
            **about,
        }
        self._began, self._told_at, self._state = False, 0.0, ""
        self._whole = self._told = False
        self._newest: Progress | None = None
        self._ignored: tuple[int, int] | None = None
        for file in (self.path, self.wish):
            with contextlib.suppress(OSError):
                file.unlink()

    def __call__(self, glance: Progress) -> None:
        """Append a line, unless nothing has changed since the last but a moment."""
        self._newest, now = glance, time.monotonic()
        last = glance.slot == glance.slots
        quiet = glance.state == self._state and now - self._told_at < self.every_s
        if quiet and not last:
            return
        self._told_at, self._state = now, glance.state
        self._append(_line(glance))

    def end(self, state: str) -> None:
        """The last line: "finished", "stopped", "diverged" or "failed"."""
        if self._newest is not None:
            self._append(_line(self._newest.turned(state)))

    def asked(self) -> str:
        """What a watcher asks for, once; "" if nothing, or nothing that is known."""
        try:
            kind, found = _little(self.wish)
        except OSError:
            return ""
        with contextlib.suppress(OSError):
            self.wish.unlink()
            if found in REQUESTS:
                return found
        if kind != self._ignored:
            self._ignored = kind
            warnings.warn(
                f"{self.wish} must be a file with {', '.join(REQUESTS)}, "
                f"got {found!r}; it is ignored",
                stacklevel=2,
            )
        return ""

    def _append(self, line: dict[str, Any]) -> None:
        """Add a line; without room for it, the run goes on and all are kept for later.

        A line that was half written is written over, with all others.
        """
        try:
            self._add(line)
        except OSError as error:
            self._whole = True
            if not self._told:
                warnings.warn(
                    f"the live record cannot be written, the run goes on: {error}",
                    NotWritten,
                    stacklevel=2,
                )
            self._told = True

    def _add(self, line: dict[str, Any]) -> None:
        if not self._began:
            here = line["phase"], line["slot"]
            self.lines = [
                *itertools.takewhile(lambda old: not _from(old, here), self._before)
            ]
        self.lines.append(line)
        began, self._began = self._began, True
        if began and len(self.lines) <= MOST and not self._whole:
            text = _text(line)
            with self.path.open("ab", buffering=0) as file:
                if file.write(text) != len(text):
                    raise OSError(f"{self.path} has no room for a line")
            return
        if len(self.lines) > MOST:
            self.lines = [*self.lines[:-1:2], line]
        whole = b"".join(map(_text, (self._about, *self.lines)))
        write_atomically(self.path, whole)
        self._whole = self._told = False


def steered(live: Live) -> Watcher:
    """A watcher that writes the live record, and holds or ends a run as it is asked.

    For runs that are at a safe place whenever they are watched.
    """

    def watch(glance: Progress) -> str:
        live(glance)
        word = live.asked()
        while word == PAUSE and not heard.came:
            live(glance.turned("paused"))
            time.sleep(HOLD_S)
            word = live.asked() or PAUSE
        return ASKED if word == STOP else ""

    return watch


def together(*watchers: Watcher | None) -> Watcher:
    """One watcher of several; None are left out.

    All see every glance, even if one cannot write what it sees.
    """
    found = [watcher for watcher in watchers if watcher is not None]

    def watch(glance: Progress) -> object:
        said, errors = [], []
        for watcher in found:
            try:
                said.append(watcher(glance))
            except OSError as error:
                errors.append(error)
        reasons = [word for word in said if isinstance(word, str | bool) and word]
        if errors and not reasons:
            raise errors[0]
        return reasons[0] if reasons else None

    return watch


def ask(folder: Path, word: str) -> None:
    """Ask the run in a folder to "pause", "resume" or "stop" at its next safe place."""
    one_of("request", word, REQUESTS)
    write_atomically(folder / REQUEST, f"{word}\n".encode())


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Who writes a live record, and its lines; both empty if there is none.

    A line that is only half there, or damaged, is left out.
    """
    try:
        data = file_bytes(path, LARGEST)
    except (OSError, ValueError):
        return {}, []
    return parsed(data.split(b"\n"), {})


def parsed(
    lines: Iterable[bytes], about: dict[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Who writes, if that is among the lines or is known already, and its glances.

    What is no line, or misses something, is left out; so is all before the first that
    says who writes.
    """
    found = []
    for line in lines:
        if about:
            found.append(_checked(line, _LINE))
        else:
            about = _checked(line, _ABOUT)
    return about, [line for line in found if line]


def _checked(line: bytes, rule: Rule) -> dict[str, Any]:
    try:
        return rule("line", plain_json("line", line)) if len(line) <= LONGEST else {}
    except ValueError:
        return {}


def _little(path: Path) -> tuple[tuple[int, int], str]:
    """Which file it is, and what little is in it; "" of a pipe or a folder.

    Raises OSError if there is none.
    """
    found = path.lstat()
    kind = found.st_ino, found.st_mtime_ns
    if not stat.S_ISREG(found.st_mode):
        return kind, ""
    # What was a file a moment ago may be a pipe by now: never wait for one.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return kind, os.read(file, 64).decode(errors="replace").strip()
    finally:
        os.close(file)


def _from(line: Mapping[str, Any], here: tuple[str, int]) -> bool:
    """Whether a line is of the same phase, and not before it goes on."""
    phase, slot = here
    return line.get("phase") == phase and line.get("slot", 0) >= slot


def _line(glance: Progress) -> dict[str, Any]:
    return {
        "at": time.time(),
        "state": glance.state,
        "phase": glance.phase,
        "slot": glance.slot,
        "slots": glance.slots,
        "evaluations": glance.evaluations,
        "seconds": glance.seconds,
        "cost": _mean(glance.cost),
        "accuracy": _mean(glance.accuracy),
        "diverged": glance.diverged,
        **glance.more,
    }


def _mean(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else None


def _text(line: Mapping[str, Any]) -> bytes:
    whole = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in line.items()
    }
    return json.dumps(whole, separators=(",", ":")).encode() + b"\n"
