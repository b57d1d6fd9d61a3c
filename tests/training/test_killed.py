"""A run that is killed at any moment goes on and ends as if it had never stopped.

Every child process trains two seeds, each on its own JAX device, by perturbation and
then by backpropagation, with windows cut into chunks, Adam, and a scheduled rate.
"""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import plexgrad as pg
from tests.children import PATIENCE_S, end, ended

from .helpers import close_finals, same_record

SCRIPT = """
import sys, time
import plexgrad as pg
from plexgrad.training import run

run.BLOCK_FLOATS = 30  # some 13 slots at once: a window takes several chunks
pg.train(
    pg.chips.Simulated(pg.nets.MLP([2, 2, 1])),
    pg.data.load("xor"),
    estimator=pg.estimators.WeightPerturbation(pg.codes.Rademacher(0.1)),
    rule=pg.Rule("adam", learning_rate={
        "schedule": "exponential_decay", "init_value": 0.05,
        "transition_steps": 50, "decay_rate": 0.9,
    }),
    clock=pg.Clock(tau_p=2, tau_x=3, tau_theta=32),
    slots=6400, key=5, seeds=2, points=60, backpropagation=True,
    out=sys.argv[1], resume=True, checkpoint_s=1e-3,
    watch=lambda glance: time.sleep(float(sys.argv[2])),
)
"""
FILES = "checkpoint.npz", "checkpoint-backpropagation.npz"


def start(folder, devices=2, pause=0.0):
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)}
    command = [sys.executable, "-c", SCRIPT, str(folder), str(pause)]
    return subprocess.Popen(command, env=environment)


def state_of(path):
    with np.load(path) as file:
        times = {"progress_seconds", "progress_compile_s"}
        return {name: file[name] for name in file.files if name not in times}


def grows(path, process, seconds=PATIENCE_S):
    """Wait until a file is written anew."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    until = time.monotonic() + seconds
    while not path.exists() or path.stat().st_mtime_ns == before:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folders of two runs that were never stopped: on one device, and on two."""
    folders = [tmp_path_factory.mktemp(f"devices{n}") for n in (1, 2)]
    running = [start(folder, n) for n, folder in enumerate(folders, 1)]
    assert ended(running) == [0, 0]
    return folders


@pytest.mark.slow
def test_one_device_and_two_come_to_the_same(whole):
    one, two = map(pg.Record.load, whole)
    assert "1 JAX device" in one.extra["machine"]
    assert "2 JAX device" in two.extra["machine"]
    close_finals(one, two, rtol=1e-4)
    close_finals(one.reference, two.reference, rtol=1e-4)


@pytest.mark.slow
def test_a_run_killed_many_times_ends_bit_for_bit_the_same(whole, tmp_path):
    chance = random.Random(1)
    for file in (FILES[0], FILES[0], FILES[1]):
        process = start(tmp_path, pause=0.03)
        try:
            grows(tmp_path / file, process)
            time.sleep(chance.uniform(0, 0.3))
        finally:
            end(process)
        assert process.returncode == -signal.SIGKILL
        assert pg.Record.load(tmp_path).status == "running"
    assert ended([start(tmp_path)]) == [0]
    for file in FILES:
        expected, found = state_of(whole[1] / file), state_of(tmp_path / file)
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    same_record(pg.Record.load(tmp_path), pg.Record.load(whole[1]))
    kept = {name.replace(".npz", ".previous.npz") for name in FILES}
    left = {path.name for path in tmp_path.iterdir() if path.name[0] != "."}
    assert left - kept == {"record.json", "params.npz", *FILES}
