"""The library in ten lines: a simulated chip learns the 7x7 letters.

python examples/library.py
"""

import jax
import optax

import plexgrad as pg

net = pg.nets.MLP([49, 4, 4], activation="sigmoid")
chip = pg.chips.Simulated(net, cost="mse")
estimator = pg.estimators.WeightPerturbation(
    pg.codes.Rademacher(1e-2), reference="baseline"
)
record = pg.train(
    chip,
    pg.data.load("nist7x7"),
    estimator=estimator,
    rule=optax.sgd(0.5),
    clock=pg.Clock(tau_p=1, tau_x=1, tau_theta=10),
    slots=200_000,
    key=jax.random.key(0),
    seeds=8,
)
print("test accuracy of each seed:", record.final["test_accuracy"])
print("cost evaluations per seed: ", record.evaluations["per_seed"])
