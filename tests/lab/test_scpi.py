"""A host that trains through SCPI: refusals, time-outs, restarts."""

import sys
import threading
import time

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab import find
from plexgrad.lab.conform import FAILED, conform
from plexgrad.lab.device import LinkLost, Refused, Restarted
from plexgrad.lab.scpi import Instrument, ScpiDevice, VisaDevice, visa
from plexgrad.lab.scpi.commands import COMMANDS
from plexgrad.lab.scpi.syntax import block
from plexgrad.lab.serve import serve
from plexgrad.lab.transports.in_process import InProcess
from plexgrad.lab.transports.tcp import TCPListener

XOR = pg.data.load("xor")
AT = "scpi://127.0.0.1:0"
VIAS = ("visa", "socket")


def chip(**more):
    return lab.EmulatedMLP([2, 2, 1], **more)


@pytest.fixture(params=VIAS)
def via(request):
    if request.param == "visa":
        pytest.importorskip("pyvisa_py")
    return request.param


def run(device, slots=40, **more):
    code = pg.codes.Rademacher(0.02)
    given = {"rule": pg.Rule("sgd", learning_rate=0.5), "slots": slots, "points": 2}
    estimator = pg.estimators.WeightPerturbation(code, "antithetic")
    more = {"key": 0, "batch": 4} | given | more
    return lab.train(device, XOR, estimator=estimator, **more)


def test_an_instrument_is_trained_and_conforms(via):
    served, here = chip(), chip()
    with serve(served, AT) as listener:
        device = find.device_at(f"{listener.url}?via={via}")
        record = run(device)
        run(here)
        np.testing.assert_array_equal(served.theta, here.theta)
        assert record.spec["crossing"] == "updates"
        assert record.extra["lab"]["link"]["retries"] == 0
        assert [r for r in conform(device) if r.status == FAILED] == []
    assert record.final["train_accuracy"].shape == (1,)


@pytest.mark.parametrize("crossing", ["updates", "codes", "arrays"])
def test_every_way_of_training_leads_to_the_same_chip(crossing):
    served, here = chip(), chip()
    run(ScpiDevice(InProcess(Instrument(served).connection)), crossing=crossing)
    run(here, crossing=crossing)
    np.testing.assert_array_equal(served.theta, here.theta)


def test_a_small_net_learns_through_the_instrument():
    served = Instrument(chip(activation="tanh"))
    rule = pg.Rule("sgd", learning_rate=1.0)
    device = ScpiDevice(InProcess(served.connection))
    record = run(device, 250, rule=rule, start=(-2.0, 2.0), key=2)
    assert record.final["test_accuracy"] == 1
    assert record.final["test_cost"] < 0.02


def test_nagles_algorithm_is_off():
    pytest.importorskip("pyvisa_py")
    with serve(chip(), AT) as listener:
        device = find.device_at(listener.url)
        device.open()
        resource = device.line._open
        assert visa.send_at_once(resource)
        resource.timeout, resource.read_termination = 2000, "\n"
        took = []
        for _ in range(60):
            began = time.perf_counter()
            resource.write_raw(b"W:DATA %s\n" % block(np.zeros(9, "<f4")))
            assert resource.query("*OPC?") == "1"
            took.append(time.perf_counter() - began)
        # With it, every pair takes 40 ms, when answers are no longer hurried as at
        # first; a busy machine delays only some.
        assert min(took[30:]) < 0.02
        device.close()
    assert not visa.send_at_once(object())


def test_a_time_out_is_told_and_the_next_call_works(via):
    served, gate = chip(), threading.Event()
    measure, slow = served.measure, threading.Event()

    def stuck(*args, **more):
        if slow.is_set():
            slow.clear()
            gate.wait(60)
        return measure(*args, **more)

    served.measure = stuck
    shown = lab.Shown(XOR.x_train[None], XOR.y_train[None])
    rest = np.zeros((1, 9), np.float32)
    with serve(served, AT) as listener:
        device = find.device_at(f"{listener.url}?via={via}&timeout_s=1")
        device.open()
        before = device.measure(rest, shown).cost
        slow.set()
        began = time.perf_counter()
        with pytest.raises(LinkLost, match="must answer within 1"):
            device.measure(rest, shown)
        assert time.perf_counter() - began < 30
        gate.set()
        np.testing.assert_array_equal(device.measure(rest, shown).cost, before)
        assert device.link.reconnects == 1
        device.close()


def test_an_instrument_that_is_started_again_is_waited_for(via):
    """The host writes parameters and data again, and ends where it would have."""
    here, first, second = chip(), chip(), chip()
    run(here, 40)
    listeners = [TCPListener(Instrument(first).connection)]
    port = int(listeners[0].url.rpartition(":")[2])

    def restart(glance):
        if glance.slot >= 10 and len(listeners) == 1:
            listeners[0].close()
            instrument = Instrument(second)
            listeners.append(TCPListener(instrument.connection, port=port))

    device = find.device_at(f"scpi://127.0.0.1:{port}?via={via}&timeout_s=0.3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plexgrad.lab.loop.WATCH_S", 0.0)
        record = run(device, 40, watch=restart)
    listeners[-1].close()
    assert len(listeners) == 2
    assert record.extra["lab"]["recoveries"] >= 1
    np.testing.assert_array_equal(second.theta, here.theta)


def test_power_that_was_off_is_told():
    served = chip()
    device = ScpiDevice(InProcess(Instrument(served).connection))
    device.open()
    served.power_cut()
    with pytest.raises(Restarted, match="-315: Configuration memory lost"):
        device.read_parameters()
    served.open()
    assert device.read_parameters().shape == (9,)
    instruments = iter([Instrument(chip()), Instrument(chip())])
    device = ScpiDevice(InProcess(lambda: next(instruments).connection()))
    device.open()
    device.close()
    with pytest.raises(Restarted, match="was without power"):
        device.read_parameters()
    assert device.read_parameters().shape == (9,)


def test_what_the_instrument_refuses_is_refused():
    device = ScpiDevice(InProcess(Instrument(chip(updates=False)).connection))
    device.open()
    with pytest.raises(Refused, match="-161: Invalid block data;9 numbers"):
        device.write_parameters(np.zeros(8, np.float32))
    codes = lab.Codes((1, 2), 0, 2, 0.1)
    with pytest.raises(Refused, match="applies no updates"):
        device.update(lab.Update(codes, np.ones(2, np.float32)))
    assert device.read_parameters().shape == (9,)


def test_something_that_speaks_otherwise_is_no_instrument():
    for answer, said in (
        (b"#0\n", "must be a message"),
        (b"hello\n", "must answer within 2 s, got .*hello"),
    ):
        device = ScpiDevice(InProcess(lambda answer=answer: lambda data: answer))
        with pytest.raises(LinkLost, match=said):
            device.open()


@pytest.mark.usefixtures("own_complaints")
def test_urls():
    assert isinstance(find.device_at("visa:GPIB0::12::INSTR?backend=@py"), VisaDevice)
    with pytest.raises(ValueError, match="via must be one of 'visa', 'socket'"):
        find.device_at("scpi://127.0.0.1:5025?via=pigeon")
    with (
        pytest.raises(ValueError, match="TCP has no keys"),
        serve(chip(), "scpi://0.0.0.0:0"),
    ):
        pass
    for each in VIAS:
        device = find.device_at(f"scpi://127.0.0.1:1?via={each}&timeout_s=1")
        with pytest.raises(OSError, match=r"nobody|gone|must answer|PyVISA"):
            device.open()


def test_without_pyvisa_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvisa", None)
    visa._manager.cache_clear()
    with pytest.raises(FileNotFoundError, match=r"pip install .*\[scpi\]"):
        find.device_at("scpi://127.0.0.1:5025").open()
    visa._manager.cache_clear()


def test_a_few_commands_are_enough_for_an_instrument_of_a_labs_own(monkeypatch):
    few = ["*IDN?", "*ESR?", "*CLS", "SYST:ERR?", "SYST:CAP?"]
    few += ["W:DATA", "W:DATA?", "PERT:BATCH?"]
    kept = {name: COMMANDS[name] for name in few}
    monkeypatch.setattr("plexgrad.lab.scpi.instrument.COMMANDS", kept)
    monkeypatch.setattr("plexgrad.lab.scpi.commands.ECHO", "")
    knobs = np.zeros(3)

    def bowl():
        return float(((knobs - 0.5) ** 2).sum())

    def turn(theta):
        knobs[:] = theta

    served = lab.Wrapped(turn, bowl, lab.Knobs((3,), -1, 1), deterministic=True)
    device = ScpiDevice(InProcess(Instrument(served).connection))
    code = pg.codes.Rademacher(0.05)
    record = lab.train(
        device,
        None,
        estimator=pg.estimators.WeightPerturbation(code, "antithetic"),
        rule=pg.Rule("sgd", learning_rate=0.1),
        slots=100,
        key=0,
        points=1,
    )
    assert record.final["train_cost"] < 1e-3
    np.testing.assert_allclose(knobs, 0.5, atol=0.1)
