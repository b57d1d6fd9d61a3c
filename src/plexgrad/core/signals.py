"""Signals that end a run: Ctrl-C, a kill and a closed terminal are treated alike.

While a run listens, the first one asks, and the run ends at its next safe place; the
second is at once, as KeyboardInterrupt. Elsewhere the first is at once, so that every
`finally` is reached. Signals belong to a process, so what was heard does too; handlers
are set by its main thread only, and only over the system's own.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

NAMES = {"SIGINT": "Ctrl-C", "SIGTERM": "SIGTERM", "SIGHUP": "SIGHUP"}
SIGNALS = {
    getattr(signal, name): told for name, told in NAMES.items() if hasattr(signal, name)
}
PLAIN = (signal.SIG_DFL, signal.default_int_handler)


@dataclass
class Heard:
    """What came: the name of the first signal, and whether another was at once."""

    came: str = ""
    at_once: bool = False
    asks: bool = False
    tell: Callable[[str], Any] | None = None


heard = Heard()
"""Of this process."""

_set: dict[int, Any] = {}


@contextmanager
def listening(
    asks: bool = True, tell: Callable[[str], Any] | None = None
) -> Iterator[Heard]:
    """Take signals as asking (or, without `asks`, at once) until the end of the block.

    Within another block, what that one heard is still heard. `tell` hears what the
    first signal does. In a thread other than the main one nothing is set.
    """
    if threading.current_thread() is not threading.main_thread():
        yield heard
        return
    outermost, before = not _set, (heard.asks, heard.tell)
    if outermost:
        heard.came, heard.at_once = "", False
        found = {number: signal.getsignal(number) for number in SIGNALS}
        _set.update({n: was for n, was in found.items() if was in PLAIN})
    heard.asks, heard.tell = asks, tell or heard.tell
    if outermost:
        for number in _set:
            signal.signal(number, _came)
    try:
        yield heard
    finally:
        heard.asks, heard.tell = before
        if outermost:
            for number, was in _set.items():
                signal.signal(number, was)
            _set.clear()
            heard.came, heard.at_once = "", False


def _came(number: int, frame: FrameType | None) -> None:
    again, heard.came = bool(heard.came), heard.came or SIGNALS[number]
    if again or not heard.asks:
        heard.at_once = again
        raise KeyboardInterrupt(heard.came)
    # A terminal that is gone, or is being written to, must not stop the stop.
    with contextlib.suppress(Exception):
        (heard.tell or _tell)("stopping at the next safe place (again: at once)")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
