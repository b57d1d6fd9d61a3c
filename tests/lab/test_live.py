"""A run on a device while it is watched: paused, gone on with, stopped, and killed."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.core.record import Record
from plexgrad.training import live
from plexgrad.training.following import Followed
from tests.children import PATIENCE_S

XOR = pg.data.load("xor")
TERMS = {
    "estimator": pg.estimators.WeightPerturbation(
        pg.codes.Rademacher(0.02), "antithetic"
    ),
    "rule": pg.Rule("sgd", learning_rate=0.5),
    "slots": 60,
    "key": 5,
    "batch": 2,
    "points": 3,
}


class Slow(lab.EmulatedMLP):
    """A chip that takes its time, and remembers what it was asked for."""

    def __init__(self):
        super().__init__([2, 2, 1])
        self.calls, self.at = [], {}

    def measure(self, *args, **more):
        self.calls.append("measure")
        time.sleep(0.002)
        for count, act in self.at.items():
            if len(self.calls) == count:
                act()
        return super().measure(*args, **more)

    def read_parameters(self):
        self.calls.append("read")
        return super().read_parameters()


def run(device, folder=None, **more):
    return lab.train(device, XOR, **{**TERMS, "out": folder, **more})


def waited_for(condition, seconds=PATIENCE_S):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def _eager(monkeypatch):
    monkeypatch.setattr("plexgrad.lab.loop.WATCH_S", 0.0)
    monkeypatch.setattr("plexgrad.lab.loop.AWAKE_S", 0.05)


def test_a_pause_changes_nothing_and_nothing_is_perturbed(tmp_path):
    plain = Slow()
    wanted = run(plain)
    device, run_, seen = Slow(), Followed(tmp_path), {}

    def ask_and_look():
        waited_for(lambda: run_.poll() and run_.state() == "paused")
        before = len(device.calls)
        theta = device.theta.copy()
        time.sleep(0.3)
        seen["calls"] = set(device.calls[before:])
        seen["same"] = np.array_equal(device.theta, theta)
        run_.ask("resume")

    other = threading.Thread(target=ask_and_look)
    device.at = {20: lambda: (run_.ask("pause"), other.start())}
    found = run(device, tmp_path)
    other.join()
    assert seen == {"calls": {"read"}, "same": True}
    np.testing.assert_array_equal(device.theta, plain.theta)
    for name in wanted.curves.keys() - {"seconds"}:
        np.testing.assert_array_equal(found.curves[name], wanted.curves[name])
    run_.poll()
    assert run_.state() == "finished"
    assert "paused" in [line["state"] for line in run_.lines]
    assert found.throughput["seconds"] < 10


def test_a_stop_leaves_what_can_be_gone_on_with(tmp_path):
    plain = Slow()
    wanted = run(plain)
    device, run_ = Slow(), Followed(tmp_path)
    device.at = {30: lambda: run_.ask("stop")}
    stopped = run(device, tmp_path)
    run_.poll()
    assert run_.state() == Record.load(tmp_path).status == stopped.status == "stopped"
    assert stopped.extra["ended"]["why"] == "a stop was asked for in its folder"
    assert stopped.extra["ended"]["whole"]
    done = run_.lines[-1]["slot"]
    assert 0 < done < 60
    device.power_cut()
    found = run(device, tmp_path, resume=True)
    np.testing.assert_array_equal(device.theta, plain.theta)
    np.testing.assert_array_equal(found.curves["test_cost"], wanted.curves["test_cost"])
    run_.poll()
    slots = [line["slot"] for line in run_.lines]
    assert slots == sorted(slots)
    assert slots[0] == 0
    assert run_.state() == "finished"


def test_a_stop_while_paused(tmp_path):
    device, run_ = Slow(), Followed(tmp_path)

    def then_stop():
        waited_for(lambda: run_.poll() and run_.state() == "paused")
        run_.ask("stop")

    other = threading.Thread(target=then_stop)
    device.at = {20: lambda: (run_.ask("pause"), other.start())}
    assert run(device, tmp_path).status == "stopped"
    other.join()
    assert (tmp_path / "checkpoint.npz").is_file()


def test_a_device_that_is_lost_is_told_and_can_be_given_up(tmp_path):
    device, states = Slow(), []

    def cut():
        device.power_cut()
        device.open = lost

    def lost():
        raise lab.device.LinkLost("nobody")

    def watch(glance):
        states.append(glance.state)
        if glance.state == "waiting":
            raise KeyboardInterrupt

    device.at = {30: cut}
    with pytest.raises(KeyboardInterrupt):
        run(device, tmp_path, watch=watch)
    assert states[-1] == "waiting"
    assert Record.load(tmp_path).status == "stopped"
    del device.open
    device.at = {}
    found = run(device, tmp_path, resume=True)
    assert found.status == "finished"


def test_lines_tell_the_accounts_of_the_device(tmp_path):
    run(Slow(), tmp_path)
    run_ = Followed(tmp_path)
    assert run_.poll()
    last = run_.lines[-1]
    assert (last["slot"], last["slots"], last["steps"]) == (60, 60, 60)
    assert last["writes_max"] == 61
    assert last["retries"] == last["drift"] == 0
    assert run_.about["chip"].endswith("EMU-0001, firmware 1")


def test_requests_that_mean_nothing_are_dropped(tmp_path):
    it = live.Live(tmp_path, {})
    (tmp_path / live.REQUEST).write_text("explode\n")
    with pytest.warns(UserWarning, match="it is ignored"):
        assert it.asked() == ""
    live.ask(tmp_path, "pause")
    assert (it.asked(), it.asked()) == ("pause", "")
    with pytest.raises(ValueError, match="request must be one of"):
        live.ask(tmp_path, "explode")


CHILD = """
import sys
from tests.lab import test_live
test_live.run(test_live.Slow(), sys.argv[1], checkpoint_s=0.05, slots=400)
"""


def test_a_killed_run_goes_on_though_the_device_has_lost_its_power(tmp_path):
    words = [sys.executable, "-W", "ignore", "-c", CHILD, str(tmp_path)]
    child = subprocess.Popen(words)
    run_ = Followed(tmp_path, child.pid)
    try:
        waited_for(lambda: run_.poll() and run_.lines[-1]["slot"] > 50)
    finally:
        child.kill()
        child.wait()
    assert Record.load(tmp_path).status == "running"
    assert 0 < run_.lines[-1]["slot"] < 400
    plain, device = (lab.EmulatedMLP([2, 2, 1], seed=seed) for seed in (0, 1))
    found = run(device, tmp_path, resume=True, slots=400)
    wanted = run(plain, slots=400)
    np.testing.assert_array_equal(device.theta, plain.theta)
    np.testing.assert_array_equal(found.curves["test_cost"], wanted.curves["test_cost"])
    followed = Followed(tmp_path)
    followed.poll()
    slots = [line["slot"] for line in followed.lines]
    assert slots == sorted(slots)
    assert followed.state() == "finished"
