"""`tune`: its model in closed form, chips of known terrain, and what it refuses."""

import itertools
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
from plexgrad.training.amplitude_scan import ENOUGH, MARGIN, roughness, scanned
from plexgrad.training.discrete import Keys
from plexgrad.training.order import Order
from plexgrad.training.probing import AMPLITUDES, Bench
from plexgrad.training.step_size import FADE, Method, Terrain

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


SCAN = scan_of(1e-3, 0.5, np.random.default_rng(0), 20)


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
    scan = replace(SCAN, cubic=cubic, total=0.0)
    found = scan.best_power(noise, "antithetic")
    assert found == pytest.approx((noise**2 / (8 * cubic)) ** (1 / 3), rel=0.02)


@given(st.floats(1e-4, 1e-2))
def test_no_larger_amplitude_is_taken_than_the_noise_asks_for(noise):
    scan = replace(SCAN, cubic=1e-6 * noise**2)
    best = replace(scan, total=0.0).best_power(noise, "antithetic")
    enough = noise**2 / 2 / (ENOUGH * FADE * scan.total)
    found = scan.best_power(noise, "antithetic")
    assert found == pytest.approx(max(enough, MARGIN * best), rel=0.02)


@pytest.mark.parametrize(
    ("reference", "order"), [("antithetic", 1 / 3), ("baseline", 0.5)]
)
def test_the_amplitude_grows_with_the_noise_as_it_should(reference, order):
    scan = scan_of(1e-3, 1e-3, np.random.default_rng(0), 200)
    scan = replace(scan, total=0.0)
    found = [scan.best_power(noise, reference) ** 0.5 for noise in (1e-5, 1e-3)]
    assert found[1] / found[0] == pytest.approx(100**order, rel=0.05)


def test_amplitudes_that_do_not_move_the_cost_are_left_out():
    rng = np.random.default_rng(0)
    levels = np.array(AMPLITUDES)
    odd = rng.normal(size=(12, 1)) * np.where(levels < 0.01, 0.0, levels)
    scan = scanned(levels, levels**2, odd, 0 * odd, 1e-9)
    assert scan.dead == pytest.approx(0.01)
    assert scan.best_power(1e-9, "antithetic") >= 0.99e-4


def test_a_cost_that_is_straight_again_far_away_is_not_believed():
    rng = np.random.default_rng(0)
    levels = np.array(AMPLITUDES)
    near, far = rng.normal(size=(2, 12, 1))
    odd = np.where(levels < 0.2, near, 0.7 * near + 0.3 * far) * levels
    scan = scanned(levels, levels**2, odd, 0 * odd, 1e-6)
    assert scan.most == pytest.approx(0.1)
    assert scan.dead == 0
    assert scan.total == pytest.approx(np.mean(near**2), rel=1e-3)


def test_roughness_is_told_from_curvature():
    rng = np.random.default_rng(0)
    powers = np.array(AMPLITUDES) ** 2
    even = rng.normal(size=(4000, 1)) * powers
    assert roughness(powers, even) == pytest.approx(0, abs=1e-12)
    up, down, rest = 1e-3 * rng.normal(size=(3, 4000, len(powers)))
    rough = even + (up + down) / 2 - rest[:, :1]
    assert roughness(powers, rough) == pytest.approx(1e-3, rel=0.05)


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
    found = [method.window(replace(terrain, write=write)) for write in (0.5, 1.0)]
    assert 1 < found[0] < found[1]
    assert method.window(terrain, write_cost=20.0) > 1
    lost = replace(terrain, least_update=1.5)
    slots = method.window(lost)
    sizes = [
        method.step(lost, n) * method.rms(lost, n, method.planned(lost))
        for n in (slots, slots // 2)
    ]
    assert sizes[0] >= 1.5 > sizes[1]
