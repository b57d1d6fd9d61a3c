"""Platforms: what ships, and what a TOML file may say."""

import dataclasses
import re

import pytest

from plexgrad.timing import Platform, find_platform, platforms
from plexgrad.timing.platform import JOULES, SECONDS

PLAIN = "perturbation_s = 1e-6\nwrite_s = 2\nsample_s = 0\nevaluation_s = 1e-7\n"


def written(tmp_path, text):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    return file


def test_paper_a_ships_with_its_constants():
    found = platforms()
    tau_p = {name: found[name].perturbation_s for name in ("HW1", "HW2", "HW3")}
    tau_theta = [found[name].write_s for name in tau_p]
    tau_x = [found[name].sample_s for name in tau_p]
    assert list(tau_p.values()) == [1e-3, 10e-9, 200e-12]
    assert tau_theta == [1e-3, 1e-6, 200e-12]
    assert tau_x == [100e-9, 1e-9, 10e-12]
    for name in tau_p:
        assert found[name].evaluation_s == 0
        assert found[name].parallel_writes is None
        assert not found[name].energy_known


@pytest.mark.parametrize("platform", platforms().values(), ids=lambda p: p.name)
def test_what_ships_is_not_negative_and_says_where_it_is_from(platform):
    assert all(getattr(platform, name) >= 0 for name in SECONDS)
    assert platform.tau_p_s > 0
    assert len(platform.source) > 60
    assert any(m in platform.source for m in ("[second-hand]", "measured", "counted"))


def test_the_trainer_in_logic_takes_its_28_cycles():
    # A pair on 4 samples: per sign 1 cycle and 4 x 3, and 2 for the write, at 12 MHz.
    logic = platforms()["iCE40"]
    assert logic.parallel_samples == 1
    seconds = 2 * (logic.perturbation_s + 4 * logic.evaluation_s) + logic.write_s
    assert seconds * 12e6 == pytest.approx(28, rel=1e-5)


def test_the_instrument_takes_its_measured_round_trip():
    link = platforms()["SCPI"]
    assert 1 / link.tau_p_s == pytest.approx(9340, rel=2e-3)
    assert 1 / link.evaluation_s == pytest.approx(14_500, rel=2e-3)


def test_a_platform_is_found_by_name_in_any_case_or_by_file(tmp_path):
    assert find_platform("hw2") == platforms()["HW2"]
    file = written(tmp_path, PLAIN + "write_endurance = 1_000_000\nwrite_j = 1e-12\n")
    mine = find_platform(file)
    assert mine == find_platform(str(file)) == Platform.load(file)
    assert mine.name == "mine"
    assert (mine.write_s, mine.sample_s) == (2.0, 0.0)
    assert (mine.write_endurance, mine.write_j) == (1e6, 1e-12)
    assert mine.energy_known
    assert set(mine.energy_missing) == {*JOULES, "power_w"} - {"write_j"}
    assert Platform.load(written(tmp_path, PLAIN + 'name = "A b"')).name == "A b"


def test_a_platform_survives_the_way_through_plain_data():
    for platform in platforms().values():
        known = {k: v for k, v in dataclasses.asdict(platform).items() if v is not None}
        assert Platform.from_table(known) == platform


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("perturbation_s = [", "must be TOML"),
        (PLAIN + "speed_s = 1", "has the fields name, perturbation_s.*; got speed_s"),
        ("write_s = 1\nsample_s = 1", "must hold perturbation_s, evaluation_s"),
        (PLAIN.replace("= 2", "= -2"), r"write_s must be at least 0, got -2"),
        (PLAIN.replace("= 2", '= "2 s"'), "write_s must be a finite number, got '2 s'"),
        (PLAIN.replace("= 2", "= nan"), "write_s must be a finite number"),
        (PLAIN.replace("= 2", "= true"), "write_s must be a finite number, got True"),
        (PLAIN + "power_w = -1", "power_w must be at least 0"),
        (PLAIN + "write_endurance = 0", "write_endurance must be above 0"),
        (PLAIN + "parallel_writes = 0", "parallel_writes must be an integer"),
        (PLAIN + "parallel_samples = 1.5", "parallel_samples must be an integer"),
        (PLAIN + "source = 3", "source must be text, got 3"),
        (PLAIN + 'name = " "', "name must not be empty"),
        (
            PLAIN.replace("1e-6", "0").replace("1e-7", "0"),
            "perturbation_s and evaluation_s must not both be 0",
        ),
    ],
)
def test_a_wrong_file_is_named_with_the_rule_and_the_value(tmp_path, text, message):
    file = written(tmp_path, text)
    with pytest.raises(ValueError, match=message) as error:
        Platform.load(file)
    assert re.match(re.escape(str(file)), str(error.value))


def test_an_unknown_platform_is_told_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"HW1, HW2, HW3.* or a TOML.*got 'HW9'"):
        find_platform("HW9")
    with pytest.raises(FileNotFoundError, match=r"no platform at .*none\.toml"):
        find_platform(tmp_path / "none.toml")


@pytest.mark.usefixtures("own_complaints")
def test_a_platform_made_in_python_is_checked_too():
    with pytest.raises(ValueError, match="write_s must be at least 0, got -1"):
        Platform("mine", 1.0, -1, 0.0, 0.0)
    with pytest.raises(ValueError, match="name must be text, got 3"):
        Platform(3, 1.0, 1.0, 0.0, 0.0)
    demo = Platform.demo()
    assert demo.scaled(write_s=3.0).write_s == 3 * demo.write_s
