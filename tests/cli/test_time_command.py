"""`plexgrad time`: from a record, from a task, and without either."""

import json
import re

import pytest

import plexgrad as pg
from plexgrad.training.specs import preset
from tests.timing.helpers import made

MINE = """
perturbation_s = 1e-6
write_s = 1e-3
sample_s = 1e-7
evaluation_s = 1e-7
write_j = 1e-9
write_endurance = 20
"""


@pytest.fixture
def run(tmp_path):
    """The folder of a record, beside a platform's file."""
    made().save(tmp_path / "run")
    (tmp_path / "mine.toml").write_text(MINE)
    return tmp_path / "run"


def test_a_record_is_timed_on_the_papers_platforms(plexgrad, run):
    status, out, err = plexgrad("time", run)
    assert (status, err) == (0, "")
    assert "made: 7 parameters, 3 seeds, batch 4" in out
    for word in ("HW1", "HW2", "HW3", "backprop", "rule 2 n tau_p", "upper bound"):
        assert word in out
    assert "dominates" in out
    assert re.search(r"tau_theta 20 +-", out)
    assert "How many slots training needs changes as well" in " ".join(out.split())
    assert "a bench" in out
    assert "--one-by-one" in out


def test_a_file_of_ones_own_energy_wear_and_json(plexgrad, run):
    words = ("--platform", "mine.toml", "--platform", "hw1", "--target", 0.9)
    status, out, _ = plexgrad("time", run, *words)
    assert status == 0
    assert re.search(r"Warning: mine: 40 writes .* 2 times its endurance", out)
    assert "without perturbation_j" in out
    assert "66.7 %" in out or "67 %" in out
    status, out, _ = plexgrad("time", run / "record.json", *words, "--json")
    told = json.loads(out)
    assert list(told["platforms"]) == ["mine", "HW1"]
    assert told["targets"][0]["slots"]["median"] == 400
    status, out, _ = plexgrad("time", run, *words, "--one-by-one", "--json")
    assert json.loads(out)["platforms"]["HW1"]["constants"]["parallel_samples"] == 1


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_plot_is_drawn(plexgrad, run, tmp_path, kind):
    file = tmp_path / "new" / f"times.{kind}"
    status, _, err = plexgrad("time", run, "--plot", file)
    assert status == 0
    assert file.name in err
    head = {"png": b"\x89PNG", "svg": b"<?xml"}[kind]
    assert file.read_bytes().startswith(head)


def test_a_task_is_trained_first_and_kept_if_asked(plexgrad, tmp_path):
    size = ("--slots", 400, "--seeds", 2, "--points", 6)
    words = ("--target", 0.5, "--net", "2-3-1", "--out", "kept", "--json")
    status, out, err = plexgrad("time", "xor", *size, *words)
    assert status == 0
    assert "100 %" in err
    told = json.loads(out)
    assert told["parameters"] == 13
    assert told["backpropagation"]["update_s"] > 0
    record = pg.Record.load("kept")
    assert record.curves["slot"].tolist() == [0, 1, 3, 11, 36, 121, 400]
    status, again, _ = plexgrad("time", "kept", "--target", 0.5, "--json")
    assert json.loads(again) == told
    status, _, err = plexgrad("time", "xor", "--out", "kept")
    assert (status, "without a run" in err) == (2, True)


def test_backpropagation_is_measured_where_a_record_has_none(plexgrad):
    spec = preset("xor") | {"seeds": 2, "key": 0}
    made(reference=False, spec=spec).save("bare")
    words = ("time", "bare", "--target", 0.25, "--quiet")
    status, out, _ = plexgrad(*words, "--no-backprop")
    assert status == 0
    assert "backprop" not in out
    status, out, _ = plexgrad(*words)
    assert status == 0
    assert "measured now, 250 updates" in out


def test_what_cannot_be_measured_is_said_and_the_rest_is_told(plexgrad, tmp_path):
    made(reference=False).save(tmp_path / "run")
    status, out, err = plexgrad("time", tmp_path / "run")
    assert status == 0
    assert "backpropagation is not measured" in err
    assert "HW1" in out


def test_platforms_are_listed_with_their_sources(plexgrad, run):
    status, out, _ = plexgrad("time", "--list")
    assert status == 0
    for word in ("HW1", "HW2", "HW3", "10 ns", "200 ps", "[second-hand]"):
        assert word in out
    status, out, _ = plexgrad("time", "--list", "--platform", "mine.toml", "--json")
    (mine,) = json.loads(out)
    assert (mine["name"], mine["write_s"]) == ("mine", 1e-3)


def test_table_three_is_printed(plexgrad):
    status, out, _ = plexgrad("time", "--table3")
    assert status == 0
    assert out.count("5.6 h") == 2  # ours, and the paper's
    for word in ("33 min", "200 ms", "4 ms", "480 s", "24 µs", "10.2 s", "write 98 %"):
        assert word in out
    status, out, _ = plexgrad("time", "--table3", "--json")
    assert json.loads(out)["break_even_s"] == pytest.approx(24e-6)


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "a run's folder or a task must be given, or --list"),
        ("knitting", r"a run's folder or a task \(.*xor.* got 'knitting'"),
        ("empty", "no record at empty"),
        ("run --platform HW9", "platform must be one of HW1.* got 'HW9'"),
        ("run --platform none.toml", "no platform at none.toml"),
        ("run --target 90", r"target must be an accuracy in \(0, 1\], got 90"),
        ("run --plot times.gif", "plot must end in .png.* got 'times.gif'"),
        ("run --slots 40 --net 2-1", "taken as it is, got also net, slots"),
        ("xor --points 0", "points must be .* got 0"),
        ("xor --slots 0", "slots must be .* got 0"),
    ],
)
def test_bad_input_ends_in_two_and_one_clear_line(plexgrad, run, words, message):
    (run.parent / "empty").mkdir()
    status, out, err = plexgrad("time", *words.split())
    assert (status, out) == (2, "")
    assert err.startswith("plexgrad: ")
    assert err.count("\n") == 1
    assert re.search(message, err), err
