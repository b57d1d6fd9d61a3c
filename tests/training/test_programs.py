"""A second run of a kind compiles nothing, and no program is taken for another."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import monitoring

import plexgrad as pg
from plexgrad.core.code import AbstractCode
from plexgrad.core.contracts import AbstractChip, AbstractEstimator
from plexgrad.core.spec import concrete
from plexgrad.training import programs

from .helpers import same_record, trained

COMPILED = []
monitoring.register_event_duration_secs_listener(
    lambda name, _, **__: COMPILED.append(name) if "backend_compile" in name else None
)


@pytest.fixture(autouse=True)
def none_kept():
    programs.forget()


def again(one, other):
    """Whether what was made of one thing is used for the other."""
    first = programs.kept(one, object)
    return programs.kept(other, object) is first


@pytest.mark.usefixtures("lenient")
def test_a_second_run_compiles_nothing():
    def run(key, rate=0.1):
        rule = optax.adam(rate)
        return trained(rule=rule, key=key, slots=200, seeds=2, backpropagation=True)

    first = run(0)
    COMPILED.clear()
    run(1)
    same_record(run(0), first)
    assert COMPILED == []
    programs.forget()
    slower = run(0, rate=0.01)
    assert slower.final["train_cost"][0] != first.final["train_cost"][0]
    assert COMPILED != []


DEMOS = [
    *concrete(pg.codes, AbstractCode),
    *concrete(pg.estimators, AbstractEstimator),
    *(c for c in concrete(pg.chips, AbstractChip) if c is not pg.chips.Function),
]


@pytest.mark.parametrize("cls", DEMOS)
def test_what_is_made_of_equal_parts_is_used_again(cls):
    assert again(cls.demo(), cls.demo())
    assert not again(cls.demo(), [cls.demo()])


@pytest.mark.parametrize(
    "make",
    [
        optax.sgd,
        optax.adamw,
        partial(optax.sgd, momentum=0.9),
        lambda rate: optax.sgd(optax.cosine_decay_schedule(rate, 10)),
        lambda rate: optax.chain(optax.clip(1.0), optax.adam(rate)),
        np.float32,
        jnp.float32,
        lambda rate: {"rate": [rate]},
        lambda rate: jax.random.key(int(100 * rate)),
    ],
)
def test_values_and_rules_are_known_by_what_they_hold(make):
    assert again(make(0.1), make(0.1))
    assert not again(make(0.1), make(0.2))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        ((1,), [1]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.float32(1), np.float64(1)),
        (np.zeros(3), np.zeros((3, 1))),
        (jnp.float32(1), jnp.asarray(1.0)),
        (jnp.tanh, jnp.sinh),
    ],
)
def test_what_only_looks_equal_is_another(one, other):
    assert again(one, one)
    assert not again(one, other)


def test_what_may_change_has_no_name():
    def own(x):
        return x

    class Own(pg.codes.Rademacher):
        pass

    loop = [1]
    loop.append(loop)
    for thing in (own, Own(0.1), loop, object(), np.zeros(2**20), np.array([own])):
        assert not again(thing, thing)


def test_a_patched_function_is_another(monkeypatch):
    before = pg.codes.Rademacher.block
    assert again(before, before)
    monkeypatch.setattr(pg.codes.Rademacher, "block", lambda *_: None)
    assert not again(pg.codes.Rademacher.block, pg.codes.Rademacher.block)


def test_no_more_programs_are_kept_than_said():
    first = programs.kept(0, object)
    for number in range(programs.KEPT):
        programs.kept(number + 1, object)
    assert programs.kept(0, object) is not first
