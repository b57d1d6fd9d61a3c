"""Devices over real links: TCP, a pseudo-terminal, recordings; one host at a time."""

import threading

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab import find
from plexgrad.lab.conform import FAILED, conform
from plexgrad.lab.device import LinkLost, Refused
from plexgrad.lab.remote import Remote
from plexgrad.lab.serve import serve
from plexgrad.lab.server import Served
from plexgrad.lab.transports.in_process import InProcess
from plexgrad.lab.transports.tcp import TCP, TCPListener

XOR = pg.data.load("xor")


def run(device, **more):
    given = {
        "estimator": pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(0.02), "antithetic"
        ),
        "rule": pg.Rule("sgd", learning_rate=0.5),
        "slots": 40,
        "key": 0,
        "points": 2,
        "batch": 4,
    }
    return lab.train(device, XOR, **{**given, **more})


def chip(**more):
    return lab.EmulatedMLP([2, 2, 1], **more)


@pytest.fixture(scope="module")
def wanted():
    device = chip()
    run(device)
    return device.theta


@pytest.mark.parametrize("at", ["tcp://127.0.0.1:0", "pty"])
def test_a_served_chip_is_trained_and_conforms(at, wanted):
    served = chip()
    with serve(served, at) as listener:
        record = run(find.device_at(listener.url))
        np.testing.assert_array_equal(served.theta, wanted)
        assert record.extra["lab"]["link"]["bytes_out"] > 0
        results = conform(find.device_at(listener.url))
        assert [result for result in results if result.status == FAILED] == []


def test_a_server_that_is_killed_and_started_again_is_waited_for(wanted):
    served, listeners, kills = chip(), [], []
    listeners.append(TCPListener(Served(served).connection))
    port = int(listeners[0].url.rpartition(":")[2])

    def kill(glance):
        if glance.slot >= 10 and not kills:
            kills.append(glance.slot)
            listeners[0].close()
            served.power_cut()
            served.open()
            again = threading.Timer(
                0.2,
                lambda: listeners.append(
                    TCPListener(Served(served).connection, port=port)
                ),
            )
            again.start()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plexgrad.lab.loop.WATCH_S", 0.0)
        device = Remote(TCP("127.0.0.1", port), timeout_s=0.5)
        record = run(device, watch=kill)
    listeners[-1].close()
    assert len(listeners) == 2
    assert record.extra["lab"]["recoveries"] == 1
    np.testing.assert_array_equal(served.theta, wanted)


def test_a_device_that_stays_away_is_told_and_the_run_saved(tmp_path):
    listener = TCPListener(Served(chip()).connection)

    def kill(glance):
        listener.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plexgrad.lab.loop.WATCH_S", 0.0)
        device = Remote(TCP.of(listener.url), timeout_s=0.2)
        with pytest.raises(LinkLost, match="did not come back within 0.1 s"):
            run(device, watch=kill, out=tmp_path, patience_s=0.1)
    assert pg.Record.load(tmp_path).status == "stopped"


def test_a_recording_is_a_test_without_the_device(tmp_path, wanted):
    path = tmp_path / "run.jsonl"
    with serve(chip(), "tcp://127.0.0.1:0") as listener:
        first = run(find.device_at(listener.url, record=path))
    again = run(find.device_at(f"replay:{path}"))
    np.testing.assert_array_equal(again.final["test_cost"], first.final["test_cost"])
    assert (
        again.extra["lab"]["link"]["bytes_out"]
        == first.extra["lab"]["link"]["bytes_out"]
    )
    with pytest.raises(ValueError, match="must be send"):
        run(find.device_at(f"replay:{path}"), key=1)


def test_one_host_at_a_time():
    served = Served(chip(), lease_s=60)
    first = Remote(InProcess(served.connection))
    second = Remote(InProcess(served.connection))
    first.open()
    with pytest.raises(BlockingIOError, match="is in use"):
        second.open()
    first.close()
    second.open()
    before = served.device.theta.copy()
    with pytest.raises(BlockingIOError):
        first.open()
    np.testing.assert_array_equal(second.read_parameters(), before)


def test_a_refusal_is_an_error_and_the_next_call_works():
    with Remote(InProcess(Served(chip()).connection)) as remote:
        with pytest.raises(Refused, match="no samples are held under 'nothing'"):
            remote.measure(
                lab.Codes((1, 2), 0, 1, 0.1),
                lab.Shown(handle="nothing", index=np.zeros((1, 1), np.uint32)),
            )
        assert remote.read_parameters().shape == (9,)


def test_a_driver_that_fails_is_named():
    broken = chip()
    broken.read_parameters = lambda: 1 / 0
    with (
        Remote(InProcess(Served(broken).connection)) as remote,
        pytest.raises(RuntimeError, match="ZeroDivisionError"),
    ):
        remote.read_parameters()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nothing", "must be SCHEME:"),
        ("gpib:4", "with one of emulated, .*tcp"),
        ("tcp://here", "an address must be HOST:PORT, got 'here'"),
        ("tcp://127.0.0.1:1?speed=3", "options of tcp are connect_s; got speed"),
        ("emulated:4", "sizes must be joined by dashes"),
        ("emulated:4-2?noise=loud", "noise must be valid, got 'loud'"),
    ],
)
def test_urls_are_refused_by_name(url, said):
    with pytest.raises(ValueError, match=said):
        find.device_at(url)


def test_an_address_that_others_reach_needs_a_word():
    with (
        pytest.raises(ValueError, match="TCP has no keys"),
        serve(chip(), "tcp://0.0.0.0:0"),
    ):
        pass


def test_nobody_there_is_one_clear_error():
    with pytest.raises(OSError, match="nobody"):
        find.device_at("tcp://127.0.0.1:1").open()


def test_drivers_of_others_are_found_by_entry_point(monkeypatch):
    class Point:
        name = "mychip"

        def load(self):
            return lambda url: chip(serial=url)

    monkeypatch.setattr(find, "entry_points", lambda group: [Point()])
    assert find.device_at("mychip:7").identify().serial == "mychip:7"
    monkeypatch.setattr(Point, "load", lambda self: lambda url: 3)
    with pytest.raises(TypeError, match="mychip: must give a Device, got int"):
        find.device_at("mychip:7")
