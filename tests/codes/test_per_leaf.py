"""A scale per leaf: what it is for, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.core.probe import Reading, Slots

PARAMS = {"volts": jnp.zeros(4), "amperes": jnp.zeros(4)}


def test_offsets_and_gradients_are_in_the_unit_of_each_leaf():
    """A cost in which 10 mA matter as much as 5 V, read by one Walsh period."""
    code = pg.codes.PerLeaf(0.05, {"amperes": 0.002}, pg.codes.Walsh(1.0))
    estimator, key = pg.estimators.WeightPerturbation(code), jax.random.key(0)
    probe = estimator.ask(key, Slots.range(code.period(PARAMS)), PARAMS)
    offsets = probe.patterns()
    np.testing.assert_allclose(np.abs(offsets["volts"]), 0.05, rtol=1e-6)
    np.testing.assert_allclose(np.abs(offsets["amperes"]), 1e-4, rtol=1e-6)
    slope = {"volts": jnp.arange(4.0) / 5, "amperes": jnp.arange(4.0) / 0.01}
    signal = sum(offsets[name] @ slope[name] for name in PARAMS)
    found = estimator.tell(probe, Reading(jnp.float32(0), signal))
    for name in PARAMS:
        np.testing.assert_allclose(found[name], slope[name], rtol=1e-4, atol=1e-4)


def test_names_are_parts_of_paths_and_the_last_one_counts():
    tree = {"one": (jnp.zeros(2), jnp.zeros(1)), "two": (jnp.zeros(2), jnp.zeros(1))}
    code = pg.codes.PerLeaf(1.0, (("1", 0.1), ("two", 3.0)))
    assert code.factors_of(tree) == (1.0, 0.1, 3.0, 3.0)


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: pg.codes.PerLeaf(1.0, {"bias": 0.0}), "scales must be"),
        (lambda: pg.codes.PerLeaf(1.0, {}, pg.codes.Layerwise(1.0)), "got Layerwise"),
        (lambda: pg.codes.PerLeaf(1.0, {}, pg.codes.Sequential(1.0)), "got Sequential"),
        (
            lambda: pg.codes.PerLeaf(1.0, {"bias": 2.0}).powers(PARAMS),
            "scales must name parts of amperes, volts, got 'bias'",
        ),
    ],
)
def test_what_cannot_be_scaled_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()
