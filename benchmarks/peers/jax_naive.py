"""Baselines in plain JAX, as one would write them oneself.

(iii) a scan over antithetic pairs of `jax.random.rademacher` signs with an update after
each; (iii') its body jitted and called from Python; (iv) a scan whose step vmaps the
cost over K perturbed copies of the parameters (a convolution becomes a grouped one);
(iv-s) the scan (iii) vmapped over seeds.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

from peers.problems import DELTA, Problem
from peers.timing import Runner, repeated

CALLS = 20


def outputs(problem: Problem, layers: list, x: jax.Array) -> jax.Array:
    """The network's outputs for a batch of flat samples."""
    if problem.channels:
        x = x.reshape(-1, problem.image, problem.image, 1)
    last = len(layers) - 1
    for number, (weight, bias) in enumerate(layers):
        if weight.ndim == 4:
            x = lax.conv_general_dilated(
                x,
                weight,
                window_strides=(1, 1),
                padding="VALID",
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
            x = jax.nn.relu(x + bias)
            window = (1, 2, 2, 1)
            x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
            continue
        z = x.reshape(len(x), -1) @ weight + bias
        if problem.hidden == "sigmoid":
            x = jax.nn.sigmoid(z)
        else:
            x = z if number == last else jax.nn.relu(z)
    return x


def cost_of(problem: Problem) -> Callable[..., jax.Array]:
    """The cost, a function of (layers, x, y)."""

    def cost(layers: list, x: jax.Array, y: jax.Array) -> jax.Array:
        found = outputs(problem, layers, x)
        if problem.cost == "mse":
            return jnp.mean((found - y) ** 2)
        return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(found), axis=1))

    return cost


class Bench:
    """A problem on the device: flat start, ring, cost."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        start, self.unravel = ravel_pytree(
            [(jnp.asarray(w), jnp.asarray(b)) for w, b in problem.layers()]
        )
        self.start: Any = start
        self.x, self.y = (jnp.asarray(part) for part in problem.ring())
        self._cost = cost_of(problem)

    def cost(self, theta: jax.Array, number: Any) -> jax.Array:
        """The cost at flat parameters, on the batch of update `number`."""
        at = number % len(self.x)
        return self._cost(self.unravel(theta), self.x[at], self.y[at])

    def mean(self, theta: jax.Array) -> float:
        """The mean cost over the ring."""
        costs = [self.cost(theta, number) for number in range(len(self.x))]
        return float(sum(costs) / len(costs))

    def pair(self, carry: tuple, _: Any) -> tuple:
        """One antithetic pair and its update: the body of (iii)."""
        theta, key, number = carry
        key, now = jax.random.split(key)
        signs = jax.random.rademacher(now, theta.shape, jnp.float32)
        up = self.cost(theta + DELTA * signs, number)
        down = self.cost(theta - DELTA * signs, number)
        slope = (up - down) / (2 * DELTA)
        theta = theta - self.problem.learning_rate * slope * signs
        return (theta, key, number + 1), None

    def runner(
        self, call: Callable, carry: tuple, evaluations: int, updates: int
    ) -> Runner:
        """A method whose state is carried from call to call."""
        kept = [carry]

        def once() -> Any:
            kept[0] = call(kept[0])
            return kept[0]

        def cost() -> float:
            theta = kept[0][0]
            return self.mean(theta if theta.ndim == 1 else theta[0])

        run = repeated(once, jax.block_until_ready)
        return Runner(run, evaluations, updates, cost)


def scan(problem: Problem) -> Runner:
    """(iii): everything in one scan."""
    bench, length = Bench(problem), problem.updates

    @jax.jit
    def call(carry: tuple) -> tuple:
        return lax.scan(bench.pair, carry, None, length)[0]

    carry = (bench.start, jax.random.key(1), jnp.int32(0))
    return bench.runner(call, carry, 2 * length, length)


def stepped(problem: Problem) -> Runner:
    """(iii'): the jitted body, called from Python."""
    bench = Bench(problem)
    body = jax.jit(lambda carry: bench.pair(carry, None)[0])

    def call(carry: tuple) -> tuple:
        for _ in range(CALLS):
            carry = body(carry)
        return carry

    carry = (bench.start, jax.random.key(1), jnp.int32(0))
    return bench.runner(call, carry, 2 * CALLS, CALLS)


def vmapped(problem: Problem) -> Runner:
    """(iv): K perturbed copies side by side, one update for all of them."""
    bench, half = Bench(problem), problem.population // 2
    length = max(1, problem.updates // 16)

    def step(carry: tuple, _: Any) -> tuple:
        theta, key, number = carry
        key, now = jax.random.split(key)
        signs = jax.random.rademacher(now, (half, len(theta)), jnp.float32)
        copies = jnp.concatenate([theta + DELTA * signs, theta - DELTA * signs])
        costs = jax.vmap(bench.cost, in_axes=(0, None))(copies, number)
        slopes = (costs[:half] - costs[half:]) / (2 * DELTA)
        theta = theta - problem.learning_rate * (slopes @ signs) / half
        return (theta, key, number + 1), None

    @jax.jit
    def call(carry: tuple) -> tuple:
        return lax.scan(step, carry, None, length)[0]

    carry = (bench.start, jax.random.key(1), jnp.int32(0))
    return bench.runner(call, carry, 2 * half * length, length)


def over_seeds(problem: Problem) -> Runner:
    """(iv-s): the scan (iii), vmapped over seeds."""
    bench, length, seeds = Bench(problem), 50, problem.seeds

    @jax.jit
    @jax.vmap
    def call(carry: tuple) -> tuple:
        return lax.scan(bench.pair, carry, None, length)[0]

    starts = jnp.tile(bench.start, (seeds, 1))
    keys = jax.random.split(jax.random.key(1), seeds)
    carry = (starts, keys, jnp.zeros(seeds, jnp.int32))
    return bench.runner(call, carry, 2 * length * seeds, length * seeds)
