"""The equations of analog time: filters, a NumPy twin, and the discrete limit."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plexgrad as pg
from plexgrad.core.layout import Layout
from plexgrad.training.analog import Analog, AnalogLoop, high_pass, low_pass
from plexgrad.training.discrete import Keys, Loop
from plexgrad.training.order import Order
from plexgrad.training.plan import Plan
from plexgrad.training.traces import traces

from .helpers import XOR

CHIP = pg.chips.Simulated(pg.nets.MLP([2, 2, 1], initial=(-2, 2)))
LAYOUT = Layout.of(jax.eval_shape(CHIP.init, jax.random.key(0)))
KEYS = Keys.split(jax.random.key(7))
DATA = jnp.asarray(XOR.x_train), jnp.asarray(XOR.y_train)
NEVER = 2**31
WAITS = st.floats(0.05, 500)


@given(WAITS)
def test_the_high_pass_answers_a_unit_step_by_powers_of_a(tau):
    a, out = tau / (tau + 1), jnp.float32(0.0)
    for power in range(1, 30):
        out = high_pass(out, jnp.float32(power == 1), tau)
        assert float(out) == pytest.approx(a**power, rel=1e-5, abs=1e-30)


@given(WAITS, st.floats(-5, 5, width=32))
def test_the_low_pass_settles_at_its_input(tau, level):
    r, out = tau / (tau + 1), jnp.float32(0.0)
    for slots in range(1, 30):
        out = low_pass(out, jnp.float32(level), tau)
        expected = level * (1 - r**slots)
        assert float(out) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    kept = low_pass(jnp.float32(level), jnp.float32(level), tau)
    assert float(kept) == pytest.approx(level, rel=1e-6)


def test_the_gain_of_a_sinusoid_is_the_one_that_the_module_states():
    tau, slots = 3.0, np.arange(4000)
    a = tau / (tau + 1)
    for turns in (0.02, 0.1, 0.25, 0.5):
        wave = np.cos(2 * np.pi * turns * slots)

        def through(out, step):
            out = high_pass(out, step, tau)
            return out, out

        steps = jnp.asarray(np.diff(wave), jnp.float32)
        told = np.asarray(jax.lax.scan(through, jnp.float32(0.0), steps)[1])
        late = slice(1999, 3999)
        c = np.cos(2 * np.pi * turns)
        expected = a * (1 + a) * (1 - c) / (1 - 2 * a * c + a * a)
        found = told[late] @ wave[1:][late] / (wave[1:][late] @ wave[1:][late])
        assert found == pytest.approx(expected, rel=1e-3)


def twin(code, key, clock, tau_hp, eta, slots):
    """The equations of Algorithm 2, step by step in NumPy and double precision."""
    keys = Keys.split(jax.random.fold_in(jax.random.key(key), 0))
    theta = np.asarray(LAYOUT.flatten(CHIP.init(keys.init)), float)
    number = jnp.arange(slots, dtype=jnp.uint32)
    block = code.block(keys.code, number // jnp.uint32(clock.tau_p), LAYOUT)
    dither = np.asarray(LAYOUT.flatten(block), float)
    order = Order(4, 1).indices(keys.data, number // jnp.uint32(clock.tau_x))
    shown = np.asarray(order)[:, 0]
    power, a = code.power(LAYOUT), tau_hp / (tau_hp + 1)
    w = 1 / (clock.tau_theta + 1)

    def cost(theta, n):
        tree = LAYOUT.unflatten(jnp.arange(9, dtype=jnp.float32))
        at = jax.tree.map(lambda leaf: theta[np.asarray(leaf, int)], tree)
        out = np.asarray(XOR.x_train[n], float)
        for weights, bias in at:
            out = 1 / (1 + np.exp(-(out @ weights + bias)))
        return float(np.sum((XOR.y_train[n] - out) ** 2))

    found, before, mod, g = [], 0.0, 0.0, np.zeros(9)
    for t in range(slots):
        c = cost(theta + dither[t], shown[t])
        if t % clock.tau_x == 0:
            before = c
        mod = a * mod + a * (c - before)
        g = w * mod * dither[t] / power + (1 - w) * g
        found.append((c, mod, theta, dither[t], g))
        theta, before = theta - eta * g, c
    return [np.array(part) for part in zip(*found, strict=True)]


@pytest.mark.parametrize(
    ("code", "clock", "tau_hp"),
    [
        (pg.codes.Rademacher(0.1), pg.Clock(1, 5, 3), 1.6),
        (pg.codes.Sinusoid(0.1), pg.Clock(2, 50, 20), 8.0),
        (pg.codes.Walsh(0.05), pg.Clock(3, 7, 1), 0.5),
        (pg.codes.Sequential(0.1), pg.Clock(4, 9, 11), 3.0),
    ],
    ids=lambda part: type(part).__name__,
)
def test_a_numpy_twin_agrees_to_rounding(code, clock, tau_hp):
    eta, slots = 0.05, 400
    expected = twin(code, 3, clock, tau_hp, eta, slots)
    found = traces(
        CHIP,
        XOR,
        estimator=pg.estimators.WeightPerturbation(code),
        rule=pg.Rule("sgd", learning_rate=eta),
        clock=clock,
        slots=slots,
        key=3,
        dynamics=Analog(tau_hp),
    )
    names = ("cost", "modulation", "params", "perturbation", "gradient")
    for name, value in zip(names, expected, strict=True):
        # The cost is rounded at 6e-8, and e divides it by the amplitude.
        np.testing.assert_allclose(
            getattr(found, name)[0], value, rtol=2e-5, atol=2e-5, err_msg=name
        )
    np.testing.assert_array_equal(found.sample[0], np.arange(slots) // clock.tau_x)


def loop(code, eta, tau_hp, tau_theta, tau_x=NEVER):
    estimator = pg.estimators.WeightPerturbation(code, "direct")
    plan = Plan.make(pg.Clock(1, tau_x, 1), 1)
    rule = optax.sgd(eta)
    return AnalogLoop(CHIP, estimator, rule, Order(4, 4), plan, tau_hp, tau_theta)


def errors(code, tau_hp, slots):
    """e of every slot with the parameters at rest: G of a low-pass that has no wait."""
    at_rest = loop(code, 0.0, tau_hp, 0.0)

    def body(state, slot):
        state = at_rest.step(slot, state, KEYS, DATA)
        return state, LAYOUT.flatten(state.gradient)

    start = at_rest.init(KEYS)
    slot = jnp.arange(slots, dtype=jnp.uint32)
    return np.asarray(jax.lax.scan(body, start, slot)[1], float)


def discrete(code, eta):
    """The discrete loop that updates after every period of the code."""
    period = code.period(LAYOUT)
    estimator = pg.estimators.WeightPerturbation(code)
    plan = Plan.make(pg.Clock(1, NEVER, period), period)
    return Loop(CHIP, estimator, optax.sgd(eta * period), Order(4, 4), plan), period


CODES = pg.codes.Walsh(0.05), pg.codes.Sinusoid(0.05)


@pytest.mark.parametrize("code", CODES, ids=lambda code: type(code).__name__)
def test_at_rest_the_mean_error_goes_to_the_discrete_estimate(code):
    still, period = discrete(code, 0.0)
    params, window = still.init(KEYS).params, jnp.uint32(0)
    estimate = jax.jit(still.window_gradient)(params, window, KEYS, DATA)
    expected = np.asarray(LAYOUT.flatten(estimate))
    away = []
    for tau_hp in (60.0, 600.0):
        mean = errors(code, tau_hp, period).mean(axis=0)
        away.append(np.linalg.norm(mean - expected) / np.linalg.norm(expected))
    # O(T / tau_hp): a tenth at ten times tau_hp.
    assert away[1] < period / 600
    assert away[0] / away[1] == pytest.approx(10, rel=0.3)


@pytest.mark.parametrize("tau", [0.3, 20.0])
def test_the_low_pass_changes_the_sum_by_what_it_still_holds(tau):
    e = np.random.default_rng(3).normal(size=50).astype(np.float32)

    def through(g, new):
        g = low_pass(g, new, tau)
        return g, g

    g = np.asarray(jax.lax.scan(through, jnp.float32(0.0), jnp.asarray(e))[1], float)
    assert g.sum() == pytest.approx(e.sum() - tau * g[-1], abs=1e-3)


def ends(code, etas, flow=8.0):
    """Parameters at the start, after the discrete loop, and after the analog one.

    The run has flow / eta slots, fewer than tau_hp. All but eta is kept.
    """
    period = code.period(LAYOUT)

    @jax.jit
    def run(eta, last):
        first = jnp.uint32(0)
        windowed, moving = discrete(code, eta)[0], loop(code, eta, 1e4, 10.0)
        start = moving.init(KEYS)
        analog = moving.run(start, KEYS, DATA, first, last * jnp.uint32(period))
        after = windowed.run(windowed.init(KEYS), KEYS, DATA, first, last)
        states = start, after, analog
        return jnp.stack([LAYOUT.flatten(state.params) for state in states])

    windows = [round(flow / eta / period) for eta in etas]
    return np.array(
        [run(jnp.float32(e), jnp.uint32(n)) for e, n in zip(etas, windows, strict=True)]
    )


@pytest.mark.parametrize("code", CODES, ids=lambda code: type(code).__name__)
def test_slowly_moving_parameters_follow_the_discrete_loop(code):
    start, after, analog = np.moveaxis(ends(code, (0.02, 0.01, 0.005, 0.0025)), 1, 0)
    away, way = (np.linalg.norm(after - other, axis=1) for other in (analog, start))
    assert (way > 0.5).all()
    assert away[-1] < 0.02 * way[-1]
    # O(eta): half the distance at half the rate.
    np.testing.assert_allclose(away[:-1] / away[1:], 2, rtol=0.15)
