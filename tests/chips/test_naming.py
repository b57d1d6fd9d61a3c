"""Effects by name: the words of a command line, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plexgrad.chips
from plexgrad.chips import AbstractEffect, CostNoise, Drift, Quantised, Simulated
from plexgrad.chips.naming import (
    around,
    catalogue,
    help_lines,
    options,
    peeled,
    spelled,
    table,
)
from plexgrad.core.spec import concrete, from_spec, to_spec
from plexgrad.training.specs import kinds

CHIP = Simulated.demo()


def built(*texts):
    """The chip that is spelled so."""
    return from_spec(around(to_spec(CHIP), map(table, texts)), kinds())


def test_every_effect_is_found_under_the_name_of_its_file():
    found = set(concrete(plexgrad.chips, AbstractEffect))
    assert set(catalogue().values()) == found
    for name, cls in catalogue().items():
        assert name.replace("_", "") == cls.__name__.lower()


@pytest.mark.parametrize("name", catalogue())
def test_what_is_spelled_is_built_again(name):
    effect = catalogue()[name].demo()
    assert built(*spelled(effect)).chip == CHIP
    assert built(*spelled(effect)) == effect


def test_the_first_is_the_innermost():
    chip = built("cost_noise=0.1", "drift:sigma=0.01,rest=-2", "quantised=6,low=-2")
    expected = Quantised(Drift(CostNoise(CHIP, 0.1), 0.0, 0.01, -2.0), 6, -2.0)
    assert chip == expected
    bare, tables = peeled(to_spec(chip))
    assert bare == to_spec(CHIP)
    assert [each["kind"] for each in tables] == ["CostNoise", "Drift", "Quantised"]
    assert from_spec(around(bare, tables), kinds()) == chip
    assert spelled(CHIP) == []


def test_words_are_read_as_what_they_are():
    assert built("quantised=none,stochastic=False,perturbed=TRUE") == Quantised(
        CHIP, None, stochastic=False, perturbed=True
    )
    assert table("stuck=0.1,level=none")["level"] is None
    assert table("cost_noise = 1e-3")["sigma"] == 1e-3
    assert type(table("cost_noise=1")["sigma"]) is float
    assert type(table("quantised=6")["bits"]) is int
    assert table("cost_noise=true")["sigma"] == "true"


@given(
    st.floats(0, 1, allow_nan=False),
    st.floats(0, 10),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_numbers_survive_being_spelled(rate, sigma, rest):
    chip = Drift(CHIP, rate, sigma, rest)
    assert built(*spelled(chip)) == chip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hiccups=3", "effect must be one of .*cost_noise.*; got 'hiccups'"),
        ("", "effect must be one of .*; got ''"),
        ("cost_noise", "cost_noise must be cost_noise=SIGMA or .* got 'cost_noise'"),
        ("cost_noise=", "must be cost_noise=SIGMA .* got 'cost_noise='"),
        ("cost_noise:0.1", "must be cost_noise=SIGMA .* got 'cost_noise:0.1'"),
        ("cost_noise=0.1,", "with sigma, noiseless_baseline, got 'cost_noise=0.1,'"),
        ("cost_noise=1,sigma=2", "got 'cost_noise=1,sigma=2'"),
        ("drift:speed=1", "drift has the fields rate, sigma, rest; got 'speed'"),
        ("drift:chip=1", "drift has the fields rate, sigma, rest; got 'chip'"),
    ],
)
def test_what_means_nothing_is_refused_with_what_is_known(text, message):
    with pytest.raises(ValueError, match=message):
        table(text)


@pytest.mark.usefixtures("own_complaints")
def test_a_wrong_value_is_refused_by_the_effect_itself():
    with pytest.raises(ValueError, match="sigma must be a finite number, got 'much'"):
        built("cost_noise=much")


def test_help_names_every_effect_its_fields_and_its_unit():
    lines = help_lines()
    assert len(lines) == len(catalogue())
    for line, (name, cls) in zip(lines, catalogue().items(), strict=True):
        assert line.startswith(f"{name}={options(cls)[0].upper()}: {cls.unit}")
        assert all(field in line for field in options(cls)[1:])
