"""The angle between the estimate and the gradient is what theory says it is.

For N independent random signs on P parameters the mean cosine is sqrt(N / (N + P - 1)),
on the network and the task of McCaughan et al. 2023 (doi:10.1063/5.0157645).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.core.layout import cosine

PARAMETERS = 220


@pytest.fixture(scope="module")
def letter():
    """The 49-4-4 network, its parameters, one image, and the exact gradient there."""
    data = pg.data.load("nist7x7")
    chip = pg.chips.Simulated(pg.nets.MLP([49, 4, 4]))
    params = chip.init(jax.random.key(0))
    sample = jnp.asarray(data.x_train[17:18]), jnp.asarray(data.y_train[17:18])
    return chip, params, sample, jax.jit(jax.grad(chip.loss))(params, sample)


@pytest.mark.parametrize("reference", ["baseline", "antithetic"])
@pytest.mark.parametrize(
    ("slots", "seeds"),
    [
        (PARAMETERS // 4, 400),
        (PARAMETERS, 200),
        (4 * PARAMETERS, 100),
        (16 * PARAMETERS, 50),
    ],
)
def test_the_cosine_grows_as_the_law_says(letter, slots, seeds, reference):
    chip, params, sample, exact = letter
    estimator = pg.estimators.WeightPerturbation(pg.codes.Rademacher(1e-3), reference)

    @jax.jit
    def cosines(keys):
        def one(key):
            found = chip.gradient(params, sample, estimator, slots, key)
            return cosine(found, exact)

        return jax.lax.map(one, keys)

    found = np.asarray(cosines(jax.random.split(jax.random.key(1), seeds)))
    law = (slots / (slots + PARAMETERS - 1)) ** 0.5
    assert chip.net.parameters == PARAMETERS
    assert estimator.code.excess(slots, params) == pytest.approx(law**-2 - 1)
    assert found.mean() == pytest.approx(law, rel=0.02)
