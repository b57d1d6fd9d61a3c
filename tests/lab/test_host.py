"""The host loop on emulated chips: as in simulation, kept safe, and resumable."""

from functools import cache

import jax
import numpy as np
import optax
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.core.layout import Layout
from plexgrad.core.record import Record
from plexgrad.lab.bench import Worn
from plexgrad.lab.doubts import IN_A_ROW
from plexgrad.lab.remote import Remote
from plexgrad.lab.server import Served
from plexgrad.lab.transports.faulty import Faulty
from plexgrad.lab.transports.in_process import InProcess
from plexgrad.report import summary_lines, write_page
from plexgrad.training.discrete import Keys

XOR = pg.data.load("xor")
KEY = 5
SGD = pg.Rule("sgd", learning_rate=0.5)
WAYS = ("updates", "codes", "arrays")


def estimator(reference="antithetic", code=None):
    return pg.estimators.WeightPerturbation(
        code or pg.codes.Rademacher(0.02), reference
    )


def start(net):
    keys = Keys.split(jax.random.fold_in(jax.random.key(KEY), 0))
    params = net.init(keys.init)
    return np.asarray(Layout.of(params).flatten(params))


def run(device, **more):
    given = {
        "estimator": estimator(),
        "rule": SGD,
        "slots": 60,
        "key": KEY,
        "batch": 2,
        "points": 3,
        "clock": pg.Clock(tau_theta=3),
    }
    return lab.train(device, XOR, **{**given, **more})


NET = pg.nets.MLP([2, 2, 1], initial=(-0.5, 0.5))


def given(reference, clock):
    found = {"estimator": estimator(reference), "rule": SGD, "slots": 48, "batch": 2}
    return found | {"key": KEY, "clock": clock, "points": 2}


@cache
def simulated(reference, clock):
    chip = pg.chips.Simulated(NET)
    return pg.train(chip, XOR, angles=False, **given(reference, clock))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("reference", "clock"),
    [
        ("antithetic", pg.Clock(1, 1, 1)),
        ("baseline", pg.Clock(2, 3, 6)),
        ("baseline", pg.Clock(1, 10, 4)),
    ],
)
def test_an_ideal_device_ends_where_the_simulated_chip_does(way, reference, clock):
    wanted = simulated(reference, clock)
    device, terms = lab.EmulatedMLP([2, 2, 1]), given(reference, clock)
    found = lab.train(device, XOR, start=start(NET), crossing=way, **terms)
    assert found.spec["crossing"] == way
    for name in wanted.final:
        np.testing.assert_allclose(found.final[name], wanted.final[name], rtol=1e-5)
    assert found.curves["slot"].tolist() == wanted.curves["slot"].tolist()
    # A sample shown again after a write is a rest more: calls end at both.
    if clock.tau_x % clock.tau_theta == 0 or clock.tau_theta % clock.tau_x == 0:
        assert found.evaluations["per_seed"] == wanted.evaluations["per_seed"]


def test_calls_of_any_size_give_the_same_run():
    whole = lab.EmulatedMLP([2, 2, 1], data=False)
    run(whole, estimator=estimator("baseline"), clock=pg.Clock(1, 10, 20))
    for most in (3, 8, 13):
        cut = lab.EmulatedMLP([2, 2, 1], data=False)
        object.__setattr__(cut.capabilities, "max_rows", most)
        run(cut, estimator=estimator("baseline"), clock=pg.Clock(1, 10, 20))
        np.testing.assert_allclose(cut.theta, whole.theta, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("code", [pg.codes.Walsh(0.02), pg.codes.Sequential(0.02)])
def test_any_code_and_rule_go_by_arrays(code):
    """After a period, the update is that of the central differences, one by one."""
    device = lab.EmulatedMLP([2, 2, 1])
    sizes = [np.zeros(group.shape) for group in device.capabilities.groups]
    period = code.period(Layout.of([each.astype(np.float32) for each in sizes]))
    before = device.theta.copy()
    steps = np.concatenate([np.eye(9), -np.eye(9)]).astype(np.float32) * 0.02
    shown = lab.Shown(XOR.x_train[None], XOR.y_train[None])
    cost = device.measure(steps, shown).cost
    record = run(
        device,
        estimator=estimator(code=code),
        rule=optax.sgd(0.5, momentum=0.9),
        clock=pg.Clock(1, period, period),
        slots=period,
        batch=4,
        start="keep",
    )
    assert record.spec["crossing"] == "arrays"
    assert record.evaluations["updates"] == 1
    wanted = -0.5 * (cost[:9] - cost[9:]) / 0.04
    np.testing.assert_allclose(device.theta - before, wanted, rtol=2e-2, atol=2e-5)


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_was_stopped_goes_on_after_a_power_cut(tmp_path, way, monkeypatch):
    def go(device, **more):
        return run(device, crossing=way, **more)

    whole = lab.EmulatedMLP([2, 2, 1])
    wanted = go(whole)

    def stop(glance):
        if glance.slot >= 30:
            raise KeyboardInterrupt

    device = lab.EmulatedMLP([2, 2, 1])
    monkeypatch.setattr("plexgrad.lab.loop.WATCH_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        go(device, out=tmp_path, watch=stop)
    stopped = Record.load(tmp_path)
    assert stopped.status == "stopped"
    assert stopped.evaluations["slots"] == 30
    device.power_cut()
    found = go(device, out=tmp_path, resume=True)
    np.testing.assert_array_equal(device.theta, whole.theta)
    assert len(found.curves["seconds"]) == len(wanted.curves["seconds"])
    for name in wanted.curves.keys() - {"seconds"}:
        np.testing.assert_array_equal(found.curves[name], wanted.curves[name])
    assert found.evaluations == wanted.evaluations
    with pytest.raises(ValueError, match="serial number 'EMU-0001' .* got 'EMU-2'"):
        go(lab.EmulatedMLP([2, 2, 1], serial="EMU-2"), out=tmp_path, resume=True)
    with pytest.raises(ValueError, match="it differs in slots"):
        go(device, out=tmp_path, resume=True, slots=90)


def test_a_run_over_a_bad_link_ends_where_one_over_a_good_link_does():
    good, bad = lab.EmulatedMLP([2, 2, 1]), lab.EmulatedMLP([2, 2, 1])
    run(good)
    served = Served(bad)

    def restart():
        served.restart()
        bad.power_cut()
        bad.open()

    link = Faulty(InProcess(served.connection), 0.2, 1, restart=restart)
    record = run(Remote(link))
    np.testing.assert_array_equal(bad.theta, good.theta)
    counts = record.extra["lab"]
    assert counts["recoveries"] > 0
    assert counts["link"]["retries"] > 0
    assert counts["disagreements"] == 0


def test_the_record_has_a_report(tmp_path):
    record = run(lab.EmulatedMLP([2, 2, 1]), out=tmp_path)
    assert Record.load(tmp_path).spec == record.spec
    page = write_page(record, tmp_path).read_text()
    assert "a device with 9 knobs" in page
    assert any("test accuracy" in line for line in summary_lines(record))
    assert record.extra["lab"]["updates"] == 20
    assert record.extra["lab"]["writes_max"] == 21
    assert record.throughput["updates_per_s"] > 0


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("chip", "more", "said"),
    [
        ({"amplitude_step": 0.1}, {}, "at least the DAC's step 0.1, got 0.02"),
        ({"low": -0.01, "high": 0.01}, {}, r"amplitude must be in \[0, 0.01\]"),
        ({}, {"start": np.full(9, 9.0)}, r"w1\[0\] must be in \[-8, 8\], got 9"),
        ({"codes": False}, {"crossing": "codes"}, "makes no rademacher codes"),
        ({"updates": False}, {"crossing": "updates"}, "applies no updates"),
        ({}, {"crossing": "updates", "rule": optax.sgd(0.1)}, "sgd without momentum"),
        ({}, {"sampling": "random"}, "sampling must be one of"),
        ({}, {"resume": True}, "resume must come with out"),
        ({"sizes": (3, 1)}, {}, "inputs must match the data 'xor': 2, got 3"),
    ],
)
def test_refusals_come_before_anything_is_sent(chip, more, said):
    device = lab.EmulatedMLP(**{"sizes": (2, 2, 1), **chip})
    before = device.theta.copy()
    object.__setattr__(device.capabilities.groups[0], "start", None)
    with pytest.raises(ValueError, match=said):
        run(device, **{"start": "keep", **more})
    np.testing.assert_array_equal(device.theta, before)


def test_what_cannot_be_met_is_warned_of_in_numbers():
    coarse = lab.EmulatedMLP([2, 2, 1], amplitude_step=0.015)
    with pytest.warns(UserWarning, match=r"0.02 becomes 0.015 .* 0.75 times as long"):
        run(coarse)
    device = lab.EmulatedMLP([2, 2, 1], low=-0.5, high=0.5)
    device.theta[3] = 0.5
    with pytest.warns(UserWarning, match=r"1 of 9 parameters .* w1\[3\] is 0.5"):
        run(device, start="keep")


def test_endurance_ends_a_run_before_the_cell(tmp_path):
    device = lab.EmulatedMLP([2, 2, 1])
    object.__setattr__(device.capabilities.groups[0], "endurance", 12)
    with pytest.raises(Worn, match=r"w1\[0\] has been written 12 times of 12"):
        run(device, out=tmp_path)
    assert Record.load(tmp_path).status == "stopped"


def test_a_broken_chip_is_reported_as_diverged():
    device = lab.EmulatedMLP([2, 2, 1])
    device.noise = None
    measure = device.measure

    def broken(*args, **more):
        found = measure(*args, **more)
        if device.broken:
            found.cost[-1] = np.nan
        device.broken |= len(found.cost) > 1
        return found

    device.broken, device.measure = False, broken
    said = []
    record = run(device, tell=said.append)
    assert record.status == "diverged"
    assert record.diverged == {"0": 5}
    assert record.extra["lab"]["skipped"] == IN_A_ROW
    assert any("window 1 was skipped" in words for words in said)


def test_a_chip_that_gives_outputs_gets_its_cost_from_the_host():
    seen, knobs = np.zeros(2), np.zeros(3)

    def show(x):
        seen[:] = x

    def read():
        return 1 / (1 + np.exp(-(knobs[:2] @ seen + knobs[2])))

    device = lab.Wrapped(
        lambda theta: knobs.__setitem__(slice(None), theta),
        read,
        lab.Knobs((3,), -4, 4, start=(-0.1, 0.1)),
        show,
        inputs=2,
        deterministic=True,
    )
    target = (XOR.x_train.min(axis=1, keepdims=True)).astype(np.float32)
    data = pg.data.Dataset(
        "and", XOR.x_train, target, XOR.x_train, target, ("0", "1"), "made", {}
    )
    record = lab.train(
        device,
        data,
        estimator=estimator(),
        rule=pg.Rule("sgd", learning_rate=5.0),
        slots=600,
        key=1,
        batch=4,
        points=2,
    )
    assert record.final["test_accuracy"] == 1
    assert record.spec["crossing"] == "arrays"
    assert record.extra["lab"]["writes_max"] > 1200
