"""`plexgrad train --analog`: options, presets, traces, and what the report says."""

import json

import pytest

from plexgrad.cli.options import starting_spec, with_options
from plexgrad.core.record import Record
from plexgrad.report.facts import updates_axis
from plexgrad.report.sentence import sentence
from plexgrad.training.specs import analog_preset, build, preset, presets

OVERLAID = [task for task in presets() if analog_preset(task)]


def given(task, **options):
    spec = starting_spec(task, None, options.get("analog", False))
    return with_options(spec, options)


@pytest.mark.parametrize("task", OVERLAID)
def test_every_analog_preset_builds(task):
    arguments = build(given(task, analog=True))
    assert arguments["dynamics"].tau_hp > 0
    assert arguments["clock"].tau_x > 1
    assert arguments["estimator"].reference == "direct"


def test_a_task_without_analog_settings_keeps_its_own():
    spec = given("digits", analog=True, tau_hp=3.5)
    assert spec["dynamics"] == {"kind": "Analog", "tau_hp": 3.5}
    assert spec["estimator"]["reference"] == "direct"
    assert spec["clock"] == preset("digits")["clock"]
    assert given("digits", tau_hp=3.5) == spec
    assert "dynamics" not in given("digits")


def test_a_reference_that_is_asked_for_stays():
    spec = given("digits", analog=True, reference="antithetic")
    assert spec["estimator"]["reference"] == "antithetic"


SHORT = ("--slots", "1024", "--seeds", "2", "--points", "2", "--no-backprop", "-q")


def test_an_analog_run_leaves_a_report_and_its_traces(plexgrad, tmp_path):
    out = tmp_path / "run"
    options = (*SHORT, "--trace", "60", "--tau-hp", "2.5", "--json", "--out", str(out))
    status, told, _ = plexgrad("train", "xor", "--analog", *options)
    assert status == 0
    json.loads(told)
    record = Record.load(out)
    assert record.spec["dynamics"] == {"kind": "Analog", "tau_hp": 2.5}
    assert record.evaluations["updates"] == record.evaluations["per_seed"] == 1024
    assert (out / "traces.png").read_bytes().startswith(b"\x89PNG")
    assert "analog in every slot (filters: tau_hp 2.5, tau_theta" in sentence(record)
    assert updates_axis(record).tolist() == [0, 512, 1024]
    assert "analog in every slot" in (out / "report.html").read_text()


def test_traces_need_an_analog_run_and_a_length(plexgrad, tmp_path):
    out = ("--out", str(tmp_path / "run"))
    status, _, err = plexgrad("train", "xor", *SHORT, "--trace", "9", *out)
    assert status == 2
    assert "--trace must have a run with --analog" in err
    status, _, err = plexgrad("train", "xor", "--analog", *SHORT, "--trace", "0", *out)
    assert status == 2
    assert "trace must be an integer of at least 1" in err
    assert not (tmp_path / "run").exists()


def test_what_would_run_says_that_it_is_analog(plexgrad):
    status, out, _ = plexgrad("train", "xor", "--analog", "--explain")
    assert status == 0
    assert "analog, slot by slot" in out
