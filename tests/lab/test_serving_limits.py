"""What a served device is asked: refused at the end, before anything is built."""

import struct
import time
import tracemalloc

import numpy as np
import pytest

from plexgrad import lab
from plexgrad.lab import messages, serving_limits
from plexgrad.lab.desk import Desk
from plexgrad.lab.device import Autonomy, Refused
from plexgrad.lab.messages import Command, Reader
from plexgrad.lab.remote import Remote
from plexgrad.lab.server import Served
from plexgrad.lab.transports.in_process import InProcess

X, Y = np.zeros((4, 2), np.float32), np.zeros((4, 1), np.float32)
HELD = lab.Shown(handle="train", index=np.zeros((1, 4), np.uint32))
MANY = lab.Codes((1, 2), 0, 20_000_000, 0.1)
FEW = lab.Codes((1, 2), 0, 2, 0.1)


def desk():
    chip = lab.EmulatedMLP([2, 2, 1])
    chip.load_samples(X, Y, "train")
    for name in ("measure", "update", "write_parameters", "load_samples"):
        setattr(chip, name, None)  # calling it would be a TypeError of another text
    return Desk(chip)


def array_of(kind, *shape):
    return struct.pack(f"<BB{len(shape)}I", kind, len(shape), *shape)


def runs(groups, batch):
    first = np.zeros((groups, 1), np.uint16)
    held = struct.pack("<BHH", 1, groups, batch)
    return b"\2" + messages.text("train") + held + messages.array(first)


MEASURES = {
    "20 million rows": (messages.measure(MANY, HELD), "rows must be 65536 at most"),
    "65,535 repeats": (
        messages.measure(lab.Codes((1, 2), 0, 40, 0.1), HELD, repeats=65535),
        "rows x repeats",
    ),
    "no repeat": (messages.measure(FEW, HELD, repeats=0), "repeats must be at least 1"),
    "rows declared, not sent": (
        b"\0\1\0\1" + array_of(1, 2**32 - 1, 9),
        "a payload must hold",
    ),
    "rows without columns": (
        b"\0\1\0\1" + array_of(1, 2**31, 0) + messages.shown(HELD),
        "rows must be 65536 at most",
    ),
    "rows that are too long": (
        messages.measure(np.zeros((2, 10), np.float32), HELD),
        "perturbations must be rows of 9 numbers",
    ),
    "rows that are none": (
        messages.measure(np.zeros(9, np.float32), HELD),
        "perturbations must be rows",
    ),
    "runs of 4 billion samples": (
        b"\0\1\0\0" + messages.codes(FEW) + runs(65535, 65535),
        "groups times batch must be",
    ),
    "no groups": (
        b"\0\1\0\0" + messages.codes(FEW) + runs(0, 5),
        "rows must be dealt to 0 groups",
    ),
    "outputs of everything": (
        messages.measure(
            lab.Codes((1, 2), 0, 4096, 0.1),
            lab.Shown(handle="train", index=np.zeros((1, 8192), np.uint32)),
            "outputs",
        ),
        "outputs must be",
    ),
    "samples of another size": (
        messages.measure(FEW, lab.Shown(X[None, :, :1], Y[None])),
        r"inputs must be \(1, 4, 2\)",
    ),
    "samples without targets": (
        messages.measure(FEW, lab.Shown(X[None], None)),
        "targets must be",
    ),
    "codes that it does not make": (
        messages.measure(lab.Codes((1, 2), 0, 2, 0.1, kind="lfsr"), HELD),
        "makes no lfsr codes",
    ),
    "an amplitude beyond the rail": (
        messages.measure(lab.Codes((1, 2), 0, 2, 1e9), HELD),
        "perturbations must be 8 at most",
    ),
}
ORDERS = {
    "a write of nan": (
        Command.WRITE,
        messages.array(np.full(9, np.nan, np.float32)) + messages.array(None),
        "9 finite numbers",
    ),
    "a write somewhere else": (
        Command.WRITE,
        messages.array(np.zeros(1, np.float32)) + messages.array(np.array([9], "<u4")),
        "index must be below 9",
    ),
    "a write by fractions": (
        Command.WRITE,
        messages.array(np.zeros(1, np.float32)) + messages.array(np.zeros(1, "<f4")),
        "whole numbers",
    ),
    "an update of nan": (
        Command.UPDATE,
        messages.update(lab.Update(FEW, np.array([0, np.inf], np.float32))),
        "coefficients must be finite",
    ),
    "samples of other sizes": (
        Command.LOAD,
        messages.text("a") + messages.array(X) + messages.array(Y[:2]),
        "targets must be",
    ),
    "a run alone": (
        Command.RUN,
        messages.run(10, Autonomy(FEW, 0.1, "train", 4)),
        "does not train alone",
    ),
    "an unknown command": (99, b"", "a command must be a known one"),
}


@pytest.mark.parametrize("name", MEASURES)
def test_measurements_beyond_the_limits_are_refused(name):
    payload, said = MEASURES[name]
    here = desk()
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(ValueError, match=said):
        here.order(Command.MEASURE, Reader(payload))
    assert time.process_time() - began < 0.2
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * len(payload) + (1 << 18)


@pytest.mark.parametrize("name", ORDERS)
def test_changes_beyond_the_limits_are_refused(name):
    code, payload, said = ORDERS[name]
    with pytest.raises(ValueError, match=said):
        desk().order(code, Reader(payload))


def test_what_is_kept_is_bounded_in_bytes_and_keys(monkeypatch):
    monkeypatch.setattr(serving_limits, "HELD_BYTES", 2 * 12 * 4)
    chip = lab.EmulatedMLP([2, 2, 1])
    with Remote(InProcess(Served(chip).connection)) as remote:
        remote.load_samples(X, Y, "a")
        remote.load_samples(X, Y, "a")
        remote.load_samples(X, Y, "b")
        with pytest.raises(Refused, match="bytes of samples held must be 96 at most"):
            remote.load_samples(X, Y, "c")
        monkeypatch.setattr(serving_limits, "HELD_KEYS", 1)
        with pytest.raises(Refused, match="keys of samples"):
            remote.load_samples(X, Y, "b")
    assert set(chip.held) == {"a", "b"}


def test_a_step_whose_measurement_is_refused_changes_nothing():
    chip = lab.EmulatedMLP([2, 2, 1])
    with Remote(InProcess(Served(chip).connection)) as remote:
        remote.load_samples(X, Y, "train")
        before = remote.read_parameters()
        update = lab.Update(FEW, np.ones(2, np.float32))
        with pytest.raises(Refused, match="rows must be 65536 at most"):
            remote.step(update, MANY, HELD)
        np.testing.assert_array_equal(remote.read_parameters(), before)
        remote.step(update, FEW, HELD)
        assert (remote.read_parameters() != before).any()


def test_a_served_device_takes_what_a_host_of_this_package_sends():
    """The largest calls of `lab.ways` and `lab.calibrate`, far below the limits."""
    can = lab.EmulatedMLP([784, 128, 10]).capabilities
    index = np.zeros((64, 100), np.uint32)
    shown = lab.Shown(handle="train", index=index)
    codes = lab.Codes((1, 2), 0, 512, 0.1, "antithetic")
    serving_limits.check_measure(can, codes, shown, "cost", 4)
    few = lab.Codes((1, 2), 0, 128, 0.1, "antithetic")
    serving_limits.check_measure(can, few, shown, "outputs", 1)
    most = lab.Codes((1, 2), 0, 4096, 0.1)
    serving_limits.check_measure(can, most, shown, "cost", 1)
    serving_limits.check_update(can, lab.Update(most, np.zeros(4096, np.float32)))
