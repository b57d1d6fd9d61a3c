"""A grid search over amplitude, tau_theta and eta, for `benchmarks/tune.py`.

All learning rates and seeds of one amplitude and tau_theta run side by side, in one
compiled step of the same loop as `plexgrad train`.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

import plexgrad as pg
from plexgrad.training.discrete import Keys, Loop
from plexgrad.training.order import Order
from plexgrad.training.plan import Plan

POINTS, PARTS = 160, 8
SCORED = 1000
GONE = 0.05
"""A row of learning rates is given up once all seeds of it are done or diverged."""


@dataclass(frozen=True)
class Case:
    """A chip and a task, what has to be reached, and the grid.

    `etas` are for a window of one slot, and are multiplied by its length.
    """

    name: str
    flaws: str
    chip: object
    task: str
    reference: str
    batch: int
    target: float
    evaluations: int
    amplitudes: tuple = ()
    windows: tuple = ()
    etas: tuple = ()

    def clock(self, tau_theta):
        """An update every so many slots; every slot shows another batch."""
        return pg.Clock(tau_theta=tau_theta)

    def estimator(self, amplitude):
        """Random signs of this amplitude."""
        code = pg.codes.Rademacher(amplitude)
        return pg.estimators.WeightPerturbation(code, self.reference)


def evaluations_to_target(case, data, amplitude, tau_theta, etas, keys):
    """(etas, keys) evaluations at which the test accuracy was first seen there.

    Infinity where it was not. `keys` are those of seed 0 of runs.
    """
    clock, estimator = case.clock(tau_theta), case.estimator(amplitude)
    per_update = estimator.evaluations(clock, tau_theta)
    updates = max(1, case.evaluations // per_update)
    order = Order(len(data.x_train), case.batch)
    plan = Plan.make(clock, 1 << 20)
    stops = np.unique(np.geomspace(updates / 300, updates, POINTS).round().astype(int))
    stops = np.maximum(stops, 1)
    train = jnp.asarray(data.x_train), jnp.asarray(data.y_train)
    shown = np.linspace(0, len(data.x_test) - 1, min(SCORED, len(data.x_test)))
    shown = shown.round().astype(int)
    test = jnp.asarray(data.x_test[shown]), jnp.asarray(data.y_test[shown])

    def begin(eta, key):
        names = Keys.split(jax.random.fold_in(key, 0))
        loop = Loop(case.chip, estimator, optax.sgd(eta), order, plan)
        return loop.init(names)

    def advance(eta, key, state, train, test, bounds):
        names = Keys.split(jax.random.fold_in(key, 0))
        loop = Loop(case.chip, estimator, optax.sgd(eta), order, plan)

        def part(state, bound):
            per = jnp.uint32(plan.per_window)
            state = loop.run(state, names, train, bound[0] * per, bound[1] * per)
            return state, loop.chip.score(state.params, *test, names.noise)[1]

        return jax.lax.scan(part, state, bounds)

    over = partial(jax.vmap, in_axes=(0, None))
    start = jax.jit(over(jax.vmap(begin, in_axes=(None, 0))))
    inner = jax.vmap(advance, in_axes=(None, 0, 0, None, None, None))
    step = jax.jit(jax.vmap(inner, in_axes=(0, None, 0, None, None, None)))
    etas, keys = jnp.asarray(etas, jnp.float32), jnp.stack(keys)
    state = start(etas, keys)
    found = np.full((len(etas), keys.shape[0]), np.inf)
    pairs = np.stack([np.append(0, stops[:-1]), stops], 1).astype(np.uint32)
    per_part = -(-len(pairs) // PARTS)
    for first in range(0, len(pairs), per_part):
        chunk = pairs[first : first + per_part]
        state, accuracy = step(etas, keys, state, train, test, chunk)
        there = np.moveaxis(np.asarray(accuracy), -1, 0) >= case.target
        for place, row in enumerate(there):
            at = float(stops[first + place] * per_update)
            found = np.where(row & np.isinf(found), at, found)
        if np.isfinite(found).mean() > 1 - GONE:
            break
        # No other eta can be the best once half of one's seeds are there by now.
        best = np.median(found, axis=1).min()
        if best < 0.5 * stops[min(first + per_part, len(stops)) - 1] * per_update:
            break
    return found
