"""Every effect that is found keeps every law; and all of them at once, in any order."""

import math
from dataclasses import fields, replace

import pytest

import plexgrad.chips
from plexgrad.chips import AbstractEffect, Function, Simulated
from plexgrad.chips.effect import effects
from plexgrad.core.spec import concrete
from plexgrad.nets import RNN
from tests.laws.effect_laws import CHIP, LAWS, traced

EFFECTS = list(concrete(plexgrad.chips, AbstractEffect))
every_effect = pytest.mark.parametrize("cls", EFFECTS)


@every_effect
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(cls, law):
    law(cls)


@pytest.mark.parametrize("order", [EFFECTS, EFFECTS[::-1]], ids=["from a", "from z"])
def test_all_effects_can_be_stacked_in_any_order(order):
    chip = CHIP
    for cls in order:
        chip = replace(cls.demo(), chip=chip)
    assert [type(effect) for effect in effects(chip)] == order
    assert traced(chip)[1] == traced(CHIP)[1]


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize("strength", ["much", math.nan, math.inf, -math.inf, True])
@every_effect
def test_a_strength_that_is_none_is_refused_by_its_name(cls, strength):
    name = fields(cls)[1].name
    with pytest.raises(ValueError, match=f"{name} must be .*, got {strength!r}"):
        cls(CHIP, strength)


@pytest.mark.usefixtures("own_complaints")
@every_effect
def test_what_is_no_chip_is_refused(cls):
    with pytest.raises(TypeError, match=f"{cls.__name__} must wrap a chip, got 3"):
        cls(3)


@every_effect
def test_an_effect_inside_a_network_needs_one(cls):
    hooks = [hook for hook in ("show", "emit", "drive", "fire") if cls.changes(hook)]
    if not hooks:
        assert cls(Function.demo()).accepts == Function.accepts
        return
    with pytest.raises(TypeError, match=f"{cls.__name__} .* but Function has none"):
        cls(Function.demo())
    if "drive" in hooks:
        with pytest.raises(TypeError, match="uses each layer once, got RNN"):
            cls(Simulated(RNN.demo()))
