"""The bench: which chip answers, what a power cut costs, and when it gives up."""

from contextlib import nullcontext

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.bench import Bench
from plexgrad.lab.conform import PASSED, conform
from plexgrad.lab.device import LinkLost, Restarted

XOR = pg.data.load("xor")


def test_another_chip_on_the_same_link_is_refused():
    device = lab.EmulatedMLP([2, 2, 1])
    with Bench(device) as bench:
        device.identity = lab.Identity("plexgrad", "emulated MLP", "EMU-2")
        device.power_cut()
        with pytest.raises(ValueError, match="must be .*EMU-0001.* got .*EMU-2"):
            bench.read_back()


def test_power_cuts_are_told_and_mended():
    device = lab.EmulatedMLP([2, 2, 1])
    with Bench(device) as bench:
        bench.write(np.full(9, 0.25))
        device.power_cut()
        with pytest.raises(Restarted):
            device.read_parameters()
        np.testing.assert_array_equal(bench.read_back(), np.full(9, 0.25, np.float32))
        assert bench.accounts.recoveries == 1


def test_a_call_that_never_succeeds_ends_though_the_device_comes_back():
    device = lab.EmulatedMLP([2, 2, 1])

    def never(*args):
        raise LinkLost("no answer in time")

    device.load_samples = never
    with (
        Bench(device, patience_s=0.05) as bench,
        pytest.raises(LinkLost, match="comes back, but not with an answer"),
    ):
        bench.load(XOR.x_train, XOR.y_train, "train")
    assert bench.accounts.recoveries > 8


@pytest.mark.parametrize(("off", "kept"), [(5e-7, True), (1e-3, False)])
def test_a_driver_may_be_off_by_a_share_of_a_step_not_by_more(off, kept):
    """A DAC's driver computes in its own unit: last bits are its own."""
    knobs = lab.Knobs((3,), 0.0, 5.0, unit="V")
    device = lab.Wrapped(lambda theta: None, lambda: 1.0, knobs)
    device.read_parameters = lambda: device.theta + np.float32(off)
    found = {result.number: result for result in conform(device)}
    assert (found["K6"].status == PASSED) is kept
    assert kept or "(V) moved by 0.001" in found["K6"].said
    with Bench(device) as bench:
        bench.write(np.full(3, 2.5))
        with nullcontext() if kept else pytest.warns(UserWarning, match="that differ"):
            bench.read_back()
        assert bench.accounts.disagreements == (not kept)
