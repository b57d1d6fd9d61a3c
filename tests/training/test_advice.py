"""What a chip's flaws would hide is said before the first slot, and nothing else is."""

import warnings
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.chips.effect import AbstractEffect
from plexgrad.chips.hiding import Hidden
from plexgrad.core.layout import Layout
from plexgrad.core.probe import PROMPT, Moment, Slots
from plexgrad.core.spec import concrete
from plexgrad.report.facts import warnings as told
from plexgrad.training.advice import FIRST, advised, shown
from plexgrad.training.order import Order
from plexgrad.training.rule import build_rule
from plexgrad.training.run import Run
from plexgrad.training.specs import build, preset, presets
from tests.training.helpers import CHIP, DITHER, XOR, run_of, trained

EFFECTS = list(concrete(pg.chips, AbstractEffect))
KEY = jax.random.key(3)
NEED_FILES = {"mnist", "fashion-mnist", "cifar-10"}


def around(cls, chip=CHIP):
    return replace(cls.demo(), chip=chip)


def faint(chip):
    """A run whose signal and updates are far below any flaw."""
    estimator = replace(DITHER, code=pg.codes.Rademacher(1e-5))
    return run_of(estimator, pg.Clock(1, 4, 4), 8, chip=chip, eta=1e-6)


def quietly(run):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return advised(run)


@pytest.mark.parametrize("cls", EFFECTS)
def test_what_an_effect_hides_is_said_and_what_it_does_not_is_not(cls):
    effect = around(cls)
    hides = effect.hides() != Hidden() or effect.respond(PROMPT) != PROMPT
    said = quietly(faint(effect))
    assert bool(said) == hides
    assert all(sentence.startswith(FIRST) for sentence in said)


@pytest.mark.parametrize("cls", EFFECTS)
def test_what_an_effect_adds_at_random_is_declared(cls):
    effect = around(cls)
    hidden, params = effect.hides(), jax.tree.map(jnp.zeros_like, CHIP.init(KEY))
    estimator = replace(DITHER, reference="direct")
    probe = estimator.ask(KEY, Slots.range(4096), params)
    silent = jnp.zeros(4096), jnp.float32(0)
    read, _ = jax.jit(effect.read, static_argnums=3)(*silent, probe, 1, KEY)
    assert np.std(read) == pytest.approx(hidden.reading, rel=0.1)
    layout = Layout.of(params)

    @jax.jit
    @jax.vmap
    def left(slot):
        at = Moment(slot, jnp.uint32(1))
        wanted = jax.tree.map(lambda leaf: leaf + 0.11, params)
        return layout.flatten(effect.written(params, wanted, KEY, at))

    # What differs from write to write, not from knob to knob.
    spread = np.std(left(jnp.arange(200, dtype=jnp.uint32)), axis=0).max()
    bar = max(hidden.write_step / 2, 1e-6)
    assert spread == pytest.approx(hidden.write, rel=0.2, abs=bar)
    if hidden.write_step and not hidden.lost:
        assert spread > 1e-6


def test_a_response_is_shown_while_its_pattern_is_held():
    assert shown(PROMPT, 1) == 1
    assert shown(((1, 1.0),), 1) == 0
    assert shown(((1, 1.0),), 4) == 0.75
    assert shown(((0, 0.5), (1, 0.5)), 2) == 0.75


@pytest.mark.parametrize("task", sorted(set(presets()) - NEED_FILES))
@pytest.mark.parametrize("flaw", ["none", "slight"])
def test_presets_raise_no_alarm(task, flaw):
    given = build({"key": 0} | preset(task))
    chip = given["chip"]
    if flaw == "slight":
        chip = pg.chips.CostNoise(pg.chips.WriteNoise(chip, 1e-7), 1e-7)
    clock, order = given["clock"], Order(len(given["data"].x_train), given["batch"])
    rule = build_rule(given["rule"], clock.updates(given["slots"]))
    parts = chip, given["data"], given["estimator"], rule, clock, order
    with jax.numpy_dtype_promotion("standard"):  # Adam counts its steps
        assert quietly(Run(*parts, given["slots"], KEY, 1, [0])) == []


def test_a_run_warns_and_its_record_and_report_say_so():
    noisy = pg.chips.CostNoise(CHIP, 0.5)
    with pytest.warns(UserWarning, match="below the noise of 0.7") as heard:
        found = trained(chip=noisy, slots=40)
    (sentence,) = found.extra["advice"]
    assert str(heard[0].message) == sentence
    assert "`plexgrad tune xor --effect cost_noise=0.5`" in sentence
    assert sentence in told(found)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        still = trained(chip=noisy, slots=40, advise=False)
    assert "advice" not in still.extra


def test_own_data_are_told_the_function():
    found = quietly(faint(pg.chips.CostNoise(CHIP, 0.5)))
    assert "`plexgrad tune xor" in found[0]
    run = faint(pg.chips.CostNoise(CHIP, 0.5))
    run.data = replace(XOR, spec={"name": "mine"})
    assert "plexgrad.training.tune finds" in quietly(run)[0]
