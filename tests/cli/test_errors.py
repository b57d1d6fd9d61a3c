"""Errors of the system are told by what went wrong and where, not by a number."""

from functools import partial

import pytest

from plexgrad.cli.app import guarded


def raised(error, standalone_mode):
    raise error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            FileNotFoundError(2, "No such file or directory", "a/b.npz"),
            "a/b.npz: no such file or directory",
        ),
        (
            OSError(18, "Invalid cross-device link", "a", None, "b"),
            "a and b: invalid cross-device link",
        ),
        (OSError(24, "Too many open files"), "too many open files"),
        (FileNotFoundError("no record at x"), "no record at x"),
    ],
)
def test_an_error_of_the_system_names_the_file(error, said, capsys):
    assert guarded(partial(raised, error)) == 2
    assert capsys.readouterr().err == f"plexgrad: {said}\n"


def test_an_error_of_a_driver_ends_with_its_traceback_and_a_status_of_its_own(capsys):
    assert guarded(partial(raised, RuntimeError("the laser is off"))) == 5
    told = capsys.readouterr().err
    assert "in raised" in told
    assert "RuntimeError: the laser is off" in told
