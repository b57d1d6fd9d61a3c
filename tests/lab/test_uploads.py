"""Samples in parts: over every link, gone on with after faults, or refused."""

from dataclasses import replace

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab import frames, messages, remote
from plexgrad.lab.bench import Bench
from plexgrad.lab.device import LinkLost, Refused
from plexgrad.lab.find import device_at
from plexgrad.lab.messages import Command, Reader
from plexgrad.lab.remote import Remote
from plexgrad.lab.serve import serve
from plexgrad.lab.server import Served
from plexgrad.lab.transports.faulty import Faulty
from plexgrad.lab.transports.in_process import InProcess
from plexgrad.lab.uploads import Part, mark

PART = 1024


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(remote, "PART_BYTES", PART)


def chip():
    return lab.EmulatedMLP([2, 2, 1])


def samples(count=3000, seed=0):
    random = np.random.default_rng(seed)
    return random.random((count, 2), np.float32), random.random((count, 1), np.float32)


def opened(served):
    device = Remote(InProcess(served.connection))
    device.open()
    return device


def held(served, key="train"):
    return served.device.held[key]


@pytest.mark.parametrize("at", ["tcp://127.0.0.1:0", "zmq://127.0.0.1:0", "pty"])
def test_a_run_with_samples_in_parts_is_the_one_without_a_link(at):
    if at.startswith("zmq"):
        pytest.importorskip("zmq")
    data = pg.data.load("xor")
    (x, y), test = samples(2000), samples(200, 1)
    data = replace(data, x_train=x, y_train=y, x_test=test[0], y_test=test[1])
    given = {
        "estimator": pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(0.02), "antithetic"
        ),
        "rule": pg.Rule("sgd", learning_rate=0.5),
        "slots": 20,
        "key": 0,
        "points": 1,
        "batch": 4,
    }
    here, there, seen = chip(), chip(), []
    lab.train(here, data, **given)
    with serve(there, at) as listener:
        lab.train(device_at(listener.url), data, **given, loading=seen.append)
    np.testing.assert_array_equal(here.theta, there.theta)
    loading = [(each.slot, each.slots) for each in seen if each.phase == "load"]
    assert loading[0] == (0, 2000)
    assert loading[-1] == (200, 200)
    assert len(loading) > 20


def test_a_fault_costs_a_part_and_not_the_set():
    served = Served(chip())
    device = opened(served)
    x, y = samples()
    plain = device.link.bytes_out
    device.load_samples(x, y, "train")
    plain = device.link.bytes_out - plain
    faulty = Faulty(InProcess(Served(chip()).connection), 0.0, 3)
    device = Remote(faulty)
    device.open()
    before, faulty.rate = device.link.bytes_out, 0.2
    device.load_samples(x, y, "train")
    assert sum(faulty.injected.values()) > 5
    assert device.link.bytes_out - before < 2 * plain


def test_a_link_that_was_lost_is_gone_on_with(monkeypatch):
    served, told = Served(chip()), []
    bench = Bench(Remote(InProcess(served.connection), attempts=2))
    bench.open()
    send, sent = bench.device.transport.send, []

    def fails(data):
        sent.append(data)
        if 10 < len(sent) < 16:
            bench.device.transport.close()
            raise LinkLost("pulled out")
        send(data)

    monkeypatch.setattr(bench.device.transport, "send", fails)
    bench.device.on_loading = lambda done, total: told.append(done)
    x, y = samples()
    bench.load(x, y, "train")
    assert bench.accounts.recoveries == 1
    assert told == sorted(told)
    assert told.count(0) == 1
    np.testing.assert_array_equal(held(served)[0], x)
    np.testing.assert_array_equal(held(served)[1], y)


def test_what_is_held_is_not_sent_again_until_the_device_has_lost_it():
    served = Served(chip())
    device = opened(served)
    x, y = samples()
    device.load_samples(x, y, "train")
    before = device.link.bytes_out
    device.load_samples(x, y, "train")
    assert device.link.bytes_out - before < 100
    served.restart()
    served.device.held.clear()
    device.open()
    device.load_samples(x, y, "train")
    np.testing.assert_array_equal(held(served)[0], x)
    device.close()
    before = device.link.bytes_out
    device.open()
    device.load_samples(x, y, "train")
    assert device.link.bytes_out - before > x.nbytes
    few = samples(3, 1)
    device.load_samples(*few, "train")
    device.load_samples(x, y, "train")
    np.testing.assert_array_equal(held(served)[0], x)


def test_a_half_set_is_nowhere_and_goes_with_its_host():
    served = Served(chip())
    device = opened(served)
    x, y = samples(100)
    half = Part("train", 100, mark(x, y), 0, x[:50], y[:50])
    assert device._have(half) == 50
    assert "train" not in served.device.held
    assert device._have(half) == 50
    later = Part("train", 100, mark(x, y), 80, x[80:], y[80:])
    assert device._have(later) == 50
    device.close()
    other = opened(served)
    assert other._have(Part("train", 100, mark(x, y), 50, x[50:], y[50:])) == 0
    assert "train" not in served.device.held
    assert served.desk.uploads.have == 0


def test_one_set_at_a_time_is_kept():
    served = Served(chip())
    device = opened(served)
    sets = [samples(100, seed) for seed in range(2)]
    parts = [Part("train", 100, mark(*s), 0, s[0][:50], s[1][:50]) for s in sets]
    assert [device._have(part) for part in parts] == [50, 50]
    assert served.desk.uploads.have == 50
    device.load_samples(*sets[0], "train")
    np.testing.assert_array_equal(held(served)[0], sets[0][0])


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Part("train", 2**31, b"8" * 8), "bytes of samples held must be"),
        (Part("train", 0, b"8" * 8), "must have one at least"),
        (Part("train", 3, b"8" * 8, 0, *samples(5)), "samples must be 3 at most"),
        (Part("train", 9, b"8" * 8, 0, *samples(4)[::-1]), "inputs must be"),
        (Part("train", 9, b"8" * 8, 0, samples(4)[0], None), "or neither"),
    ],
)
def test_a_set_that_cannot_be_held_is_refused_with_numbers(part, said):
    served = Served(chip())
    with pytest.raises(Refused, match=said):
        opened(served)._have(part)
    assert served.desk.uploads.have == 0


def test_the_device_s_own_limit_is_kept():
    limited = chip()
    limited.capabilities = replace(limited.capabilities, max_samples=200)
    device = opened(Served(limited))
    with pytest.raises(Refused, match="samples held must be 200 at most, got 201"):
        device.load_samples(*samples(201), "train")
    device.load_samples(*samples(200), "train")


def test_any_bytes_are_a_part_or_are_refused():
    random = np.random.default_rng(0)
    whole = Part("train", 9, b"8" * 8, 0, *samples(4)).encode()
    desk = Served(chip()).desk
    for _ in range(2000):
        wrong = bytearray(whole[: random.integers(len(whole) + 1)])
        for _ in range(random.integers(4)):
            if wrong:
                wrong[random.integers(len(wrong))] = random.integers(256)
        try:
            desk.part(Reader(bytes(wrong)))
        except ValueError:
            continue


def test_a_request_that_is_too_long_is_refused_before_it_is_sent(monkeypatch):
    device = opened(Served(chip()))
    monkeypatch.setattr(frames, "MAX_FRAME", 4000)
    out = device.link.bytes_out
    rows = np.ones((1000, 9), np.float32)
    with pytest.raises(
        ValueError, match="a frame must be 4000 bytes at most, got 36119"
    ):
        device.measure(rows, lab.Shown(*(a[None] for a in samples(4))))
    assert device.link.bytes_out == out


def test_an_answer_that_is_too_long_is_refused_with_its_size(monkeypatch):
    device = opened(Served(chip()))
    shown = lab.Shown(*(a[None] for a in samples(50)))
    rows = np.zeros((30, 9), np.float32)
    monkeypatch.setattr(frames, "MAX_FRAME", 4000)
    with pytest.raises(Refused, match="the answer: a frame must be 4000 bytes at mo"):
        device.measure(rows, shown, "outputs")
    assert device.read_parameters().shape == (9,)


def test_without_parts_a_set_beyond_a_frame_is_refused_with_numbers(monkeypatch):
    """As of a device that speaks version 1."""
    transport = InProcess(Served(chip()).connection)
    transport.version = 1
    device = Remote(transport)
    device.open()
    device.load_samples(*samples(), "train")
    monkeypatch.setattr(frames, "MAX_FRAME", 4000)
    with pytest.raises(ValueError, match="a frame must be 4000 bytes at most"):
        device.load_samples(*samples(), "train")


def test_samples_of_bits_stay_bytes_in_parts():
    served = Served(chip())
    device = opened(served)
    x, y = (np.float32(a > 0.5) for a in samples(1000))
    before = device.link.bytes_out
    device.load_samples(x, y, "train")
    assert device.link.bytes_out - before < 6000
    np.testing.assert_array_equal(held(served)[0], x)
    assert messages.narrow(x).dtype == np.uint8
    assert Command.PART == 10


@pytest.mark.parametrize("counts", [[0, 1], [5], [b""]])
def test_a_device_that_takes_no_samples_in_for_good_is_given_up(counts, monkeypatch):
    device, asked = opened(Served(chip())), []

    def ask(self, command, *_):
        asked.append(command)
        if len(asked) > 100:
            raise AssertionError("asked for ever")
        said = counts[len(asked) % len(counts)]
        return said if isinstance(said, bytes) else messages.NUMBER.pack(said)

    monkeypatch.setattr(Remote, "_ask", ask)
    with pytest.raises(LinkLost, match=r"must take in 3000 samples|by a number"):
        device.load_samples(*samples(), "train")
