"""How well each code finds the gradient: the angle law, and exactness after a period.

    python benchmarks/angles.py

First the cosine after exactly one period of the orthogonal codes, antithetic, amplitude
1e-3, for Walsh codes on 784-128-10 (with the peak memory of the process), an MLP and
CNNs. Then the mean cosine to the exact gradient after N independent random patterns on
a fixed sample (P = 220), beside sqrt(N / (N + P - 1)).
"""

import resource
import time

import jax
import jax.numpy as jnp
import numpy as np

import plexgrad as pg
from plexgrad.core.layout import Layout, cosine
from plexgrad.training.recorded import machine


def exact(chip, params, sample):
    """The gradient by autodiff."""
    return jax.grad(chip.loss)(params, sample)


def angle_law(seeds=200):
    """Cosines of random codes on a fixed sample of the 7x7 letters."""
    net = pg.nets.MLP([49, 4, 4])
    chip = pg.chips.Simulated(net, "mse")
    data = pg.data.load("nist7x7")
    sample = jnp.asarray(data.x_train[:1]), jnp.asarray(data.y_train[:1])
    params = net.init(jax.random.key(0))
    truth = exact(chip, params, sample)
    size = Layout.of(params).size
    print(f"| code | N | mean cosine ± s.e. ({seeds} seeds) | law | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for name in ("Rademacher", "RankOne", "Gaussian"):
        code = getattr(pg.codes, name)(1e-3)
        estimator = pg.estimators.WeightPerturbation(code, "antithetic")
        for slots in (size // 4, size, 4 * size, 16 * size):

            @jax.jit
            def measured(key, slots=slots, estimator=estimator):
                found = chip.gradient(params, sample, estimator, slots, key)
                return cosine(found, truth)

            keys = jax.random.split(jax.random.key(1), seeds)
            found = np.asarray(jax.lax.map(measured, keys))
            law = (1 + code.excess(slots, params)) ** -0.5
            print(
                f"| {name} | {slots} | {found.mean():.4f} ± "
                f"{found.std() / seeds**0.5:.4f} | {law:.4f} | "
                f"{found.mean() / law:.3f} |",
                flush=True,
            )


def after_one_period(net, batch, codes, label):
    """One minus the cosine after exactly one period, for each code."""
    chip = pg.chips.Simulated(net, "mse")
    keys = jax.random.split(jax.random.key(0), 3)
    params = net.init(keys[0])
    x = jax.random.uniform(keys[1], (batch, net.inputs))
    y = jax.nn.one_hot(
        jax.random.randint(keys[2], (batch,), 0, net.outputs), net.outputs
    )
    truth = exact(chip, params, (x, y))
    for code in codes:
        estimator = pg.estimators.WeightPerturbation(code, "antithetic")
        period = code.period(params)
        run = jax.jit(
            lambda p, k, e=estimator, n=period: chip.gradient(p, (x, y), e, n, k)
        )
        run = run.lower(params, keys[0]).compile()
        began = time.perf_counter()
        found = jax.block_until_ready(run(params, keys[0]))
        spent = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        miss = 1 - float(cosine(found, truth))
        print(
            f"| {label} | {Layout.of(params).size:,} | {type(code).__name__} | "
            f"{period:,} | {miss:.1e} | {2 * period / spent:.3g} | {peak:.2f} |",
            flush=True,
        )


def main():
    """Print both tables, the one with the memory first."""
    print(machine())
    print("| net | P | code | period | 1 - cosine | evaluations/s | peak GB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    # The largest first: the peak is that of the process so far.
    large = pg.nets.MLP([784, 128, 10])
    after_one_period(large, 1, [pg.codes.Walsh(1e-3)], "MLP 784-128-10")
    three = [getattr(pg.codes, n)(1e-3) for n in ("Sequential", "Walsh", "Sinusoid")]
    after_one_period(pg.nets.MLP([49, 16, 4]), 8, three, "MLP 49-16-4")
    after_one_period(pg.nets.CNN.vgg(1), 100, three, "CNN vgg-1, batch 100")
    after_one_period(pg.nets.CNN.vgg(1), 8, three, "CNN vgg-1, batch 8")
    smooth = pg.nets.CNN((10, 10, 1), (4, 8), (10,), activation="tanh")
    after_one_period(smooth, 8, three, "CNN without pools, batch 8")
    angle_law()


if __name__ == "__main__":
    main()
