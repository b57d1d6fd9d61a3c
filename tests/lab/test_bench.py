"""The bench: which chip answers, what a power cut costs, and when it gives up."""

from contextlib import nullcontext

import jax
import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.bench import Bench
from plexgrad.lab.calibrate.probing import levels_of
from plexgrad.lab.conform import PASSED, conform
from plexgrad.lab.device import LinkLost, Restarted
from plexgrad.lab.host import begin
from plexgrad.training.discrete import Keys
from tests.wide import in_64_bits

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


@pytest.mark.parametrize(
    ("knobs", "amplitude", "said"),
    [
        (lab.Knobs((2,), 0, 5, 0.1, "V"), 0.05, r"0.1, .* \(V\) is written to"),
        (lab.Knobs((2,), 0, 2e6, 0, "Hz"), 1e-2, r"0.25, .* holds 1e\+06, as a float"),
    ],
)
def test_an_amplitude_that_moves_no_knob_is_refused_by_every_way_in(
    knobs, amplitude, said
):
    device = lab.Wrapped(lambda theta: None, lambda: 1.0, knobs)
    with pytest.raises(ValueError, match=f"amplitude must be at least {said}"):
        lab.train(
            device,
            None,
            estimator=pg.estimators.WeightPerturbation(pg.codes.Rademacher(amplitude)),
            rule=pg.Rule("sgd", learning_rate=1.0),
            slots=10,
            key=0,
        )
    levels = levels_of(device.capabilities, device.theta)
    assert levels[0] > amplitude


def test_the_same_key_gives_the_same_start_in_64_bits():
    found = []
    for wide in (False, True):
        device = lab.EmulatedMLP([2, 2, 1])
        with in_64_bits(wide), Bench(device) as bench:
            begin(bench, (-1.0, 1.0), Keys.split(jax.random.key(5)))
            found.append(bench.shadow)
    np.testing.assert_array_equal(*found)
