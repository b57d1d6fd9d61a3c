"""Help names every command, every option, and every word that an option takes."""

from typing import get_args

import pytest
import typer

import plexgrad as pg
from plexgrad.cli.app import app
from plexgrad.core.code import AbstractCode
from plexgrad.core.contracts import AbstractEstimator
from plexgrad.core.probe import Reference
from plexgrad.core.spec import concrete
from plexgrad.nets.costs import NAMED
from plexgrad.nets.layers import ACTIVATIONS
from plexgrad.training.devices import Shard
from plexgrad.training.fused import LoopName
from plexgrad.training.order import Sampling
from plexgrad.training.specs import presets


def commands(command, *names):
    """Every command of the tree, with the words that call it."""
    yield names, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *names, name)


TREE = list(commands(typer.main.get_command(app)))
TRAIN = next(command for names, command in TREE if names == ("train",))


@pytest.mark.parametrize(("names", "command"), TREE, ids=lambda part: str(part))
def test_help_mentions_every_option_and_command(plexgrad, names, command):
    status, out, _ = plexgrad(*names, "--help")
    assert status == 0
    mentioned = [word for p in command.params for word in (*p.opts, *p.secondary_opts)]
    mentioned += getattr(command, "commands", {})
    for word in mentioned:
        assert word in out
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("task", presets()),
        ("code", [cls.__name__ for cls in concrete(pg.codes, AbstractCode)]),
        ("estimator", [c.__name__ for c in concrete(pg.estimators, AbstractEstimator)]),
        ("reference", get_args(Reference)),
        ("shrink", ["none", "norm", "mmse"]),
        ("activation", ACTIVATIONS),
        ("cost", NAMED),
        ("sampling", get_args(Sampling)),
        ("shard", get_args(Shard)),
        ("loop", get_args(LoopName)),
    ],
)
def test_help_lists_every_word_that_an_option_takes(option, words):
    parameter = next(p for p in TRAIN.params if p.name == option)
    assert words
    for word in words:
        assert word in parameter.help


def test_the_version_is_told(plexgrad):
    assert plexgrad("--version") == (0, f"plexgrad {pg.__version__}\n", "")


def test_no_command_shows_what_there_is(plexgrad):
    _, out, err = plexgrad()
    assert "train" in out + err
    assert "Traceback" not in err
