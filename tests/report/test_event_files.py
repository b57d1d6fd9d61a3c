"""Event files: read back record by record, and no step twice after a resumption."""

import re
import struct

import numpy as np
import pytest

from plexgrad.core.extras import install
from plexgrad.report import event_files
from plexgrad.report.event_files import EventFiles
from plexgrad.training.progress import Progress

event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")


@pytest.fixture(autouse=True)
def _eager(monkeypatch):
    monkeypatch.setattr(event_files, "EVERY_S", 0.0)


def glance(slot, phase="train", state="running"):
    cost, accuracy = np.array([1 / (1 + slot)]), np.array([0.5])
    more = {"calls": 2 * slot, "busy_s": slot / 100, "retries": 3}
    return Progress(
        phase, slot, 100, 2 * slot, slot / 10, cost, accuracy, 0, state, more
    )


def events(file):
    """The events of a file: length, checksum, event, checksum, again and again."""
    data = file.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        yield event_pb2.Event.FromString(data[12 : 12 + length])
        data = data[16 + length :]


def steps(folder, tag):
    """Steps and values as TensorBoard shows them: a new session voids later steps."""
    found = {}
    for file in sorted(folder.glob("events.out.tfevents.*"), key=_opened):
        for event in events(file):
            if event.HasField("session_log"):
                found = {k: v for k, v in found.items() if k < event.step}
            for value in event.summary.value:
                if value.tag == tag:
                    assert event.step not in found
                    found[event.step] = value.simple_value
    return found


def _opened(file):
    return file.stat().st_mtime_ns


def test_they_hold_what_was_seen(tmp_path):
    with EventFiles(tmp_path) as it:
        for slot in (0, 10, 20):
            it(glance(slot))
        it(glance(20, state="paused"))
        it(glance(0, "backpropagation"))
    assert steps(tmp_path, "cost") == pytest.approx({0: 1, 10: 1 / 11, 20: 1 / 21})
    assert list(steps(tmp_path, "device/retries").values()) == [3, 3, 3]
    assert list(steps(tmp_path, "device/round_trip_s")) == [10, 20]
    assert list(steps(tmp_path / "backpropagation", "test_accuracy")) == [0]


def test_no_step_is_there_twice_after_a_resumption(tmp_path):
    with EventFiles(tmp_path) as it:
        for slot in (0, 10, 20, 30, 40):
            it(glance(slot))
    with EventFiles(tmp_path, resume=True) as it:
        for slot in (20, 35, 50):
            it(glance(slot))
    assert list(steps(tmp_path, "cost")) == [0, 10, 20, 35, 50]
    with EventFiles(tmp_path) as it:
        it(glance(7))
    assert list(steps(tmp_path, "cost")) == [7]


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=re.escape(install("tensorboard"))):
        EventFiles(tmp_path)
