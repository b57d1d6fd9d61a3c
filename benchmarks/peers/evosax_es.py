"""Baseline (v): Open_ES of evosax, antithetic, constant std, plain SGD, in a scan.

Optional: `pip install evosax==0.3.2`. Gaussian noise and ranked fitness: a reference
for speed, not an equal estimator.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from evosax.algorithms import Open_ES
from jax import lax

from peers.jax_naive import Bench, cost_of
from peers.problems import DELTA, Problem
from peers.timing import Runner, repeated


def open_es(problem: Problem) -> Runner:
    """(v): ask, vmapped cost, tell, in a scan."""
    bench, cost = Bench(problem), cost_of(problem)
    start = bench.unravel(bench.start)
    strategy = Open_ES(
        population_size=problem.population,
        solution=start,
        optimizer=optax.sgd(problem.learning_rate),
        std_schedule=optax.constant_schedule(DELTA),
    )
    options = strategy.default_params
    length = max(1, problem.updates // 16)

    def step(carry: tuple, _: Any) -> tuple:
        state, key, number = carry
        key, ask, tell = jax.random.split(key, 3)
        population, state = strategy.ask(ask, state, options)
        at = number % len(bench.x)
        fitness = jax.vmap(cost, in_axes=(0, None, None))(
            population, bench.x[at], bench.y[at]
        )
        state, _ = strategy.tell(tell, population, fitness, state, options)
        return (state, key, number + 1), None

    @jax.jit
    def call(carry: tuple) -> tuple:
        return lax.scan(step, carry, None, length)[0]

    state = strategy.init(jax.random.key(0), start, options)
    kept = [(state, jax.random.key(1), jnp.int32(0))]

    def once() -> Any:
        kept[0] = call(kept[0])
        return kept[0]

    def mean() -> float:
        return bench.mean(kept[0][0].mean)

    run = repeated(once, jax.block_until_ready)
    return Runner(run, problem.population * length, length, mean)
