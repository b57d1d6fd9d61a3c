"""What every effect promises, each promise once. `LAWS` is applied to whatever is found.

`cls(chip)` is at strength 0; `demo()` is not.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad.chips
from plexgrad.chips import AbstractEffect, Simulated
from plexgrad.codes import Rademacher
from plexgrad.core.clock import Clock
from plexgrad.core.probe import Moment, Slots
from plexgrad.core.spec import concrete, from_spec, to_spec
from plexgrad.estimators import Backpropagation, WeightPerturbation
from plexgrad.nets import MLP
from plexgrad.training.specs import kinds
from tests.laws.chip_laws import material

CHIP = Simulated(MLP([3, 4, 2], initial=(-0.5, 0.5)))
KEY, DEVICE = jax.random.key(2), jax.random.key(3)
AT = Moment(jnp.uint32(12), jnp.uint32(6))
CLOCK = Clock(tau_x=4, tau_theta=12)
ESTIMATORS = [
    WeightPerturbation(Rademacher(0.3), "baseline"),
    WeightPerturbation(Rademacher(0.3), "antithetic"),
    Backpropagation(),
]


def told(chip, key=DEVICE, start=12, count=12, batch=None):
    """All that a chip answers: readings, outputs, scores, and what it holds."""
    params, samples = material(chip)
    batch = samples if batch is None else batch
    params = chip.settle(params, key)
    update = jax.tree.map(lambda leaf: 0.1 * jnp.ones_like(leaf), params)
    readings = [reading(chip, e, params, batch, key, start, count) for e in ESTIMATORS]
    return (
        readings,
        params,
        chip.write(params, update, key, AT),
        chip.predict(params, batch[0][0], key),
        chip.score(params, batch[0][0], batch[1][0], key),
    )


def reading(chip, estimator, params, batch, key, start, count):
    slots = Slots(jnp.uint32(start), count, 1, CLOCK)
    found = chip.measure(params, estimator.ask(KEY, slots, params), batch, key)
    return found.cost, found.signal, found.gradient


def equal(one, two):
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True)
    return all(np.array_equal(a, b) for a, b in leaves)


def law_at_strength_zero_it_is_the_chip_bit_for_bit(cls):
    assert cls(CHIP).ideal
    assert equal(told(cls(CHIP)), told(CHIP))
    inside = cls.demo()
    assert equal(told(cls(inside)), told(inside))


def law_the_demo_changes_something(cls):
    assert not cls.demo().ideal
    assert not equal(told(cls.demo()), told(cls.demo().chip))


def law_the_key_names_the_device(cls):
    chip = cls.demo()
    assert equal(told(chip), told(chip))
    assert equal(told(chip), told(jax.tree.map(lambda leaf: leaf, chip)))


def law_how_slots_are_cut_does_not_show(cls):
    chip = cls.demo()
    params, (x, y) = material(chip)
    for estimator in ESTIMATORS[:2]:
        whole = reading(chip, estimator, params, (x, y), DEVICE, 12, 12)[1]
        for sample in range(3):
            batch = (x[sample : sample + 1], y[sample : sample + 1])
            for half in range(2):
                start = 4 * sample + 2 * half
                part = reading(chip, estimator, params, batch, DEVICE, 12 + start, 2)[1]
                np.testing.assert_allclose(
                    part, whole[start : start + 2], rtol=1e-4, atol=2e-6
                )


def law_any_two_effects_can_be_stacked(cls):
    for other in concrete(plexgrad.chips, AbstractEffect):
        outer = dataclasses.replace(cls.demo(), chip=other.demo())
        assert outer.depth == 2
        found = jax.eval_shape(lambda chip=outer: told(chip))
        assert jax.tree.structure(found) == jax.tree.structure(told(CHIP))


def law_evaluations_are_those_of_the_probe(cls):
    chip = cls.demo()
    params, batch = material(chip)
    for estimator in ESTIMATORS:
        probe = estimator.ask(KEY, Slots(jnp.uint32(0), 12, 1, CLOCK), params)
        assert chip.measure(params, probe, batch, DEVICE).evaluations == (
            probe.evaluations(len(batch[0]))
        )


def law_it_survives_its_spec(cls):
    chip = cls.demo()
    assert hash(dataclasses.replace(chip)) == hash(chip)
    assert from_spec(to_spec(chip), kinds()) == chip


def law_it_says_that_it_wraps_chips_only(cls):
    with pytest.raises(TypeError, match="chip"):
        cls(3)


LAWS = [law for name, law in sorted(globals().items()) if name.startswith("law_")]
