"""The loop beside Algorithm 1 of McCaughan et al. 2023, slot by slot in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.core.layout import Layout
from plexgrad.training import run as run_module

from .helpers import CHIP, XOR, keys_of, run_of

RNG = np.random.default_rng(11)
CLOCKS = [
    pg.Clock(1, 1, 1),
    pg.Clock(3, 4, 6),
    pg.Clock(2, 5, 7),
    *(pg.Clock(*map(int, RNG.integers(1, [6, 9, 16]))) for _ in range(6)),
]
CODES = [
    pg.codes.Rademacher(0.1),
    pg.codes.Walsh(0.1),
    pg.codes.Sequential(0.1),
    pg.codes.Sinusoid(0.1),
    pg.codes.RankOne(0.1),
]


def looped(run):
    """The parameters of the first seed after all windows, as one flat array."""
    loop, keys = run.loop(run.estimator), keys_of(run)
    train = jnp.asarray(XOR.x_train), jnp.asarray(XOR.y_train)
    last = jnp.uint32(run.updates * loop.plan.per_window)
    state = jax.jit(loop.init)(keys)
    state = jax.jit(loop.run)(state, keys, train, jnp.uint32(0), last)
    layout = Layout.of(state.params)
    return np.asarray(layout.flatten(state.params)), loop.plan


def algorithm_1(run, eta):
    """The same parameters by the published listing, in double precision."""
    keys, clock, estimator = keys_of(run), run.clock, run.estimator
    initial = CHIP.init(keys.init)
    layout = Layout.of(initial)
    patterns = np.arange(run.slots, dtype=np.uint32) // clock.tau_p
    block = estimator.code.block(keys.code, jnp.asarray(patterns), layout)
    code = np.asarray(layout.flatten(block), np.float64)
    count = clock.samples(run.slots)
    shown = run.order.indices(keys.data, jnp.arange(count, dtype=jnp.uint32))

    def cost(theta, batch):
        a = XOR.x_train[batch] @ theta[:4].reshape(2, 2) + theta[4:6]
        a = 1 / (1 + np.exp(-a)) @ theta[6:8].reshape(2, 1) + theta[8:]
        a = 1 / (1 + np.exp(-a))
        return np.mean((XOR.y_train[batch] - a) ** 2)

    theta = np.asarray(layout.flatten(initial), np.float64)
    gradient = np.zeros_like(theta)
    for n in range(run.slots + 1):
        changed = False
        if n % clock.tau_x == 0 and n < run.slots:
            batch, changed = np.asarray(shown[n // clock.tau_x]), True
        if n % clock.tau_theta == 0 and n > 0:
            theta = theta - eta * gradient / clock.tau_theta
            gradient, changed = np.zeros_like(theta), True
        if n == run.slots:
            return theta
        if estimator.reference == "antithetic":
            up, down = cost(theta + code[n], batch), cost(theta - code[n], batch)
            change = (up - down) / 2
        else:
            rest = cost(theta, batch) if changed else rest
            change = cost(theta + code[n], batch) - rest
        gradient = gradient + change * code[n] / estimator.code.power(layout)
    raise AssertionError


@pytest.mark.parametrize("number", range(len(CLOCKS)))
def test_parameters_are_those_of_algorithm_1(number):
    clock, code = CLOCKS[number], CODES[number % len(CODES)]
    reference = ("baseline", "antithetic")[number % 2]
    estimator = pg.estimators.WeightPerturbation(code, reference)
    slots = 50 // clock.tau_theta * clock.tau_theta
    run = run_of(estimator, clock, slots, batch=1 + number % 3, eta=0.8)
    found, _ = looped(run)
    np.testing.assert_allclose(found, algorithm_1(run, 0.8), atol=1e-5)


@pytest.mark.parametrize("most", [1, 3, 7])
@pytest.mark.parametrize("clock", [pg.Clock(2, 6, 10), pg.Clock(3, 20, 20)], ids=str)
def test_the_size_of_the_chunks_changes_nothing_but_rounding(monkeypatch, clock, most):
    estimator = pg.estimators.WeightPerturbation(pg.codes.Rademacher(0.1))
    run = run_of(estimator, clock, 120)
    whole, plan = looped(run)
    assert plan.per_window == 1
    monkeypatch.setattr(run_module, "BLOCK_FLOATS", most * 9 // 4 + 1)
    parts, plan = looped(run)
    assert plan.per_window > 1
    np.testing.assert_allclose(parts, whole, atol=2e-6)
