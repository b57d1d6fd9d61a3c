"""Record what crosses a link, and play it back: a live run becomes a test.

The file has one line of JSON for each thing that happened: opened, closed, sent,
received (an empty one is a time-out), hung up, and the seconds since the beginning.
The host's token stands in the second line; files without it are of hosts that spoke
version 1 of the frame, and are played by such a host again.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from plexgrad.core.reading import file_bytes, plain_json, shown
from plexgrad.core.shape import fixed, real, text, word_of
from plexgrad.lab.device import LinkLost
from plexgrad.lab.transports.in_process import InProcess
from plexgrad.lab.transports.transport import AbstractTransport, Line, drill

KEPT = 1000
"""Events that may wait to be written."""

LARGEST = 2**31
"""Bytes of a recording that is read."""

HAPPENED = ("url", "token", "open", "close", "send", "receive", "lost")
_EVENT = fixed((real, word_of(HAPPENED), text))
FIRST = {"url": 0, "token": 1}
"""Where these stand, counted from 0; nothing else stands in the first place."""

FIRST_TOKEN = 0x5EED_0001
"""The token of hosts in files that name none."""


class Recording:
    """A transport around a transport that writes down what crosses it."""

    def __init__(self, inner: Line, path: Path | str) -> None:
        self.inner, self.url = inner, inner.url
        self.token = int.from_bytes(os.urandom(8), "little") | 1
        self._path, self._lines = Path(path), []
        self._path.write_text("")
        self._began = time.monotonic()
        self._write("url", self.url)
        self._write("token", f"{self.token:016x}")

    def finish(self) -> None:
        """Write what waits to the file."""
        lines, self._lines = self._lines, []
        with self._path.open("a", encoding="ascii") as file:
            file.writelines(lines)

    def open(self) -> None:
        self._guarded(self.inner.open, "open")

    def close(self) -> None:
        self.inner.close()
        self._write("close")

    def send(self, data: bytes) -> None:
        self._guarded(lambda: self.inner.send(data), "send", data.hex())

    def receive(self, timeout_s: float | int) -> bytes:
        try:
            data = self.inner.receive(timeout_s)
        except LinkLost as error:
            self._write("lost", str(error))
            raise
        self._write("receive", data.hex())
        return data

    def _guarded(self, call: Any, what: str, data: str = "") -> None:
        self._write(what, data)
        try:
            call()
        except LinkLost as error:
            self._write("lost", str(error))
            raise

    def _write(self, what: str, data: str = "") -> None:
        at = round(time.monotonic() - self._began, 6)
        self._lines.append(json.dumps([at, what, data]) + "\n")
        if what == "close" or len(self._lines) >= KEPT:
            self.finish()


class Replay(AbstractTransport):
    """Plays a recording: says what was said, and refuses what was not asked then.

    Raises FileNotFoundError, or ValueError that names the file and line for one that is
    no recording.
    """

    scheme: ClassVar[str] = "replay"

    def __init__(self, path: Path | str) -> None:
        lines = file_bytes(Path(path), LARGEST).splitlines()
        self.events = [_event(path, n, line) for n, line in enumerate(lines)]
        if not self.events:
            raise ValueError(f"{path} must be a recording, got an empty file")
        self.url, self.token, self._at = f"replay:{path}", FIRST_TOKEN, 1
        self.version = 1
        if self._next()[0] == "token":
            self.token, self.version, self._at = int(self._next()[1], 16), 2, 2

    @classmethod
    def of(cls, url: str) -> "Replay":
        return cls(Path(url.partition(":")[2].removeprefix("//")))

    @classmethod
    @contextmanager
    def demo(cls) -> Iterator["Replay"]:
        # What the laws do with a transport, as an echo would have answered.
        with tempfile.TemporaryDirectory() as folder, InProcess.demo() as echo:
            recorder = Recording(echo, path := Path(folder) / "echo.jsonl")
            drill(recorder)
            recorder.finish()
            yield cls(path)

    @property
    def left(self) -> int:
        """Events that were not played yet."""
        return len(self.events) - self._at

    def open(self) -> None:
        self._expect("open")
        self._lost()

    def close(self) -> None:
        if self._next()[0] == "close":
            self._at += 1

    def send(self, data: bytes) -> None:
        self._expect("send", data.hex())
        self._lost()

    def receive(self, timeout_s: float | int) -> bytes:
        self._lost()
        return bytes.fromhex(self._expect("receive"))

    def _next(self) -> tuple[str, str]:
        return self.events[self._at] if self.left else ("the end", "")

    def _expect(self, what: str, data: str | None = None) -> str:
        was, then = self._next()
        if was != what or data not in (None, then):
            raise ValueError(
                f"event {self._at} of {self.url} must be {was} {then[:80]}, "
                f"got {what} {(data or '')[:80]}"
            )
        self._at += 1
        return then

    def _lost(self) -> None:
        if self._next()[0] == "lost":
            self._at += 1
            raise LinkLost(self.events[self._at - 1][1])


def _event(path: Path | str, number: int, line: bytes) -> tuple[str, str]:
    name = f"line {number + 1} of {path}"
    _, what, data = _EVENT(name, plain_json(name, line))
    if FIRST.get(what, max(number, 1)) != number:
        raise ValueError(f"{name} must hold what happened, after a url; got {what}")
    try:
        if what in ("send", "receive"):
            bytes.fromhex(data)
        elif what == "token" and not 0 <= int(data, 16) < 2**64:
            raise ValueError
    except ValueError as error:
        raise ValueError(f"{name} must hold bytes, got {shown(data)}") from error
    return what, data
