"""The command line within this process, in an empty folder, without data files."""

from functools import partial

import jax
import pytest

from plexgrad.cli.app import app, guarded


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    """An empty working folder, wide output, and as many JAX devices as there are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PLEXGRAD_DATA", raising=False)
    with jax.numpy_dtype_promotion("standard"):  # Adam counts its steps
        yield tmp_path


@pytest.fixture
def plexgrad(capsys):
    """Runs a command; exit status, standard output and standard error."""

    def run(*words):
        status = guarded(partial(app, [str(word) for word in words]))
        return status, *capsys.readouterr()

    return run
