"""The live record: whole lines, of bounded length, resumable, telling who is dead."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from plexgrad.core.files import NotWritten
from plexgrad.training import live
from plexgrad.training.following import Followed, left_s, rate
from plexgrad.training.progress import Progress
from tests.children import PATIENCE_S


def glance(slot, phase="train", state="running", slots=1000, **more):
    cost, accuracy = np.array([1 / (1 + slot)]), np.array([0.5, np.nan])
    seconds = slot / 100
    return Progress(
        phase, slot, slots, 2 * slot, seconds, cost, accuracy, 0, state, more
    )


def lines(folder):
    return live.read(folder / live.FILE)[1]


def test_it_is_read_as_it_grows(tmp_path):
    it, seen = live.Live(tmp_path, {"task": "xor"}, every_s=0), Followed(tmp_path)
    with pytest.raises(FileNotFoundError):
        seen.poll()
    for slot in range(0, 1001, 100):
        it(glance(slot, calls=slot, busy_s=slot / 1000))
        assert seen.poll()
        assert not seen.poll()
        assert seen.lines[-1]["slot"] == slot
    assert seen.about["task"] == "xor"
    assert seen.state() == "running"
    assert rate(seen.lines, "slot") == pytest.approx(100)
    assert rate(seen.lines, "busy_s", "calls") == pytest.approx(1e-3)
    assert left_s(seen.lines[:6]) == pytest.approx(5)
    it.end("finished")
    seen.poll()
    assert seen.state() == "finished"
    assert seen.lines[-1]["accuracy"] == 0.5


def test_it_is_told_rarely_but_changes_and_the_end_at_once(tmp_path):
    it = live.Live(tmp_path, {}, every_s=60)
    for slot in range(100):
        it(glance(slot))
    it(glance(100, state="paused"))
    it(glance(1000, state="paused"))
    assert [line["slot"] for line in lines(tmp_path)] == [0, 100, 1000]


def test_a_long_run_keeps_every_second_line(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "MOST", 20)
    it, seen = live.Live(tmp_path, {}, every_s=0), Followed(tmp_path)
    for slot in range(200):
        it(glance(slot))
        seen.poll()
        assert seen.lines[-1]["slot"] == slot
    slots = [line["slot"] for line in lines(tmp_path)]
    assert len(slots) <= 21
    assert slots == sorted(slots)
    assert slots[0] == 0
    assert slots == [line["slot"] for line in seen.lines]


def test_half_a_line_is_not_read(tmp_path):
    it, seen = live.Live(tmp_path, {}, every_s=0), Followed(tmp_path)
    it(glance(1))
    whole = json.dumps({**lines(tmp_path)[-1], "slot": 2}).encode()
    with (tmp_path / live.FILE).open("ab", buffering=0) as file:
        file.write(whole[:9])
        seen.poll()
        assert [line["slot"] for line in seen.lines] == [1]
        assert len(lines(tmp_path)) == 1
        file.write(whole[9:] + b"\nnonsense\n")
        seen.poll()
    assert [line["slot"] for line in seen.lines] == [1, 2]


def test_what_a_killed_run_was_ahead_of_its_checkpoint_goes(tmp_path):
    it = live.Live(tmp_path, {}, every_s=0)
    for slot in (0, 10, 20, 30):
        it(glance(slot))
    again = live.Live(tmp_path, {}, resume=True, every_s=0)
    for slot in (20, 30, 40):
        again(glance(slot))
    assert [line["slot"] for line in lines(tmp_path)] == [0, 10, 20, 30, 40]
    again(glance(0, "backpropagation"))
    third = live.Live(tmp_path, {}, resume=True, every_s=0)
    third(glance(40))
    assert [line["slot"] for line in lines(tmp_path)] == [0, 10, 20, 30, 40]
    live.Live(tmp_path, {}, every_s=0)(glance(0))
    assert len(lines(tmp_path)) == 1


CHILD = """
import sys, time
from pathlib import Path
from tests.training.test_live_record import glance, live
it = live.Live(Path(sys.argv[1]), {}, every_s=0.02)
while True:
    it(glance(5))
    time.sleep(0.02)
"""


def test_a_killed_run_is_told_from_a_silent_one(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", CHILD, tmp_path])
    seen, until = Followed(tmp_path), time.monotonic() + PATIENCE_S
    while not (tmp_path / live.FILE).exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    try:
        assert seen.poll()
        assert seen.state() == "running"
    finally:
        child.kill()
    time.sleep(0.3)  # it is not waited for: a zombie is dead
    seen.poll()
    assert seen.state() == "killed"
    child.wait()
    assert seen.state() == "killed"
    seen.about["host"] = "another"
    assert seen.state() == "silent"


def test_a_process_that_got_the_number_is_another(tmp_path):
    it = live.Live(tmp_path, {}, every_s=0)
    it(glance(5))
    seen = Followed(tmp_path)
    seen.poll()
    seen.lines[-1]["at"] -= 100
    seen.about["every_s"] = 0.5
    assert seen.state() == "running"
    seen.about["born"] = "1"
    assert seen.state() == "killed"


def test_a_simulated_run_holds_and_stops(tmp_path, monkeypatch):
    it = live.Live(tmp_path, {}, every_s=0)
    watch, naps = live.steered(it), []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            live.ask(tmp_path, "resume")

    monkeypatch.setattr(live.time, "sleep", nap)
    live.ask(tmp_path, "pause")
    live.together(watch, None)(glance(1))
    assert len(naps) == 3
    assert [line["state"] for line in lines(tmp_path)][:2] == ["running", "paused"]
    live.ask(tmp_path, "stop")
    assert live.together(watch, None)(glance(2)) == live.ASKED


def a_pipe(path):
    os.mkfifo(path)


def a_folder(path):
    path.mkdir()


def a_link(path):
    path.symlink_to("/dev/zero")


def bytes_of(content):
    return lambda path: path.write_bytes(content)


@pytest.mark.parametrize(
    "make",
    [
        a_pipe,
        a_folder,
        a_link,
        *map(bytes_of, (b"\xff\xfe", b"", b"explode", b"stop" * 99)),
    ],
)
def test_a_request_that_is_none_is_ignored_with_a_line(tmp_path, make):
    it = live.Live(tmp_path, {})
    make(tmp_path / live.REQUEST)
    with pytest.warns(UserWarning, match="request must be .*; it is ignored"):
        assert it.asked() == ""
    assert it.asked() == ""
    live.Live(tmp_path, {})
    assert it.asked() == ""


def test_a_full_disk_loses_lines_for_a_while_and_ends_no_run(tmp_path, monkeypatch):
    it = live.Live(tmp_path, {}, every_s=0)
    it(glance(0))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "open", full)
        patch.setattr(live, "write_atomically", full)
        with pytest.warns(NotWritten, match="the run goes on: .*No space"):
            it(glance(10))
        it(glance(20))
    with (tmp_path / live.FILE).open("ab") as file:
        file.write(b'{"half')
    it(glance(30))
    it.end("finished")
    assert [line["slot"] for line in lines(tmp_path)] == [0, 10, 20, 30, 30]


def test_a_clock_that_was_set_back_hides_no_killed_run(tmp_path):
    it, seen = live.Live(tmp_path, {}, every_s=0), Followed(tmp_path)
    it(glance(5))
    seen.poll()
    seen.lines[-1]["at"] += 1e6
    assert seen.state() == "running"
    seen.about["boot"] = "another"
    assert seen.state() == "killed"
