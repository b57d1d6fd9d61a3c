"""Rules of the published runs: Adam as they had it, and a dead time before any rule."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import plexgrad as pg
from plexgrad.core.spec import from_spec
from plexgrad.training.rule import rule_spec
from plexgrad.training.specs import kinds

GRADIENTS = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)


def taken(rule):
    """The updates that a rule makes of the same gradients."""
    state, found = rule.init(jnp.zeros(3)), []
    for gradient in GRADIENTS:
        update, state = rule.update(jnp.asarray(gradient), state)
        found.append(np.asarray(update))
    return np.stack(found)


def test_uncorrected_adam_is_the_published_recursion():
    mean = square = np.zeros(3)
    for gradient, update in zip(
        GRADIENTS,
        taken(pg.Rule("uncorrected_adam", learning_rate=0.1).build()),
        strict=True,
    ):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        np.testing.assert_allclose(
            update, -0.1 * mean / (np.sqrt(square) + 1e-8), rtol=1e-4
        )


@pytest.mark.usefixtures("lenient")
def test_with_corrected_moments_it_is_adam():
    raw = taken(pg.Rule("uncorrected_adam", learning_rate=0.1).build())
    step = np.arange(1, len(GRADIENTS) + 1)[:, None]
    corrected = raw * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    np.testing.assert_allclose(corrected, taken(optax.adam(0.1)), rtol=1e-3)


def test_nothing_moves_in_the_dead_time_but_the_state():
    plain = pg.Rule("uncorrected_adam", learning_rate=0.1)
    late = pg.Rule("uncorrected_adam", learning_rate=0.1, dead_updates=4)
    found = taken(late.build())
    np.testing.assert_array_equal(found[:4], 0)
    np.testing.assert_array_equal(found[4:], taken(plain.build())[4:])


def test_no_dead_time_is_the_rule_itself():
    rule = pg.Rule("sgd", learning_rate=0.1, dead_updates=0)
    np.testing.assert_array_equal(taken(rule.build()), taken(optax.sgd(0.1)))


def test_a_published_rule_survives_its_spec():
    rule = pg.Rule("uncorrected_adam", learning_rate=0.1, b1=0.8, dead_updates=3)
    assert from_spec(rule_spec(rule), kinds()) == rule


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("uncorrected_adam", {"learning_rate": 0.1, "b1": 1.0}, "b1 must be in"),
        ("uncorrected_adam", {"learning_rate": 0.1, "eps": 0.0}, "eps must be above 0"),
        ("uncorrected_adam", {}, "refuses .*learning_rate"),
        ("sgd", {"learning_rate": 0.1, "dead_updates": -1}, "dead_updates must be"),
        ("sgd", {"learning_rate": 0.1, "dead_updates": 1.5}, "dead_updates must be"),
    ],
)
def test_bad_options_are_refused_by_name(name, options, message):
    with pytest.raises(ValueError, match=message):
        pg.Rule(name, options)
