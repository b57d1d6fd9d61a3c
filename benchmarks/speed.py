"""Cost evaluations per second, beside what one would write in JAX oneself.

    python benchmarks/speed.py

Each row is timed in this one run, on one machine: plexgrad's whole training loop
(codes, data order, measurement, demodulation, update), and the naive JAX loop, a scan
over `jax.random.rademacher` pairs, vmapped over seeds where there are several. Medians
of five. One evaluation is one perturbed network on its batch; a pair is two.
"""

import time
from functools import partial

import jax

jax.config.update("jax_num_cpu_devices", 2)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax.flatten_util import ravel_pytree  # noqa: E402

import plexgrad as pg  # noqa: E402
from plexgrad.data import Dataset  # noqa: E402
from plexgrad.training.train import machine  # noqa: E402

ROWS = {
    # sizes, batch, seeds, pairs per update, code, pairs timed, naive pairs timed
    "XOR 2-2-1, 1024 seeds": ([2, 2, 1], 1, 1024, 1, "Rademacher", 10_000, 1000),
    "49-4-4, 1024 seeds": ([49, 4, 4], 1, 1024, 1, "Rademacher", 500, 100),
    "64-32-10 batch 64, 8 seeds": ([64, 32, 10], 64, 8, 64, "Rademacher", 6400, 640),
    "784-128-10 batch 1": ([784, 128, 10], 1, 1, 32, "RankOne", 64_000, 640),
    "784-128-10 batch 100": ([784, 128, 10], 100, 1, 32, "RankOne", 6400, 320),
}


def random_data(sizes, count=6400):
    """Uniform inputs and random targets: values do not change the speed."""
    random = np.random.default_rng(0)
    x = random.uniform(size=(count, sizes[0])).astype(np.float32)
    y = np.eye(max(2, sizes[-1]), dtype=np.float32)[
        random.integers(0, max(2, sizes[-1]), count)
    ][:, : sizes[-1]]
    names = tuple(str(n) for n in range(max(2, sizes[-1])))
    return Dataset("random", x, y, x[:10], y[:10], names, "random", {})


def ours(sizes, batch, seeds, each, code, pairs):
    """plexgrad's own throughput, from its record."""
    record = pg.train(
        pg.chips.Simulated(pg.nets.MLP(sizes), "mse"),
        random_data(sizes),
        estimator=pg.estimators.WeightPerturbation(
            getattr(pg.codes, code)(1e-2), "antithetic"
        ),
        rule=pg.Rule("sgd", learning_rate=1e-4),
        clock=pg.Clock(tau_x=each, tau_theta=each),
        slots=pairs,
        key=0,
        seeds=seeds,
        batch=batch,
        points=1,
        angles=False,
    )
    return record.throughput["evaluations_per_s"]


def naive(sizes, batch, seeds, each, pairs):
    """Evaluations per second of a plain scan over pairs, one update per pair."""
    net, cost = pg.nets.MLP(sizes), pg.nets.MSE()
    data = random_data(sizes)
    shown = jnp.asarray(data.x_train[: 8 * batch]).reshape(8, batch, -1)
    wanted = jnp.asarray(data.y_train[: 8 * batch]).reshape(8, batch, -1)
    start, unravel = ravel_pytree(net.init(jax.random.key(0)))

    def step(carry, number):
        theta, key = carry
        key, now = jax.random.split(key)
        signs = jax.random.rademacher(now, theta.shape, jnp.float32)
        x, y = shown[number % 8], wanted[number % 8]
        up = cost(net(unravel(theta + 1e-2 * signs), x), y)
        down = cost(net(unravel(theta - 1e-2 * signs), x), y)
        return (theta - 1e-4 * (up - down) / 2e-2 * signs, key), None

    @partial(jax.jit)
    def run(keys):
        def one(key):
            return jax.lax.scan(step, (start, key), jnp.arange(pairs))[0][0]

        return jax.vmap(one)(keys) if seeds > 1 else one(keys[0])

    keys = jax.random.split(jax.random.key(1), seeds)
    jax.block_until_ready(run(keys))
    began = time.perf_counter()
    jax.block_until_ready(run(keys))
    return 2 * pairs * seeds / (time.perf_counter() - began)


def main():
    """Print the table."""
    print(machine())
    print("| work | pairs per update | code | plexgrad | naive JAX | ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (sizes, batch, seeds, each, code, pairs, few) in ROWS.items():
        mine, plain = [], []
        for _ in range(5):
            mine.append(ours(sizes, batch, seeds, each, code, pairs))
            plain.append(naive(sizes, batch, seeds, each, few))
        a, b = np.median(mine), np.median(plain)
        ratios = np.asarray(mine) / np.asarray(plain)
        print(
            f"| {name} | {each} | {code} | {a:.2g} | {b:.2g} | {np.median(ratios):.1f} "
            f"({ratios.min():.1f} to {ratios.max():.1f}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
