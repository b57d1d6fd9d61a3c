"""`tune`: its model in closed form, chips of known terrain, and what it refuses."""

import itertools
import json
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plexgrad as pg
from plexgrad.chips.measuring import measure
from plexgrad.core.contracts import AbstractTrainable
from plexgrad.core.layout import Layout
from plexgrad.core.probe import WeightProbe
from plexgrad.training.amplitude_scan import scanned
from plexgrad.training.discrete import Keys
from plexgrad.training.order import Order
from plexgrad.training.pilot import _shared
from plexgrad.training.probing import Bench
from plexgrad.training.recommendation import Recommendation
from plexgrad.training.step_size import Method, Terrain
from plexgrad.training.tune import AMPLITUDES, tune
from plexgrad.training.write_test import arriving, shaken, tested

XOR = pg.data.load("xor")
PAIRS = pg.estimators.WeightPerturbation(pg.codes.Rademacher(1.0), "antithetic")
NET = pg.nets.MLP([2, 4, 1])


@dataclass(frozen=True)
class Bowl(AbstractTrainable):
    """A chip of P parameters that answers with half their weighted square, no more.

    Curvature is `bend` times the identity plus `tie` times all ones. It can be measured
    and written to, and nothing else.
    """

    size: int = 40
    bend: float = 0.5
    tie: float = 0.02
    start: float = 1.0

    accepts = (WeightProbe,)
    inputs, outputs = 2, 1

    def init(self, key):
        return self.start * jax.random.normal(key, (self.size,))

    def cost(self, params, sample):
        square = jnp.float32(self.bend) * jnp.sum(params**2)
        return (square + jnp.float32(self.tie) * jnp.sum(params) ** 2) / 2

    def measure(self, params, probe, batch, key):
        return measure(self.cost, params, probe, batch)

    def predict(self, params, x, key=None, through=()):
        raise AssertionError("silicon has no other outputs")

    def score(self, params, x, y, key=None, through=()):
        return jnp.float32(0), jnp.float32(0)

    @classmethod
    def demo(cls):
        return cls()


def bench_of(chip, data=XOR, batch=4):
    keys = Keys.split(jax.random.key(0))
    return Bench(chip, data, Order(len(data.x_train), batch), keys)


def flat(chip):
    """A chip whose cost does not depend on its parameters."""
    return replace(chip, bend=0.0, tie=0.0)


# The amplitude


def scan_of(noise, cubic, rng, directions=4000, total=1.0, trace=2.0, bend=0.3):
    """A scan of a cost with known slopes, curvature and cubic departure."""
    levels = np.array(AMPLITUDES)
    slope, third, second = rng.normal(size=(3, directions, 1))
    odd = slope * np.sqrt(total) * levels + third * np.sqrt(cubic) * levels**3
    even = (trace + second * bend * np.sqrt(2)) * levels**2 / 2
    up, down, rest = rng.normal(size=(3, directions, len(levels))) * noise
    return scanned(
        levels,
        levels**2,
        odd + (up - down) / 2,
        even + (up + down) / 2 - rest[:, :1],
        noise,
    )


def test_a_scan_finds_slope_curvature_and_departure():
    scan = scan_of(1e-3, 0.5, np.random.default_rng(0))
    assert scan.seen
    assert scan.departs
    assert scan.total == pytest.approx(1.0, rel=0.1)
    assert scan.trace == pytest.approx(2.0, rel=0.02)
    assert scan.bend == pytest.approx(0.3, rel=0.1)
    assert scan.cubic == pytest.approx(0.5, rel=0.2)
    assert scan.dead == 0
    assert scan.most == pytest.approx(0.316, rel=0.01)


@given(st.floats(1e-6, 1e-3), st.floats(0.05, 5.0))
def test_the_amplitude_of_least_error_is_the_closed_form(noise, cubic):
    scan = replace(scan_of(1e-3, 0.5, np.random.default_rng(0), 20), cubic=cubic)
    found = scan.best_power(noise, "antithetic")
    assert found == pytest.approx((noise**2 / (8 * cubic)) ** (1 / 3), rel=0.02)


@pytest.mark.parametrize(
    ("reference", "order"), [("antithetic", 1 / 3), ("baseline", 0.5)]
)
def test_the_amplitude_grows_with_the_noise_as_it_should(reference, order):
    scan = scan_of(1e-3, 1e-3, np.random.default_rng(0), 200)
    found = [scan.best_power(noise, reference) ** 0.5 for noise in (1e-5, 1e-3)]
    assert found[1] / found[0] == pytest.approx(100**order, rel=0.05)


def test_amplitudes_that_do_not_move_the_cost_are_left_out():
    rng = np.random.default_rng(0)
    levels = np.array(AMPLITUDES)
    odd = rng.normal(size=(12, 1)) * np.where(levels < 0.01, 0.0, levels)
    scan = scanned(levels, levels**2, odd, 0 * odd, 1e-9)
    assert scan.dead == pytest.approx(0.01)
    assert scan.best_power(1e-9, "antithetic") >= 0.99e-4


def test_noise_alone_is_not_seen():
    rng = np.random.default_rng(0)
    levels = np.array(AMPLITUDES)
    seen = [
        scanned(levels, levels**2, *rng.normal(size=(2, 12, len(levels))), 2**0.5).seen
        for _ in range(50)
    ]
    assert np.mean(seen) < 0.2


# The step


def method_of(size, reference="antithetic", clock=None):
    estimator = pg.estimators.WeightPerturbation(pg.codes.Rademacher(0.1), reference)
    return Method(estimator, clock or pg.Clock(), Layout.of(jnp.zeros(size)))


def terrain_of(**changes):
    plain = {
        "noise": 0.0,
        "level": 1.0,
        "total": 1.0,
        "gradient": 1.0,
        "trace": 1.0,
        "bend": 1.0,
        "cubic": 0.0,
    }
    return Terrain(**plain | changes)


@pytest.mark.parametrize("size", [2, 5])
def test_the_gain_of_an_update_is_exact_on_an_isotropic_bowl(size):
    """Against the mean over all sign patterns: A = P h G for one slot."""
    bend, eta = 0.7, 0.1
    place = np.linspace(-1, 2, size)
    cost = lambda at: bend * np.sum(at**2, -1) / 2  # noqa: E731
    gradient = bend * place
    signs = np.array(list(itertools.product((-1, 1), repeat=size)))
    moved = place - eta * signs * (signs @ gradient)[:, None]
    fall = cost(place) - cost(moved).mean()
    power = float(gradient @ gradient)
    terrain = terrain_of(
        total=power, gradient=power, trace=size * bend, bend=size**0.5 * bend
    )
    assert method_of(size).gain(terrain, 1, power, eta) == pytest.approx(fall, rel=1e-5)


def test_noise_and_batches_add_what_they_should():
    method, size = method_of(10), 10
    terrain = terrain_of(noise=0.2, total=4.0, gradient=1.0)
    signal = 0.2**2 / 2 / 0.1**2
    assert method.noise(terrain, 5, 1.0) == pytest.approx(9 / 5 * 4 + size / 5 * signal)
    assert method.shown(terrain, 5, 1.0) == pytest.approx(1 + 3 / 5)
    held = method_of(10, clock=pg.Clock(tau_x=5))
    assert held.shown(terrain, 5, 1.0) == pytest.approx(4.0)
    base = method_of(10, "baseline")
    assert base.evaluations(1) == 2
    assert method_of(10, "baseline", pg.Clock(tau_x=8)).evaluations(8) == 9
    assert base.noise(terrain, 5, 1.0) > method.noise(terrain, 5, 1.0)


@given(st.floats(1e-3, 1e3), st.integers(1, 64))
def test_twice_the_best_step_gains_nothing(scale, slots):
    method = method_of(20)
    terrain = terrain_of(total=2 * scale, gradient=scale, noise=0.1)
    gradient = method.planned(terrain)
    eta = method.step(terrain, slots)
    best = method.gain(terrain, slots, gradient, eta)
    assert best > 0
    assert method.gain(terrain, slots, gradient, 2 * eta) == pytest.approx(
        0, abs=1e-6 * best
    )
    for other in (0.9, 1.1):
        assert method.gain(terrain, slots, gradient, other * eta) < best


def test_writes_that_err_or_cost_ask_for_longer_windows():
    method = method_of(200)
    terrain = terrain_of(bend=0.2)
    assert method.window(terrain) == 1
    found = [method.window(replace(terrain, write=write)) for write in (0.01, 0.02)]
    assert 1 < found[0] < found[1]
    assert method.window(terrain, write_cost=20.0) > 1
    lost = replace(terrain, least_update=0.2)
    slots = method.window(lost)
    sizes = [
        method.step(lost, n) * method.rms(lost, n, method.planned(lost))
        for n in (slots, slots // 2)
    ]
    assert sizes[0] >= 0.2 > sizes[1]


def test_on_a_plateau_the_step_is_bounded_by_noise_and_stability():
    method = method_of(10)
    terrain = terrain_of(plateau=True, gradient=1e-9, total=1e-6)
    assert method.step(terrain, 1) == pytest.approx(0.75 * method.limit(terrain, 1))
    loud = replace(terrain, noise=1.0)
    held = method.noise(loud, 1, 0.0) + method.shown(loud, 1, 0.0)
    assert method.step(loud, 1) == pytest.approx(4 * 0.5 * 1.0 / held)


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
    told = tested(bench, terrain, 0.02, 0.3)
    assert told.write_variance(0.02) ** 0.5 == pytest.approx(sigma, rel=0.6)
    assert told.least_update == 0
    ideal = tested(bench_of(Bowl()), terrain, 0.02, 0.3)
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
    assert arriving(bench, 0.3 * level, 0.5, 1e-6) == (0.0, True)
    share, sure = arriving(bench, level, 1.0, 1e-6)
    assert sure
    assert share == pytest.approx(1.0, rel=0.2)
    terrain = terrain_of(noise=1e-6, total=10.0, trace=20.8, bend=0.8)
    told = tested(bench, terrain, 0.3 * level, 0.5)
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
    assert found.warnings == ()


def test_more_noise_asks_for_a_larger_amplitude(noisy):
    quiet = pg.chips.CostNoise(pg.chips.Simulated(NET, "mse"), 3e-6)
    found = tune(quiet, XOR, estimator=PAIRS, batch=4, budget=600)
    assert noisy.amplitude / found.amplitude == pytest.approx(10, rel=0.6)


def test_noise_that_dominates_is_said_with_numbers():
    chip = pg.chips.CostNoise(Bowl(start=0.03), 0.3)
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
