"""Update rules by name: every one that optax has, plain enough for a record."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import plexgrad as pg
from plexgrad.core.spec import from_spec
from plexgrad.training.rule import build_rule, rule_spec
from plexgrad.training.specs import kinds


def with_a_learning_rate():
    """Names of optax optimisers whose only required argument is the learning rate."""
    for name, maker in inspect.getmembers(optax, inspect.isfunction):
        given = inspect.signature(maker).parameters.values()
        required = [p.name for p in given if p.default is p.empty]
        if "Gradient" in str(inspect.signature(maker).return_annotation) and (
            required == ["learning_rate"]
        ):
            yield name


NAMES = list(with_a_learning_rate())
SCHEDULE = {
    "schedule": "cosine_decay_schedule",
    "init_value": 0.2,
    "decay_steps": 10,
}


def stepped(rule, steps=3):
    """A bowl's parameters after a few updates."""
    rule = build_rule(rule, 1)
    params = {"w": jnp.asarray([1.0, -2.0])}
    state = rule.init(params)
    for _ in range(steps):
        gradient = jax.tree.map(lambda leaf: 2 * leaf, params)
        update, state = rule.update(gradient, state, params)
        params = optax.apply_updates(params, update)
    return np.asarray(params["w"])


def test_optax_has_the_common_rules():
    assert {"sgd", "adam", "adamw", "rmsprop", "adagrad", "lion"} <= set(NAMES)


@pytest.mark.filterwarnings("ignore:.*(deprecated|required in)")
@pytest.mark.parametrize("name", NAMES)
def test_every_optax_rule_can_be_named_and_recorded(name):
    rule = pg.Rule(name, learning_rate=1e-2)
    assert isinstance(rule.build(), optax.GradientTransformation)
    assert from_spec(rule_spec(rule), kinds()) == rule


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize(
    ("rule", "twin"),
    [
        (pg.Rule("sgd", learning_rate=0.1), optax.sgd(0.1)),
        (
            pg.Rule("sgd", learning_rate=0.1, momentum=0.9, nesterov=True),
            optax.sgd(0.1, momentum=0.9, nesterov=True),
        ),
        (pg.Rule("adam", {"learning_rate": 0.1}), optax.adam(0.1)),
        (
            pg.Rule("sgd", learning_rate=SCHEDULE),
            optax.sgd(optax.cosine_decay_schedule(0.2, 10)),
        ),
        (
            pg.Rule(
                "sgd",
                learning_rate={
                    "schedule": "piecewise_constant_schedule",
                    "init_value": 0.2,
                    "boundaries_and_scales": {"1": 0.5, "2": 0.1},
                },
            ),
            optax.sgd(optax.piecewise_constant_schedule(0.2, {1: 0.5, 2: 0.1})),
        ),
    ],
    ids=["sgd", "momentum", "adam", "cosine", "piecewise"],
)
def test_a_named_rule_is_the_optax_one(rule, twin):
    np.testing.assert_array_equal(stepped(rule), stepped(twin))
    again = from_spec(rule_spec(rule), kinds())
    assert again == rule == pg.Rule(rule.name, rule.options)
    assert hash(again) == hash(rule)
    np.testing.assert_array_equal(stepped(again), stepped(twin))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gradient_magic", {}, "the name of an optax function, got 'gradient_magic'"),
        ("_src", {}, "the name of an optax function"),
        ("__doc__", {}, "the name of an optax function"),
        ("constant_schedule", {"value": 1.0}, "the name of an optax rule"),
        ("sgd", {}, "optax.sgd refuses .*learning_rate"),
        ("sgd", {"learning_rate": 0.1, "speed": 2}, "optax.sgd refuses .*'speed'"),
        ("sgd", {"learning_rate": {"value": 1.0}}, "must name a schedule"),
        ("sgd", {"learning_rate": {"schedule": "slowly"}}, "got 'slowly'"),
        ("sgd", {"learning_rate": {**SCHEDULE, "ends": 1}}, "refuses .*'ends'"),
        ("sgd", {"learning_rate": {**SCHEDULE, "decay_steps": 0}}, "decay_steps=0"),
        ("sgd", {"learning_rate": lambda step: 0.1}, "a number, a word or a table"),
        ("sgd", {"learning_rate": [0.1, 0.2]}, r"or a table, got \[0.1, 0.2\]"),
    ],
)
def test_wrong_rules_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        pg.Rule(name, options)


def test_an_optax_object_is_taken_and_recorded_as_opaque():
    rule = optax.chain(optax.clip(1.0), optax.sgd(0.1))
    assert build_rule(rule, 1) is rule
    assert "opaque" in rule_spec(rule)


def test_anything_else_is_refused():
    with pytest.raises(TypeError, match="rule must be a plexgrad Rule .* got 'sgd'"):
        build_rule("sgd", 1)


@pytest.mark.usefixtures("lenient")
def test_the_word_updates_stands_for_as_many_as_the_run_makes():
    rate = {"schedule": "linear_schedule", "init_value": 1.0, "end_value": 0.0}
    rule = pg.Rule("sgd", learning_rate={**rate, "transition_steps": "updates"})
    filled = pg.Rule("sgd", learning_rate={**rate, "transition_steps": 4})
    assert rule_spec(rule)["options"]["learning_rate"]["transition_steps"] == "updates"
    gradient = jnp.ones(1)
    for made in (rule.build(4), filled.build()):
        state = made.init(gradient)
        taken = []
        for _ in range(5):
            update, state = made.update(gradient, state)
            taken.append(float(update[0]))
        assert taken == pytest.approx([-1.0, -0.75, -0.5, -0.25, 0.0])


@pytest.mark.parametrize("rate", [-1.0, -1e-9, float("nan"), float("inf"), True])
@pytest.mark.parametrize("place", ["rate", "init_value", "end_value"])
def test_a_learning_rate_that_climbs_or_is_none_is_refused(rate, place):
    schedule = {"init_value": 1.0, "end_value": 0.0, "transition_steps": 3}
    schedule = {"schedule": "linear_schedule", **schedule, place: rate}
    schedule.pop("rate", None)
    with pytest.raises(ValueError, match=rf"learning_rate must be .*, got {rate!r}"):
        pg.Rule("sgd", learning_rate=rate if place == "rate" else schedule)
