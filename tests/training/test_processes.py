"""Two processes on one machine train as one, and none is left waiting."""

import json
import re
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import plexgrad as pg
from plexgrad.training import processes
from tests.children import PATIENCE_S, end, ended
from tests.once import made_once

from .helpers import same_record
from .test_devices import worker

FILES = "checkpoint.npz", "checkpoint-backpropagation.npz"


def free_port():
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def in_processes(folder):
    port = free_port()
    for number in range(2):
        (folder / f"process{number}").mkdir()
    running = [worker(folder, port, number, devices=1) for number in range(2)]
    running.append(worker(folder, "whole", devices=2))
    assert ended(running) == [0, 0, 0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes of one device, and one process of two devices, leave."""
    return made_once(tmp_path_factory, "processes", in_processes)


@pytest.fixture(scope="module")
def told(folder):
    """What each process told."""
    paths = [folder / f"process{number}" / "told.json" for number in range(2)]
    return [json.loads(path.read_text()) for path in paths]


@pytest.mark.slow
def test_two_processes_end_with_the_bits_of_one(folder):
    for file in FILES:
        with (
            np.load(folder / "whole" / file) as one,
            np.load(folder / "process0" / file) as two,
        ):
            assert set(one.files) == set(two.files)
            for name in one.files:
                if name not in ("progress_seconds", "progress_compile_s"):
                    np.testing.assert_array_equal(two[name], one[name], err_msg=name)
    same_record(*(pg.Record.load(folder / name) for name in ("whole", "process0")))


def test_slots_are_shared_by_processes_and_an_exact_gradient_is_repeated(told):
    shared, repeated = told[0]["split"]
    assert "in 2 processes; the slots of a seed shared by 2" in shared
    assert "the same work repeated by 2" in repeated


def test_all_processes_get_the_same_results(told):
    for name in ("cost", "two costs", "split", "two seeds"):
        assert told[0][name] == told[1][name]
    assert "seeds dealt to 2" in told[0]["two seeds"]
    # The first of two seeds is the run with one seed, though not to the last bit.
    np.testing.assert_allclose(told[0]["two costs"][0], told[0]["cost"][0], rtol=1e-5)


def test_one_process_may_ask_all_to_stop_and_they_go_on_together(told):
    assert [told[n]["stopped"] for n in range(2)] == ["KeyboardInterrupt: "] * 2
    assert [told[n]["glances"] for n in range(2)] == [4, 4]


def test_only_process_0_writes(folder):
    left = {path.name for path in (folder / "process1").iterdir()}
    assert left == {"told.json"}


def test_what_cannot_be_is_refused_by_all(told):
    for number in range(2):
        assert "same run, got another one in process 1" in told[number]["other run"]
        refused = told[number]["other resumed"]
        assert re.search("must hold the run to resume; it differs in slots", refused)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("localhost:1", 2, 2), "process must be .* got 2"),
        (("localhost:1", 0, 0), "processes must be .* got 0"),
        (("localhost", 0, 2), "coordinator must be HOST:PORT, got 'localhost'"),
    ],
)
def test_processes_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        processes.join(*arguments)


def start(port, process, slots, *more):
    command = [str(Path(sysconfig.get_path("scripts")) / "plexgrad"), "train", "xor"]
    command += ["--slots", str(slots), "--tau-theta", "32", "--tau-x", "32"]
    command += ["--seeds", "1", "--devices", "1", "--no-backprop", "--json"]
    command += ["--coordinator", f"localhost:{port}", "--process", str(process)]
    command += ["--processes", "2", *map(str, more)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.slow
def test_the_command_line_trains_in_two_processes(tmp_path):
    port, out = free_port(), tmp_path / "run"
    running = [start(port, number, 640, "--out", out) for number in range(2)]
    try:
        (told, news), (nothing, _) = (
            p.communicate(timeout=PATIENCE_S) for p in running
        )
    finally:
        end(*running)
    assert [process.returncode for process in running] == [0, 0], news
    assert json.loads(told)["status"] == "finished"
    assert "100 %" in news
    assert nothing == ""
    assert "2 processes" in pg.Record.load(out).extra["split"]


@pytest.mark.slow
def test_when_a_process_is_killed_the_other_ends_and_says_how_to_go_on(tmp_path):
    port, out = free_port(), tmp_path / "run"
    running = [start(port, number, 10**8, "--out", out) for number in range(2)]
    line = running[0].stderr.readline()
    while line and not re.search(" [1-9]+ %|eval/s", line):
        line = running[0].stderr.readline()
    running[1].kill()
    try:
        _, news = running[0].communicate(timeout=PATIENCE_S)
        running[1].communicate(timeout=PATIENCE_S)
    finally:
        end(*running)
    assert running[0].returncode == 4, news
    assert "another process has ended" in news
    assert f"--resume {out}" in news


def test_half_of_the_options_is_refused():
    command = "import sys; from plexgrad.cli import main; main()"
    words = [sys.executable, "-c", command, "train", "xor", "--processes", "2"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert "must be given together" in done.stderr
