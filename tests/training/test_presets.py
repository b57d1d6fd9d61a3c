"""What ships for each task can be built, and specs that cannot say why."""

import inspect
import tomllib

import jax
import pytest

import plexgrad as pg
from plexgrad.cli.options import merge
from plexgrad.lab import find
from plexgrad.training.rule import rule_spec
from plexgrad.training.specs import build, describe, device_preset, preset, presets

ARGUMENTS = set(inspect.signature(pg.train).parameters)
SHAPES = {"mnist": (784, 10), "fashion-mnist": (784, 10), "cifar-10": (3072, 10)}


def built(task):
    """The arguments of a preset; data that need files are not read."""
    return build(preset(task), data=None if task in SHAPES else pg.data.load(task))


@pytest.mark.parametrize("task", [*presets(), "parity-3"])
def test_a_preset_builds_a_run_of_known_arguments(task):
    arguments = built(task)
    assert set(arguments) <= ARGUMENTS
    arguments["chip"].refuse_foreign(arguments["estimator"])
    net, data = arguments["chip"].net, arguments["data"]
    shape = SHAPES[task] if data is None else (data.features, data.outputs)
    assert (net.inputs, net.outputs) == shape
    params = jax.eval_shape(arguments["chip"].init, jax.random.key(0))
    jax.eval_shape(arguments["rule"].build().init, params)


@pytest.mark.parametrize("task", presets())
def test_a_preset_names_a_dataset_that_exists(task):
    assert pg.data.source(task).name == task


def test_the_smallest_tasks_have_presets():
    assert {"xor", "parity", "digits"} <= set(presets())


def test_parity_of_any_length_has_a_network_of_its_size():
    spec = preset("parity-3")
    assert spec["task"] == {"name": "parity-3"}
    assert spec["chip"]["net"]["sizes"] == [3, 3, 1]
    assert spec["rule"] == preset("parity")["rule"]
    with pytest.raises(ValueError, match="got 'parity-many'"):
        preset("parity-many")


def test_an_unknown_task_is_refused_with_those_known():
    with pytest.raises(ValueError, match="one of .*digits.*, got 'knitting'"):
        preset("knitting")


def test_a_described_run_is_built_again():
    arguments = built("xor")
    data = arguments.pop("data")
    parts = {
        name: arguments.pop(name) for name in ("chip", "estimator", "rule", "clock")
    }
    spec = describe(data, parts, arguments)
    again = build(spec)
    assert {name: again[name] for name in parts} == parts
    assert again["data"].name == "xor"


SPEC = """
slots = 100
task = "xor"
[chip]
kind = "Simulated"
net = {kind = "MLP", sizes = [2, 2, 1]}
[estimator]
kind = "WeightPerturbation"
code = {kind = "Rademacher"}
[rule]
name = "sgd"
options = {learning_rate = 0.1}
[clock]
kind = "Clock"
tau_theta = 10
"""


def test_a_small_spec_is_enough():
    arguments = build(tomllib.loads(SPEC))
    assert arguments["rule"] == pg.Rule("sgd", learning_rate=0.1)
    assert arguments["clock"] == pg.Clock(tau_theta=10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slots": 5}, "slots must be .* at least 10 .* got 5"),
        ({"task": "knitting"}, "name must be one of .* got 'knitting'"),
        ({"task": {"name": "parity", "bites": 3}}, "options of parity .* got bites"),
        ({"clock": {"kind": "Watch"}}, "kind must be one of .*; got 'Watch'"),
        ({"clock": {"kind": "Clock", "tau": 1}}, "Clock has the fields .*; got tau"),
        ({"clock": 7}, "clock must be a clock, got 7"),
        ({"chip": {"kind": "Clock"}}, "chip must be a chip, got Clock"),
        ({"rule": {"opaque": "an optax object"}}, "rule must be given again"),
        ({"rule": {"name": "magic"}}, "optax function, got 'magic'"),
    ],
)
def test_what_cannot_be_built_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(tomllib.loads(SPEC) | changes)


@pytest.mark.parametrize("name", ["chip", "estimator", "rule", "clock", "slots"])
def test_a_missing_part_is_named(name):
    spec = tomllib.loads(SPEC)
    del spec[name]
    with pytest.raises(ValueError, match=f"a spec must hold {name}$"):
        build(spec)


def test_updates_in_a_schedule_stay_a_word_so_that_a_rerun_may_be_longer():
    rate = {"schedule": "linear_schedule", "init_value": 1.0, "end_value": 0.0}
    rule = {"name": "sgd"}
    rule["options"] = {"learning_rate": rate | {"transition_steps": "updates"}}
    arguments = build(tomllib.loads(SPEC) | {"rule": rule})
    assert dict(arguments["rule"].options[0][1])["transition_steps"] == "updates"
    assert rule_spec(arguments["rule"])["options"] == rule["options"]


@pytest.mark.parametrize("task", ["nist7x7", "digits"])
def test_a_family_of_devices_may_have_presets_of_its_own(task):
    ours = device_preset(task, "mcu")
    assert ours != device_preset(task)
    assert device_preset(task, "nowhere") == device_preset(task)
    arguments = build(merge(preset(task), ours))
    assert arguments["rule"].name == "sgd"
    assert find.family("qemu:49-4-4") == find.family("twin:49-4-4") == "mcu"
    assert find.family("emulated:49-4-4") == ""
