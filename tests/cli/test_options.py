"""From options to a spec: the preset, then a file, then every option given."""

import pytest

from plexgrad.cli.options import merge, network, starting_spec, with_options
from plexgrad.core.record import Record
from plexgrad.training.specs import build, preset


def given(task="digits", **options):
    return with_options(starting_spec(task, None), options)


def test_nothing_given_is_the_preset():
    assert given() == preset("digits")
    assert given(net=None, eta=None) == preset("digits")


@pytest.mark.parametrize(
    ("option", "value", "place"),
    [
        ("activation", "relu", ("chip", "net", "activation")),
        ("cost", "mse", ("chip", "cost")),
        ("reference", "baseline", ("estimator", "reference")),
        ("shrink", "norm", ("estimator", "shrink")),
        ("amplitude", 0.5, ("estimator", "code", "amplitude")),
        ("tau_p", 3, ("clock", "tau_p")),
        ("tau_x", 5, ("clock", "tau_x")),
        ("tau_theta", 7, ("clock", "tau_theta")),
        ("batch", 2, ("batch",)),
        ("sampling", "replacement", ("sampling",)),
        ("seeds", 3, ("seeds",)),
        ("points", 5, ("points",)),
        ("slots", 700, ("slots",)),
        ("key", 11, ("key",)),
    ],
)
def test_an_option_takes_its_place_and_changes_nothing_else(option, value, place):
    found, expected = given(**{option: value}), preset("digits")
    inner = expected
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    assert found == expected
    assert given() == preset("digits")


def test_another_code_keeps_the_amplitude_and_drops_what_it_does_not_know():
    walsh = {"kind": "Walsh", "amplitude": 0.2, "scramble": False}
    spec = merge(preset("digits"), {"estimator": {"code": walsh}})
    assert spec["estimator"]["code"] == walsh
    code = with_options(spec, {"code": "Sinusoid"})["estimator"]["code"]
    assert code == {"kind": "Sinusoid", "amplitude": 0.2}
    code = with_options(spec, {"code": "Gaussian", "amplitude": 0.3})["estimator"]
    assert code["code"] == {"kind": "Gaussian", "amplitude": 0.3}


def test_another_estimator_drops_what_it_does_not_know():
    assert given(estimator="Backpropagation")["estimator"] == {
        "kind": "Backpropagation"
    }
    same = given(estimator="WeightPerturbation")["estimator"]
    assert same == preset("digits")["estimator"]
    build(given(estimator="Backpropagation"))


def test_eta_starts_a_schedule_or_replaces_a_number():
    rate = preset("digits")["rule"]["options"]["learning_rate"]
    options = given(eta=0.7)["rule"]["options"]
    assert options == {"learning_rate": {**rate, "init_value": 0.7}}
    assert given("xor", eta=0.7)["rule"]["options"] == {"learning_rate": 0.7}


def test_another_rule_keeps_the_rate():
    rate = preset("digits")["rule"]["options"]["learning_rate"]
    rule = {"kind": "Rule", "name": "sgd", "options": {"learning_rate": rate}}
    assert given(rule="sgd")["rule"] == rule
    rule["options"] = {"learning_rate": {**rate, "init_value": 0.2}}
    assert given(rule="sgd", eta=0.2)["rule"] == rule


@pytest.mark.parametrize(
    ("text", "task", "made"),
    [
        ("64-16-10", "digits", {"kind": "MLP", "sizes": [64, 16, 10]}),
        ("cnn", "cifar-10", {"kind": "CNN", "shape": [32, 32, 3]}),
        ("cnn", "mnist", {"kind": "CNN", "shape": [28, 28, 1]}),
        ("vgg-2", "mnist", {"kind": "CNN", "dense": [8, 8, 10]}),
        ("rnn-5", "parity-3", {"kind": "RNN", "steps": 3, "sizes": [1, 5, 1]}),
        ("rnn-9", "mnist", {"kind": "RNN", "steps": 28, "sizes": [28, 9, 10]}),
        ("rnn-9", "waveforms", {"kind": "RNN", "steps": 32, "sizes": [1, 9, 4]}),
        ("ssm-3-9", "waveforms", {"kind": "SSM", "steps": 32, "sizes": [1, 3, 9, 4]}),
    ],
)
def test_a_net_in_words(text, task, made):
    found = network(text, preset(task))
    assert found | made == found


@pytest.mark.parametrize(
    "text",
    [
        "64",
        "64-",
        "64-x-10",
        "vgg",
        "vgg-x",
        "",
        "cnn",
        "rnn",
        "rnn-x",
        "rnn-",
        "ssm-8",
    ],
)
def test_a_net_that_makes_no_sense_is_refused(text):
    with pytest.raises(ValueError, match=f"net must be .* got '{text}'"):
        network(text, preset("digits"))


def test_tables_of_one_kind_merge_and_others_replace():
    old = {"a": {"kind": "X", "one": 1, "two": 2}, "b": 3}
    assert merge(old, {"a": {"two": 0}})["a"] == {"kind": "X", "one": 1, "two": 0}
    assert merge(old, {"a": {"kind": "X", "two": 0}})["a"]["one"] == 1
    assert merge(old, {"a": {"kind": "Y"}})["a"] == {"kind": "Y"}
    assert merge(old, {"a": 5, "c": 6}) == {"a": 5, "b": 3, "c": 6}
    rule = {"r": {"name": "adam", "options": {"b2": 0.9}}}
    assert merge(rule, {"r": {"name": "sgd"}})["r"] == {"name": "sgd"}
    rate = {"r": {"schedule": "cosine", "steps": 3}}
    assert merge(rate, {"r": {"schedule": "linear"}})["r"] == {"schedule": "linear"}


def test_a_toml_file_lies_over_the_preset(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('task = "digits"\nslots = 640\n[clock]\ntau_theta = 32\n')
    expected = preset("digits")
    expected["slots"], expected["clock"]["tau_theta"] = 640, 32
    assert starting_spec(None, file) == expected
    assert starting_spec("xor", file)["task"] == {"name": "xor"}


def test_a_record_stands_alone_and_its_points_follow_the_slots(tmp_path):
    rule = {"kind": "Rule", "name": "sgd", "options": {"learning_rate": 0.3}}
    spec = {"task": {"name": "digits"}, "rule": rule, "points": [0, 50, 100]}
    Record(spec, {}, {}, {}, {}, {}).save(tmp_path)
    assert starting_spec(None, tmp_path) == spec
    assert starting_spec(None, tmp_path / "record.json") == spec
    assert with_options(spec, {"slots": 40})["points"] == 2
    assert with_options(spec, {"slots": 40, "points": 5})["points"] == 5


def test_a_task_must_be_named_somewhere(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("slots = 640\n")
    for where in (None, file):
        with pytest.raises(ValueError, match="a task must be given"):
            starting_spec(None, where)


def test_an_option_without_its_table_is_refused_by_name():
    with pytest.raises(ValueError, match="--amplitude must have a code to change"):
        given(estimator="Backpropagation", amplitude=0.1)
