"""Knobs of different units: amplitude and step as shares of each group's range."""

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.cli.chip_setting import again
from plexgrad.core.record import Record

XOR = pg.data.load("xor")
VOLTS = lab.Knobs((4,), 0.0, 5.0, unit="V", name="heaters")
AMPERES = lab.Knobs((4,), 0.0, 0.01, step=1e-6, unit="A", name="lasers")
WANTED = np.array([3.0] * 4 + [0.002] * 4)
RANGE = np.array([5.0] * 4 + [0.01] * 4)


def bench_top(groups=(VOLTS, AMPERES)):
    """Volts and amperes that each matter as a share of their range."""
    knobs = np.zeros(8)

    def read():
        return float((((knobs - WANTED) / RANGE) ** 2).sum())

    return lab.Wrapped(
        lambda theta: knobs.__setitem__(slice(None), theta), read, groups
    )


def run(device, data=None, amplitude=0.01, rate=0.1, **more):
    return lab.train(
        device,
        data,
        estimator=pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(amplitude), "antithetic"
        ),
        rule=pg.Rule("sgd", learning_rate=rate),
        slots=150,
        key=0,
        points=2,
        **more,
    )


def test_with_shares_volts_and_amperes_are_trained_by_one_amplitude():
    device = bench_top()
    record = run(device, share=True)
    assert record.curves["train_cost"][-1] < 1e-2 * record.curves["train_cost"][0]
    np.testing.assert_allclose(device.theta / RANGE, WANTED / RANGE, atol=0.03)
    assert record.spec["share"] is True


def test_different_units_without_a_word_are_refused_with_the_option():
    with pytest.raises(
        ValueError, match=r"heaters 0 to 5 V, lasers 0 to 0.01 A.*\(--share\)"
    ):
        run(bench_top())


def test_ranges_far_apart_are_told():
    said, plain = [], lab.Knobs((4,), 0.0, 5.0)
    run(bench_top((plain, lab.Knobs((4,), 0.0, 0.1))), tell=said.append, share=None)
    assert "--share" in said[0]


@pytest.mark.parametrize("way", ["codes", "arrays"])
def test_a_share_of_one_range_is_an_amplitude(way):
    """Ranges of 16: an amplitude of 1/256 is a share of 1/4096, on every way."""

    def go(amplitude, rate, **more):
        device = lab.EmulatedMLP([2, 2, 1])
        run(device, XOR, amplitude, rate, **more)
        return device.theta

    plain = go(2**-8, 0.5, crossing="updates")
    for chosen in (way, "updates"):
        # In shares the gradient is 16 times as large, and so is a step in volts.
        shared = go(2**-12, 0.5 / 256, crossing=chosen, share=True)
        np.testing.assert_allclose(shared, plain, atol=2e-5)


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("amplitude", "said"),
    [(0.7, "a share up to 0.5"), (5e-5, r"at least 1e-06, since lasers\[0\]")],
)
def test_limits_hold_for_every_group(amplitude, said):
    device = bench_top()
    with pytest.raises(ValueError, match=said):
        run(device, amplitude=amplitude, share=True)


def test_codes_made_by_a_device_are_one_amplitude_for_all():
    device = lab.EmulatedMLP([2, 2, 1])
    object.__setattr__(device.capabilities.groups[1], "high", 4.0)
    with pytest.raises(ValueError, match="shares of different ranges"):
        run(device, XOR, share=True, crossing="codes")
    assert run(device, XOR, share=True).spec["crossing"] == "arrays"


def test_a_run_that_goes_on_keeps_its_readings_and_shares(tmp_path):
    device = lab.EmulatedMLP([2, 2, 1])
    run(device, XOR, 1e-3, 1e-3, share=True, repeats=2, step_limit=50, out=tmp_path)
    found = again(Record.load(tmp_path).spec)
    assert found["share"] is True
    assert (found["repeats"], found["average"], found["step_limit"]) == (2, "mean", 50)
