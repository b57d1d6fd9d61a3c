"""What tuning recommends, and how it says so."""

import json
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.chips.measuring import measure
from plexgrad.training.pilot import Segment, _seen, _shared, proven
from plexgrad.training.recommendation import Recommendation
from plexgrad.training.step_size import CALM, HELD
from plexgrad.training.tune import tune
from plexgrad.training.writes import arriving, shaken, with_writes
from tests.training.test_tune import (
    NET,
    PAIRS,
    XOR,
    Bowl,
    bench_of,
    flat,
    method_of,
    terrain_of,
)


def test_on_a_plateau_the_step_is_bounded_by_noise_and_stability():
    method = method_of(10)
    terrain = terrain_of(plateau=True, gradient=1e-9, total=1e-6)
    assert method.step(terrain, 1) == pytest.approx(CALM * method.limit(terrain, 1))
    loud = replace(terrain, noise=1.0)
    held = method.noise(loud, 1, 0.0) + method.shown(loud, 1, 0.0)
    assert method.step(loud, 1) == pytest.approx(4 * HELD * 1.0 / held)
    near = replace(terrain, linear=1e-5)
    update = method.step(near, 1) * method.rms(near, 1, near.gradient)
    assert update == pytest.approx(1e-5)


def test_a_step_that_lowered_the_cost_is_proven():
    told = [(1, 0.5, 0.3), (1, 0.9, 0.1), (1, 0.2, 0.4), (4, 2.0, 0.9)]
    segments = [
        Segment(8, tau, eta, 1.0, 0.1, drop, 0.05, terrain_of())
        for tau, eta, drop in told
    ]
    assert [proven(segments, tau) for tau in (1, 2, 4)] == [0.5, 0.0, 2.0]


def test_the_larger_curvature_may_come_again():
    steep, flat_ = terrain_of(trace=2.0, bend=1.0), terrain_of(trace=0.1, bend=0.3)
    assert flat_.no_flatter(steep).slope == steep.slope
    assert steep.no_flatter(flat_) == steep


def test_curvature_is_a_mean_of_what_was_known_and_what_slots_tell():
    method, rng = method_of(10), np.random.default_rng(0)
    power = method.estimator.code.power(method.layout)
    known = terrain_of(trace=3.0, bend=2.0, scatter=8.0, readings=20)
    for spread, expected in [(2.0, 2.0), (1e4, 3.0)]:
        even = (2.0 + spread * rng.normal(size=400)) * power / 2
        noise = spread * power / 6**0.5
        found = _seen(method, replace(known, noise=noise), known, even, even)
        assert found.trace == pytest.approx(expected, rel=0.1)
    assert found.bend == pytest.approx(known.bend, rel=0.1)


# Measuring


def test_the_bench_reads_and_counts_and_goes_on():
    bench = bench_of(Bowl())
    code = pg.codes.Rademacher(0.1)
    costs = bench.readings(code, (0.0, 1.0, -1.0), bench.show(3))
    assert costs.shape == (3, 3)
    assert bench.spent == 9
    np.testing.assert_allclose(costs[:, 0], costs[0, 0])
    along = bench.direction(code, 3)
    cost = bench.chip.cost
    told = bench.readings(code, (0.0, 1.0, -1.0), bench.show(1))[0]
    expected = [cost(bench.params + m * along, ()) for m in (0.0, 1.0, -1.0)]
    np.testing.assert_allclose(told, expected, rtol=1e-5)
    before = np.asarray(bench.params)
    bench.write(along, 3)
    np.testing.assert_allclose(bench.params, before + 3 * along, rtol=1e-5)
    bench.shake(along, 4)
    np.testing.assert_allclose(bench.params, before + 3 * along, rtol=1e-5)
    assert bench.writes == 7


def test_a_window_is_one_step_of_descent():
    bench = bench_of(Bowl())
    before = np.asarray(bench.params)
    code = pg.codes.Rademacher(1e-2)
    told = bench.window(code, 4000, 1, 0.1)
    chip = bench.chip
    gradient = chip.bend * before + chip.tie * before.sum()
    step = (before - np.asarray(bench.params)) / 0.1
    cosine = step @ gradient / np.linalg.norm(step) / np.linalg.norm(gradient)
    assert cosine == pytest.approx(1.0, abs=0.02)
    power = np.mean(told.odd**2) / 1e-4
    assert power == pytest.approx(gradient @ gradient, rel=0.1)
    assert bench.spent == 12_000


def test_the_trace_and_the_bend_of_a_known_curvature_are_found():
    chip = Bowl()
    found = tune(chip, XOR, estimator=PAIRS, batch=4, budget=1500)
    told = found.measured
    trace = chip.size * (chip.bend + chip.tie)
    tied = chip.tie * (chip.size * (chip.size - 1)) ** 0.5
    assert told["trace"] == pytest.approx(trace, rel=0.02)
    assert told["bend"] == pytest.approx(tied, rel=0.25)
    assert found.warnings == ()
    assert found.tau_theta == 1


@pytest.mark.parametrize("sigma", [0.003, 0.01])
def test_the_noise_of_a_write_is_found(sigma):
    chip = pg.chips.WriteNoise(Bowl(), sigma)
    bench = bench_of(chip)
    slope = 40 * 0.5**2
    terrain = terrain_of(noise=1e-3, total=slope, gradient=slope, trace=20.8, bend=0.8)
    told = with_writes(bench, terrain, 0.02, 0.3)
    assert told.write_variance(0.02) ** 0.5 == pytest.approx(sigma, rel=0.6)
    assert told.least_update == 0
    ideal = with_writes(bench_of(Bowl()), terrain, 0.02, 0.3)
    assert ideal.write_variance(0.02) == 0


def test_stochastic_rounding_errs_with_the_size_of_an_update():
    bench = bench_of(pg.chips.Quantised(Bowl(), 8))
    terrain = terrain_of(noise=1e-6, total=10.0, trace=20.8, bend=0.8)
    level, size = 8 / 255, 0.004
    assert shaken(bench, terrain, 0.0, 8)[0] == 0
    found, _ = shaken(bench, terrain, size, 32)
    assert found == pytest.approx(size * (level - size), rel=0.8)


def test_updates_that_rounding_loses_are_found():
    chip = pg.chips.Quantised(Bowl(), 6, stochastic=False)
    bench = bench_of(chip)
    level = 8 / 63
    assert arriving(bench, 0.3 * level, 0.5, 1e-6) == (pytest.approx(0, abs=1e-6), True)
    share, sure = arriving(bench, level, 1.0, 1e-6)
    assert sure
    assert share == pytest.approx(1.0, rel=0.2)
    terrain = terrain_of(noise=1e-6, total=10.0, trace=20.8, bend=0.8)
    told = with_writes(bench, terrain, 0.3 * level, 0.5)
    assert told.least_update == pytest.approx(1.2 * level)


def test_the_descent_tells_what_all_batches_share():
    bench, method = bench_of(Bowl(), batch=2), method_of(40)
    terrain = terrain_of(total=5.0, gradient=1.0, trace=3.0, bend=0.5)
    eta = 0.01
    fall = eta * 2.0 - eta**2 * method.bending(terrain, 1, 1.0) / 2
    found = _shared(bench, method, terrain, 1, eta, fall)
    assert found.gradient == pytest.approx(2.0)
    whole = _shared(bench_of(Bowl()), method, terrain, 1, eta, fall)
    assert whole.gradient == whole.total


# The whole


@pytest.fixture(scope="module")
def noisy():
    """A recommendation for exclusive or on a noisy chip."""
    chip = pg.chips.CostNoise(pg.chips.Simulated(NET, "mse"), 0.003)
    return tune(chip, XOR, estimator=PAIRS, batch=4, budget=600)


def test_a_recommendation_survives_json(noisy):
    data = json.loads(json.dumps(noisy.to_json(), allow_nan=False))
    assert Recommendation.from_json(data) == noisy
    with pytest.raises(ValueError, match="must hold amplitude"):
        Recommendation.from_json({})


def test_what_was_measured_is_told(noisy):
    assert noisy.measured["noise"] == pytest.approx(0.003, rel=0.5)
    assert noisy.spent == sum(noisy.evaluations.values())
    assert 500 < noisy.spent <= 610
    assert 0.02 < noisy.amplitude <= 1.0
    assert len(noisy.reasons) == 7
    assert all(sentence.endswith(".") for sentence in noisy.reasons)


def test_a_noiseless_chip_is_read_to_its_last_bits():
    found = tune(
        pg.chips.Simulated(NET, "mse"), XOR, estimator=PAIRS, batch=4, budget=400
    )
    assert 0 < found.measured["noise"] < 1e-6
    assert found.measured["signal_to_noise"] > 1e3
    assert 1e-3 < found.amplitude < 0.1
    assert not any("Noise" in warning for warning in found.warnings)


def test_more_noise_asks_for_a_larger_amplitude(noisy):
    quiet = pg.chips.CostNoise(pg.chips.Simulated(NET, "mse"), 3e-6)
    found = tune(quiet, XOR, estimator=PAIRS, batch=4, budget=600)
    assert noisy.amplitude / found.amplitude == pytest.approx(10, rel=0.6)


def test_noise_that_dominates_is_said_with_numbers():
    chip = pg.chips.CostNoise(Bowl(start=0.2), 0.5)
    found = tune(chip, XOR, estimator=PAIRS, batch=4, budget=2000)
    assert any("Noise dominates" in text for text in found.warnings), found.warnings


def test_the_rate_of_an_adaptive_rule_is_the_length_of_its_steps():
    chip = pg.chips.Simulated(NET, "mse")
    plain = {"estimator": PAIRS, "batch": 4, "budget": 400}
    sgd = tune(chip, XOR, **plain)
    adam = tune(chip, XOR, rule="adam", **plain)
    heavy = tune(chip, XOR, rule=pg.Rule("sgd", learning_rate=1, momentum=0.9), **plain)
    assert adam.eta == pytest.approx(sgd.measured["update"])
    assert heavy.eta == pytest.approx(sgd.eta / 10)


def test_every_evaluation_is_counted():
    calls = []

    def counted(params, sample):
        def told(place):
            calls.append(1)
            return np.float32(np.sum(place**2) / 2)

        return jax.pure_callback(told, jax.ShapeDtypeStruct((), jnp.float32), params)

    @dataclass(frozen=True)
    class Counting(Bowl):
        def measure(self, params, probe, batch, key):
            return measure(counted, params, probe, batch, 1)

    found = tune(Counting(size=5), XOR, estimator=PAIRS, batch=4, budget=320)
    assert len(calls) == found.spent


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_cost_that_does_not_depend_on_the_parameters_is_refused(noise):
    chip = pg.chips.CostNoise(flat(Bowl()), noise)
    with pytest.raises(ValueError, match="the cost must depend on the parameters"):
        tune(chip, XOR, estimator=PAIRS, batch=4)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"budget": 100}, ValueError, "budget must be an integer of at least 300"),
        ({"rule": "lion"}, ValueError, "rule must be one of sgd, adam"),
        ({"write_cost": -1.0}, ValueError, "write_cost must be at least 0"),
        (
            {"estimator": pg.estimators.Backpropagation()},
            TypeError,
            "estimator must be a WeightPerturbation",
        ),
        ({"chip": pg.chips.Function(lambda p, _: p)}, TypeError, "chip must be one"),
    ],
)
@pytest.mark.usefixtures("own_complaints")
def test_what_cannot_be_tuned_is_refused(changes, error, said):
    plain = {"chip": Bowl(), "data": XOR, "estimator": PAIRS}
    with pytest.raises(error, match=said):
        tune(**plain | changes)
