"""Readers of what comes from a laboratory: files, and bytes on a link."""

import contextlib
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from plexgrad import lab
from plexgrad.lab import frames, hello, messages
from plexgrad.lab.calibrate import Calibration, calibrate
from plexgrad.lab.device import LinkLost
from plexgrad.lab.perturbations import Codes
from plexgrad.lab.remote import Remote
from plexgrad.lab.server import Served
from plexgrad.lab.transports.in_process import InProcess
from plexgrad.lab.transports.recording import Recording, Replay
from plexgrad.lab.transports.transport import drill
from plexgrad.report.calibration_page import calibration_lines, render_calibration

from . import mutations
from .reader import Reader, from_file


def _recordings(folder: Path) -> list[bytes]:
    path = folder / "echo.jsonl"
    with InProcess.demo() as echo:
        recorder = Recording(echo, path)
        drill(recorder)
        recorder.finish()
    whole = path.read_bytes()
    return [whole, b'[0,"url","old:"]\n[1,"open",""]\n[2,"close",""]\n']


@from_file("some.jsonl")
def _recording(path: Path, drawn: bool) -> Any:
    replay = Replay(path)
    # The drill is refused where the recording has something else.
    with contextlib.suppress(ValueError):
        drill(replay)


@functools.cache
def _calibrated() -> bytes:
    device = lab.EmulatedMLP([2, 2, 1])
    found = calibrate(device, knob_budget=60, listen_s=0.05, settle_s=0.01)
    return json.dumps(found.to_json()).encode()


def _calibrations(folder: Path) -> list[bytes]:
    return [_calibrated()]


@from_file("calibration.json")
def _calibration(path: Path, drawn: bool) -> Any:
    found = Calibration.load(path)
    try:
        calibration_lines(found)
        json.dumps(found.to_json(), allow_nan=False)
        if drawn:
            render_calibration(found)
    except ValueError as error:
        raise RuntimeError(f"accepted, then: {error!r}") from error


def _frames(folder: Path) -> list[bytes]:
    made = [
        frames.Frame(1, 2, 3, b"payload\0with\0zeros").encode(),
        frames.Frame(5, 6, 7, bytes(300)).encode(),
    ]
    return [*made, b"".join(made)]


def _frame(folder: Path, data: bytes, drawn: bool) -> Any:
    deframer = frames.Deframer()
    half = len(data) // 2
    return deframer.feed(data[:half]) + deframer.feed(data[half:])


READS = (
    messages.read_codes,
    messages.read_update,
    messages.read_shown,
    messages.read_run,
)


def _messages(folder: Path) -> list[bytes]:
    codes = Codes((1, 2), 0, 4, 0.1)
    told = {"to": "0", "identity": ["a", "b", "c"]}
    return [
        messages.codes(codes),
        messages.array(np.arange(6.0).reshape(2, 3)),
        messages.plain(told),
        hello.Hello(7, 2).encode(),
    ]


def _message(folder: Path, data: bytes, drawn: bool) -> Any:
    for read in READS:
        with _refusing():
            read(messages.Reader(data))
    for read in (messages.read_answer, messages.read_trace, hello.Hello.decode):
        with _refusing():
            read(data)
    with _refusing():
        messages.read_plain(data)


class _refusing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return isinstance(error, ValueError | LinkLost)


class _Listening(InProcess):
    """A line that keeps what the host says."""

    said: list[bytes]

    def send(self, data: bytes) -> None:
        self.said = [*getattr(self, "said", ()), data]
        super().send(data)


def _heard(folder: Path) -> list[bytes]:
    line = _Listening(Served(lab.EmulatedMLP([2, 2, 1])).connection)
    with Remote(line) as remote:
        remote.read_parameters()
        remote.write_parameters(np.zeros(9, np.float32))
    return [*line.said, b"".join(line.said)]


def _server(folder: Path, data: bytes, drawn: bool) -> Any:
    return Served(lab.EmulatedMLP([2, 2, 1])).connection()(data)


READERS = (
    Reader(
        "recording", _recordings, _recording, mutations.lines_of, (LinkLost, OSError)
    ),
    Reader("calibration.json", _calibrations, _calibration, mutations.json_of),
    Reader("frames", _frames, _frame),
    Reader("messages", _messages, _message),
    Reader("served device", _heard, _server),
)
