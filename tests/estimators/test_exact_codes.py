"""Codes with a period give the gradient itself after one, and with bounded memory."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad.codes
from plexgrad.chips import Simulated
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import cosine, dot
from plexgrad.core.spec import concrete
from plexgrad.estimators import WeightPerturbation
from plexgrad.nets import CNN, MLP

LIKE = {"w": jnp.zeros((3, 2))}
PERIODIC = [
    cls for cls in concrete(plexgrad.codes, AbstractCode) if cls.demo().period(LIKE)
]
CHIPS = {
    "MLP": Simulated(MLP([49, 4, 4])),
    "CNN": Simulated(
        CNN((8, 8, 1), (3, "pool", 4), (5, 3), "tanh"), cost="cross_entropy"
    ),
}


@pytest.mark.parametrize("cls", PERIODIC)
@pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
def test_one_period_of_antithetic_pairs_is_the_gradient(chip, cls):
    params = chip.init(jax.random.key(3))
    x = np.random.default_rng(0).random((1, chip.net.inputs), np.float32)
    sample = jnp.asarray(x), jnp.eye(chip.net.outputs)[:1]
    estimator = WeightPerturbation(cls(1e-3), "antithetic")
    period = estimator.code.period(params)
    found = jax.jit(
        lambda key, start: chip.gradient(params, sample, estimator, period, key, start)
    )
    exact = jax.jit(jax.grad(chip.loss))(params, sample)
    for start in (0, 77):
        whole = found(jax.random.key(9), jnp.uint32(start))
        assert cosine(whole, exact) >= 0.9999
        assert dot(whole, exact) / dot(exact, exact) == pytest.approx(1, abs=0.01)


PROBE = r"""
import json, pathlib, re
import jax, jax.numpy as jnp
import plexgrad as pg
from plexgrad.core.layout import cosine

chip = pg.chips.Simulated(pg.nets.MLP([784, 128, 10], "tanh"), "cross_entropy")
params = chip.init(jax.random.key(0))
sample = jax.random.uniform(jax.random.key(1), (1, 784)), jnp.eye(10)[:1]
estimator = pg.estimators.WeightPerturbation(pg.codes.Walsh(1e-3), "antithetic")
period = estimator.code.period(params)
find = jax.jit(lambda key: chip.gradient(params, sample, estimator, period, key))
found = float(cosine(find(jax.random.key(2)), jax.grad(chip.loss)(params, sample)))
# Not getrusage: its peak starts at that of the process which started this one.
status = pathlib.Path("/proc/self/status").read_text()
peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1])
print(json.dumps([chip.net.parameters, period, found, peak * 1024]))
"""


def test_a_hundred_thousand_parameters_are_read_exactly_in_bounded_memory():
    text = subprocess.check_output([sys.executable, "-c", PROBE], text=True)
    parameters, period, found, peak = json.loads(text)
    assert (parameters, period) == (101_770, 2**17)
    assert found >= 0.9999
    # All patterns at once would be 53 GB.
    assert peak < 1.5e9
