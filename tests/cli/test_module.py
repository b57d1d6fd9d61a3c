"""`python -m plexgrad` is the command."""

import runpy
import sys

import pytest

import plexgrad


def test_the_package_runs_as_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["plexgrad", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("plexgrad", run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"plexgrad {plexgrad.__version__}\n"
