"""Every chip that is found keeps every law; what a function of a cost may be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad.chips
from plexgrad.chips import AbstractEffect, Function
from plexgrad.codes import Rademacher
from plexgrad.core.contracts import AbstractChip
from plexgrad.core.probe import Slots
from plexgrad.core.spec import concrete
from plexgrad.estimators import WeightPerturbation
from tests.laws.chip_laws import LAWS

KEY = jax.random.key(0)
CHIPS = [
    cls
    for cls in concrete(plexgrad.chips, AbstractChip)
    if not issubclass(cls, AbstractEffect)  # see test_effects
]
PARAMS = {"w": jnp.arange(5.0)}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("cls", CHIPS)
def test_law(cls, law):
    law(cls.demo())


@pytest.mark.parametrize("vectorize", [True, False])
def test_a_cost_that_is_not_a_scalar_is_refused(vectorize):
    chip = Function(lambda params, sample: params["w"] ** 2, vectorize)
    with pytest.raises(ValueError, match=r"must be a scalar, got shape \(5,\)"):
        chip.gradient(PARAMS, (), WeightPerturbation.demo(), 4, KEY)


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.bool_, jnp.float32])
def test_a_cost_may_be_of_any_type_that_counts(dtype):
    def cost(params, sample):
        return (jnp.sum(params["w"]) > 10).astype(dtype)

    estimator = WeightPerturbation(Rademacher(1.0))
    probe = estimator.ask(KEY, Slots.range(64), PARAMS)
    reading = Function(cost).measure(PARAMS, probe, (), KEY)
    assert reading.signal.dtype == jnp.float32
    assert sorted(np.unique(reading.signal)) == [0.0, 1.0]


@pytest.mark.parametrize(("reference", "count"), [("baseline", 15), ("antithetic", 24)])
def test_a_function_is_called_as_often_as_the_reading_says(reference, count):
    calls = []

    def cost(params, sample):
        jax.debug.callback(lambda value: calls.append(float(value)), params["w"][0])
        return jnp.sum(params["w"]) * sample

    estimator = WeightPerturbation(Rademacher(1e-2), reference)
    probe = estimator.ask(KEY, Slots.range(12), PARAMS)
    chip = Function(cost, vectorize=False)
    reading = chip.measure(PARAMS, probe, jnp.arange(3.0), KEY)
    jax.block_until_ready(reading)
    jax.effects_barrier()
    assert reading.evaluations == count
    assert len(calls) == count
