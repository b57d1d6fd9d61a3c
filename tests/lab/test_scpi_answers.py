"""SCPI answers that come late, twice, broken or never: matched to their questions."""

import itertools
import time

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.device import LinkLost
from plexgrad.lab.scpi import Instrument, ScpiDevice, commands
from plexgrad.lab.scpi.dialogue import ECHOES, joined
from plexgrad.lab.scpi.visa import VisaLine
from plexgrad.lab.transports.in_process import InProcess
from plexgrad.lab.transports.tcp import TCP, TCPListener

XOR = pg.data.load("xor")
FAULTS = ("drop", "twice", "late", "late and twice", "garbage", "splice")


def chip():
    return lab.EmulatedMLP([2, 2, 1])


class Gateway:
    """A line whose answers are lost, doubled, kept back and mixed up, by a seed.

    What it keeps back comes out later, before, among or long after others, and after
    a new connection too. It begins once a run has been opened.
    """

    drains = True

    def __init__(self, instrument, seed, rate=0.3, faults=FAULTS):
        self.inner = InProcess(instrument.connection)
        self.url, self.rate, self.faults = "a gateway", rate, faults
        self.random = np.random.default_rng(seed)
        self.late = []
        self.injected, self.sound = 0, 8

    def open(self):
        self.inner.open()

    def close(self):
        self.inner.close()

    def send(self, data):
        self.inner.send(data)

    def receive(self, timeout_s):
        told, late = self.inner.receive(timeout_s), b""
        while self.late and self.random.random() < 0.4:
            late += self.late.pop(self.random.integers(len(self.late)))
        self.sound -= bool(told)
        if not told or self.sound >= 0 or self.random.random() >= self.rate:
            return late + told
        self.injected += 1
        fault = self.faults[self.random.integers(len(self.faults))]
        if "late" in fault:
            self.late.append(told)
        if fault == "splice":
            cut = int(self.random.integers(len(told)))
            return told[:cut] + late + told[cut:]
        shown = {
            "drop": b"",
            "late": b"",
            "twice": told + told,
            "late and twice": told,
            "garbage": self.random.bytes(40) + b"\n" + told,
        }
        return late + shown[fault]


def train(device, slots=30):
    return lab.train(
        device,
        XOR,
        estimator=pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(0.02), "antithetic"
        ),
        rule=pg.Rule("sgd", learning_rate=0.5),
        slots=slots,
        key=0,
        points=2,
        batch=4,
    )


@pytest.fixture(scope="module")
def wanted():
    device = chip()
    train(device)
    return device.theta


@pytest.mark.parametrize("echo", sorted(ECHOES))
@pytest.mark.parametrize("seed", range(6))
def test_a_run_through_a_bad_gateway_ends_as_on_a_good_one(
    seed, echo, wanted, monkeypatch
):
    monkeypatch.setattr(commands, "ECHO", echo)
    served = chip()
    line = Gateway(Instrument(served), seed)
    device = ScpiDevice(line)
    train(device)
    np.testing.assert_array_equal(served.theta, wanted)
    assert line.injected > 3


def test_without_an_echo_what_lies_in_the_line_is_thrown_away(monkeypatch, wanted):
    """Doubled answers are told from others as long as they come at once."""
    monkeypatch.setattr(commands, "ECHO", "")
    served = chip()
    device = ScpiDevice(Gateway(Instrument(served), 1, 0.3, ("twice", "drop")))
    train(device)
    np.testing.assert_array_equal(served.theta, wanted)
    assert device.dialogue.echo == ""


def test_a_late_answer_of_the_same_size_is_not_taken():
    served, kept = chip(), []
    line = InProcess(Instrument(served).connection)
    device = ScpiDevice(line)
    device.open()
    first = device.read_parameters()
    hear = line._line
    line._line = lambda data: kept.append(hear(data)) or b""
    with pytest.raises(LinkLost, match="must answer within"):
        device.read_parameters()
    line.open()
    device.dialogue.up = True
    device.write_parameters(first + 1)
    line._said = kept[0]
    np.testing.assert_array_equal(device.read_parameters(), first + 1)
    assert device.dialogue.stale == 1


def test_another_instrument_is_told_by_its_name():
    first, second = chip(), lab.EmulatedMLP([2, 2, 1], serial="OTHER")
    instruments = itertools.chain(
        [Instrument(first)], itertools.repeat(Instrument(second))
    )
    device = ScpiDevice(InProcess(lambda: next(instruments).connection()))
    device.open()
    device.close()
    device.open()
    assert device.identify().serial == "OTHER"


@pytest.mark.parametrize("said", [b"x" * 997, b"1;2;3\n" * 99, b"#15", b'"'])
@pytest.mark.parametrize("via", ["socket", "visa"])
def test_a_line_that_babbles_hits_the_time_limit(said, via, monkeypatch):
    if via == "visa":
        pytest.importorskip("pyvisa_py")

    class Babbles:
        def answers(self, data):
            until = time.monotonic() + 20
            while time.monotonic() < until:
                time.sleep(0.001)
                yield said

    with TCPListener(lambda: Babbles()) as listener:
        port = int(listener.url.rpartition(":")[2])
        name = f"TCPIP0::127.0.0.1::{port}::SOCKET"
        line = TCP("127.0.0.1", port) if via == "socket" else VisaLine(name)
        device = ScpiDevice(line, timeout_s=0.2)
        began = time.monotonic()
        with pytest.raises(LinkLost, match="must answer within|without being asked"):
            device.open()
        assert time.monotonic() - began < 10
        device.close()


def test_units_are_joined_from_the_root():
    assert joined([b"*CLS", b"W:DATA?", b"*ESE?"]) == b"*CLS;:W:DATA?;*ESE?"
