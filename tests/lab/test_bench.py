"""The bench: which chip answers, what a power cut costs, and when it gives up."""

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.bench import Bench
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
