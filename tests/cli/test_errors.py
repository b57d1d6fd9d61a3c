"""Errors of the system are told by what went wrong and where, not by a number."""

import subprocess
import sys
from functools import partial

import pytest

from plexgrad import lab
from plexgrad.cli.app import app, guarded


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


@pytest.mark.parametrize(
    "error", [EOFError("the line ended"), BrokenPipeError(32, "x")]
)
def test_a_link_that_ends_or_breaks_is_a_lost_one(error, monkeypatch, capsys):
    def opened(self):
        raise error

    monkeypatch.setattr(lab.EmulatedMLP, "open", opened)
    command = ["chip", "identify", "emulated:2-2-1"]
    assert guarded(partial(app, command)) == 4
    told = capsys.readouterr().err
    assert told.startswith("plexgrad: ")
    assert told.count("\n") == 1


@pytest.mark.parametrize("words", [["report", "--help"], ["--help"], ["--version"]])
def test_help_that_nobody_reads_ends_quietly(words):
    command = [sys.executable, "-m", "plexgrad", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        process.stdout.close()
        process.stdout = None
        said = process.communicate(timeout=60)[1]
    assert (process.returncode, said) == (0, b"")


def test_the_parser_keeps_its_own_statuses(capsys):
    assert guarded(partial(app, ["report", "--help"])) == 0
    assert guarded(partial(app, ["report", "--nonsense"])) == 2
