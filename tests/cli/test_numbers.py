"""Every number that an option takes is looked at before a command does anything."""

import typing

import pytest

from plexgrad.cli.app import app
from plexgrad.cli.numbers import AT_LEAST_0, FROM_0, RULES, commands


def of_numbers(hint):
    """Whether an option of this type takes numbers, and whether whole ones."""
    parts = {hint, *typing.get_args(hint)}
    parts |= {kind for part in parts for kind in typing.get_args(part)}
    return {int, float} & parts


FOUND = [
    (words, name, kind, command)
    for words, command in commands(app)
    for name, hint in typing.get_type_hints(command.callback).items()
    for kind in of_numbers(hint)
]


def test_every_option_that_takes_a_number_has_a_rule():
    names = {name.rstrip("_") for _, name, _, _ in FOUND}
    assert len(names) > 20
    assert names <= set(RULES)


@pytest.mark.parametrize(
    ("words", "name", "kind", "command"),
    FOUND,
    ids=[f"{'-'.join(words)}-{name}" for words, name, _, _ in FOUND],
)
def test_a_number_that_means_nothing_is_refused_by_its_option(
    words, name, kind, command
):
    plain = name.rstrip("_")
    bad = [-1] if kind is int else [-1.0, float("nan"), float("inf")]
    if plain not in (*AT_LEAST_0, *FROM_0):
        bad.append(kind(0))
    for number in bad:
        with pytest.raises(ValueError, match=f"{plain} must be .*, got {number!r}"):
            command.callback(**{name: number})


@pytest.mark.parametrize(
    "words",
    [
        ("train", "xor", "--eta", "-1"),
        ("train", "xor", "--amplitude", "nan"),
        ("tune", "xor", "--write-cost", "-1"),
        ("time", "--target", "0", "runs/none"),
        ("chip", "train", "emulated:2-2-1", "xor", "--patience", "inf"),
    ],
)
def test_it_ends_in_one_line_and_leaves_nothing(plexgrad, somewhere, words):
    status, _, err = plexgrad(*words)
    assert status == 2
    assert "must be" in err
    assert err.count("\n") == 1
    assert not any(path.name == "runs" for path in somewhere.iterdir())
