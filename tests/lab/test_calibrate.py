"""Calibration: planted faults are found, links and drift are timed, nothing is left."""

import json
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.chips import Simulated
from plexgrad.core.signals import Heard
from plexgrad.lab import find
from plexgrad.lab.bench import Bench
from plexgrad.lab.calibrate import Calibration, calibrate, noise, settling
from plexgrad.lab.calibrate.knobs import Inspection
from plexgrad.lab.calibrate.meter import RANDOM, Meter, left_as_found
from plexgrad.lab.calibrate.probing import DeviceBench, levels_of
from plexgrad.lab.calibrate.run import Setting
from plexgrad.lab.host import batches_of
from plexgrad.lab.samples import Samples
from plexgrad.lab.serve import serve
from plexgrad.report.calibration_page import write_calibration
from plexgrad.training import probing
from plexgrad.training.discrete import Keys
from plexgrad.training.order import Order

XOR = pg.data.load("xor")
PAIRS = pg.estimators.WeightPerturbation(pg.codes.Rademacher(1.0), "antithetic")
QUICK = {"listen_s": 0.05, "settle_s": 0.01}
KEYS = Keys.split(jax.random.fold_in(jax.random.key(0), 0))


def meter_of(device, data=None):
    bench = Bench(device)
    bench.open()
    return Meter(bench, Samples(bench, data), Heard())


# The whole


@pytest.mark.parametrize("rest", ["", "&noise=0.0001", "&step=0.01"])
def test_planted_dead_and_saturated_knobs_are_found(rest):
    device = find.device_at(f"emulated:49-4-4?dead=7&stuck=30{rest}")
    before = device.theta.copy()
    found = calibrate(device, **QUICK)
    assert found.knobs.dead == (7,)
    assert found.knobs.saturated == {30: "high"}
    assert rest or found.cells.stuck == (30,)
    assert any("w1[7] is dead" in words for words in found.faults)
    assert any("w1[30] is saturated at the high" in words for words in found.faults)
    assert found.evaluations < 6000
    np.testing.assert_array_equal(device.theta, before)


def test_a_good_chip_has_no_faults_and_its_calibration_survives_a_file(tmp_path):
    device = find.device_at("emulated:2-3-1?noise=0.001")
    found = calibrate(device, XOR, Setting(PAIRS, batch=4, budget=400), **QUICK)
    assert (found.knobs.dead, found.knobs.saturated) == ((), {})
    assert found.cells.stuck == ()
    assert found.recommendation is not None
    assert found.recommendation.spent == pytest.approx(400, rel=0.1)
    assert found.noise.std == pytest.approx(0.001, rel=0.4)
    verdicts = {each.name: each.verdict for each in found.compared}
    assert verdicts["noise_std"] == "agrees"
    again = Calibration.load(found.save(tmp_path))
    assert json.dumps(again.to_json()) == json.dumps(found.to_json())
    assert again.knobs == found.knobs or np.isnan(found.knobs.up).any()


def test_a_chip_behind_a_link_is_timed():
    with serve(lab.EmulatedMLP([2, 2, 1]), "tcp://127.0.0.1:0") as listener:
        found = calibrate(find.device_at(listener.url), **QUICK)
    assert 0 < found.link.latency_s <= found.link.slow_s < 1
    assert found.link.costs_per_s > 1 / found.link.cost_s


@pytest.mark.parametrize("number", range(len(list(find.demos()))))
def test_every_device_of_ours_can_be_calibrated(number):
    device = list(find.demos())[number]
    device.open()
    before = device.read_parameters()
    device.close()
    found = calibrate(device, knob_budget=200, **QUICK)
    device.open()
    np.testing.assert_array_equal(device.read_parameters(), before)
    device.close()
    assert (found.knobs.dead, found.cells.stuck) == ((), ())


MESH = f"python:{Path(__file__).with_name('mesh.py')}:mesh"


@pytest.mark.parametrize("detector", ["dead", "nan"])
@pytest.mark.parametrize("knobs", [4, 400])
def test_a_dead_detector_is_the_first_finding_and_nothing_is_recommended(
    detector, knobs, tmp_path
):
    said = {"dead": "Nothing moves the cost", "nan": "Readings are not finite"}
    device = find.device_at(f"{MESH}?detector={detector}&knobs={knobs}")
    found = calibrate(device, None, Setting(PAIRS), knob_budget=200, **QUICK)
    assert found.faults[0].startswith(said[detector])
    assert found.recommendation is None
    assert found.refused.startswith(said[detector])
    if knobs == 4:
        again = Calibration.load(write_calibration(found, tmp_path).parent)
        assert json.dumps(again.to_json()) == json.dumps(found.to_json())


@pytest.mark.parametrize(
    "wrong", [{"budget": -1}, {"rule": "lion"}, {"write_cost": -1.0}]
)
def test_a_wrong_setting_is_refused_before_anything_is_measured(wrong):
    device = lab.EmulatedMLP([2, 2, 1])
    device.measure = lambda *_: pytest.fail("a cost was measured")
    with pytest.raises(ValueError, match=next(iter(wrong))):
        calibrate(device, XOR, Setting(PAIRS, **wrong), **QUICK)


def test_a_calibration_from_before_findings_is_read(tmp_path):
    found = calibrate(lab.EmulatedMLP([2, 2, 1]), knob_budget=60, **QUICK)
    told = json.loads(found.save(tmp_path).read_text())
    del told["findings"]
    assert Calibration.from_json(told).findings == ()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_errors_and_ctrl_c_leave_the_parameters(error):
    device = lab.EmulatedMLP([2, 2, 1])
    before = device.theta.copy()

    def watch(stage, spent):
        if stage == "knobs":
            assert not np.array_equal(device.theta, before)
            raise error

    with pytest.raises(error):
        calibrate(device, watch=watch, **QUICK)
    np.testing.assert_array_equal(device.theta, before)


def test_ctrl_c_waits_for_the_end_of_a_call():
    device = lab.EmulatedMLP([2, 2, 1])
    before, meter = device.theta.copy(), meter_of(device)

    def interrupted():
        with left_as_found(meter.bench) as meter.stop:
            meter.write(np.full(9, 0.25, np.float32))
            meter.stop.came = "Ctrl-C"
            meter.rest(meter.drawn, RANDOM, 1)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    np.testing.assert_array_equal(device.theta, before)


# The parts


def test_noise_and_drift_are_told_apart():
    times = np.linspace(0, 2, 200)
    random = np.random.default_rng(0)
    costs = 0.5 + 0.03 * times + 0.01 * random.normal(size=200)
    found = noise.of_readings(times, costs, costs[:32])
    assert found.drifts
    assert found.drift_per_s == pytest.approx(0.03, abs=3 * found.drift_error)
    assert found.std == pytest.approx(0.01, rel=0.2)
    still = noise.of_readings(times, np.full(200, 0.5), np.full(32, 0.5))
    assert still.deterministic
    assert not still.drifts


def test_drift_and_slow_writes_of_a_chip_are_found():
    device = lab.EmulatedMLP([4, 3, 2], drift=0.05, settle=0.01)
    meter = meter_of(device)
    heard = noise.listened(meter, meter.drawn, RANDOM, 0.3)
    assert heard.drifts
    assert heard.drift_per_s == pytest.approx(0.05, rel=0.2)
    device = lab.EmulatedMLP([4, 3, 2], settle=0.01)
    found = settling.swept(meter_of(device), meter.drawn, RANDOM, 2.0, 1e-6, 0.15)
    # The error falls by e every 10 ms; a thousandth of it is left after some seven.
    assert 0.02 < found.settled_s < 0.15
    assert found.errors[0] > found.errors[-1]


def test_settling_is_the_wait_after_the_last_loud_bin():
    waits = np.linspace(0, 1, 48)
    errors = np.where(waits < 0.5, 1.0, 0.0)
    found = settling.of_errors(waits, errors, 0.1, 1.0)
    assert found.settled_s == pytest.approx(0.55, abs=0.05)
    assert settling.of_errors(waits, 0 * errors, 0.1, 1.0).settled_s == 0
    assert np.isinf(settling.of_errors(waits, errors + 1, 0.1, 1.0).settled_s)


def test_a_dead_row_among_many_knobs_is_found_by_halving():
    device = find.device_at("emulated:49-60-10?dead=1200-1319")
    meter = meter_of(device)
    found = Inspection(meter, meter.drawn, RANDOM, 4.0, 0.0, 1500).run()
    assert found.evaluations <= 1500
    assert set(found.dead) <= set(range(1200, 1320))
    assert len(found.dead) > 60
    assert 1 < found.block < 60


def test_noise_that_hides_the_knobs_is_not_called_their_death():
    meter = meter_of(lab.EmulatedMLP([4, 3, 2], noise=0.3))
    index = meter.drawn
    found = Inspection(meter, index, RANDOM, 4.0, 0.3, 600).run()
    assert not found.dead
    assert found.undecided


def test_levels_are_those_that_the_device_makes():
    can = lab.EmulatedMLP(amplitude_step=0.03).capabilities
    levels = np.array(levels_of(can, can.low))
    np.testing.assert_allclose(levels / 0.03, np.rint(levels / 0.03), atol=1e-5)
    assert (np.diff(levels) > 0).all()
    coarse = lab.EmulatedMLP(low=-1, high=1, amplitude_step=0.9).capabilities
    with pytest.raises(ValueError, match="must be 3 at least"):
        levels_of(coarse, coarse.low)


def test_a_device_is_probed_as_a_simulated_chip_is():
    """The same questions have the same answers, to rounding."""
    net = pg.nets.MLP([2, 2, 1], initial=(-0.5, 0.5))
    order = Order(4, 2)
    chip = probing.Bench(Simulated(net), XOR, order, KEYS)
    meter = meter_of(lab.EmulatedMLP([2, 2, 1]), XOR)
    draw, _ = batches_of(meter.bench, XOR, 2, "auto", KEYS)
    mine = DeviceBench(meter, order, draw, KEYS)
    meter.write(np.asarray(chip.layout.flatten(chip.params)))
    code = pg.codes.Rademacher(0.1)
    for bench in (chip, mine):
        assert isinstance(bench, probing.Probing)
    for ask in (
        lambda it: it.readings(code, (0.0, 1.0, -1.0), it.show(3)),
        lambda it: np.stack(it.window(code, 4, 1, 0.5)),
        lambda it: it.readings(code, (0.0,), it.show(2)),
        lambda it: np.stack(it.window(code, 2, 1, 0.5)),
    ):
        np.testing.assert_allclose(ask(mine), ask(chip), rtol=2e-4, atol=2e-6)
    assert mine.spent == chip.spent
    for it in (chip, mine):
        it.write(it.direction(code, 1), 2)
        it.shake(it.direction(code, 1), 3)
    here = np.asarray(chip.layout.flatten(chip.params))
    np.testing.assert_allclose(meter.bench.device.theta, here, rtol=1e-4, atol=1e-5)


def test_writes_are_waited_for():
    meter = meter_of(lab.EmulatedMLP([2, 2, 1]))
    meter.wait_s = 0.05
    began = time.perf_counter()
    meter.write(meter.bench.shadow)
    assert time.perf_counter() - began > 0.05
