"""`--effect`: imperfections by name, around whatever chip a run has."""

import json
import re

import pytest

import plexgrad as pg
from plexgrad.chips.naming import around, catalogue, peeled, table
from plexgrad.cli.options import starting_spec, with_options
from plexgrad.training.specs import preset

BARE = preset("xor")["chip"]
SHORT = ("--slots", 40, "--seeds", 1, "--points", 1, "--no-backprop", "--quiet")


def chip(spec=None, **options):
    """The chip of the spec that options make."""
    return with_options(spec or starting_spec("xor", None), options)["chip"]


def test_effects_are_laid_around_the_chip_in_order():
    found = chip(effect=["cost_noise=0.1", "drift=0.01"])
    assert found == around(BARE, [table("cost_noise=0.1"), table("drift=0.01")])
    assert chip(effect=None) == chip(effect=["none"]) == BARE


def test_options_of_the_network_reach_the_chip_inside():
    found = chip(effect=["stuck=0.1"], net="2-5-1", cost="mse", engine="shared")
    bare, effects = peeled(found)
    assert effects == [table("stuck=0.1")]
    assert bare["net"]["sizes"] == [2, 5, 1]
    assert (bare["cost"], bare["engine"]) == ("mse", "shared")
    again = starting_spec("xor", None) | {"chip": found}
    assert peeled(chip(again, activation="tanh"))[1] == effects
    assert peeled(chip(again, activation="tanh"))[0]["net"]["activation"] == "tanh"


def test_an_option_replaces_the_effects_that_there_were():
    noisy = starting_spec("xor", None) | {"chip": chip(effect=["cost_noise=0.1"])}
    assert chip(noisy) == noisy["chip"]
    assert chip(noisy, effect=["stuck=0.2"]) == around(BARE, [table("stuck=0.2")])
    assert chip(noisy, effect=["none"]) == BARE


def test_a_file_may_list_them_too():
    spec = starting_spec("xor", None) | {"effects": ["cost_noise=0.1"]}
    assert chip(spec) == around(BARE, [table("cost_noise=0.1")])
    assert chip(spec, effect=["drift=0.1"]) == around(BARE, [table("drift=0.1")])
    assert "effects" not in with_options(spec, {})


def test_a_run_says_its_effects_everywhere_and_can_be_made_again(plexgrad, tmp_path):
    words = ("--effect", "cost_noise=0.01", "--effect", "write_noise:sigma=0.002")
    status, out, _ = plexgrad("train", "xor", *SHORT, *words, "--out", "one")
    assert status == 0
    assert re.search(r"effects +cost noise \(sigma 0\.01\)\n", out)
    assert re.search(r"effects +write noise \(sigma 0\.002\)\n", out)
    page = (tmp_path / "one" / "report.html").read_text()
    assert "with cost noise (sigma 0.01) and write noise (sigma 0.002)" in page
    one = pg.Record.load("one")
    assert one.spec["chip"]["kind"] == "WriteNoise"
    assert one.spec["chip"]["chip"]["kind"] == "CostNoise"
    status, out, _ = plexgrad(
        "train", "--from", "one", "--out", "two", "--quiet", "--json"
    )
    assert status == 0
    expected = ["cost noise (sigma 0.01)", "write noise (sigma 0.002)"]
    assert json.loads(out)["effects"] == expected
    two = pg.Record.load("two")
    assert two.spec == one.spec
    assert list(two.final["test_cost"]) == list(one.final["test_cost"])


def test_explain_names_them_and_what_they_mean_for_the_engine(plexgrad):
    def told(*effects):
        words = [word for effect in effects for word in ("--effect", effect)]
        out = plexgrad("train", "xor", *words, "--explain", "--json")[1]
        return json.loads(out)

    noisy = told("cost_noise=0.01", "write_noise=0.1")
    assert noisy["effects"].startswith("cost_noise=0.01 write_noise=0.1, the innermost")
    assert noisy["engine"].endswith(", the cheapest")
    assert noisy["loop"].startswith("jax: the fused loop would need a Simulated chip")
    moved = told("cost_noise=0.01", "crosstalk=0.1", "bandwidth=1")
    assert moved["engine"] == (
        "materialised: crosstalk, bandwidth change what it simulates"
    )
    assert "effects" not in told()


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("hiccups=1", "effect must be one of .*cost_noise.*; got 'hiccups'"),
        ("cost_noise", "effect cost_noise must be cost_noise=SIGMA or"),
        ("cost_noise=-1", "sigma must be at least 0, got -1"),
        ("drift:speed=1", "drift has the fields rate, sigma, rest; got 'speed'"),
        ("quantised=99", "bits must be .* got 99"),
    ],
)
def test_bad_effects_end_in_two_and_one_clear_line(plexgrad, words, message):
    status, out, err = plexgrad("train", "xor", "--effect", words)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert re.search(message, err), err


def test_help_names_them_all(plexgrad):
    _, out, _ = plexgrad("train", "--help")
    for name, cls in catalogue().items():
        assert f"{name}=" in out
        assert cls.unit.split(",")[0].split(" ")[-1] in out
