"""A class of somebody else: recorded by where it is defined, rerun when it is known."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import plexgrad as pg
from plexgrad.core.record import Record
from plexgrad.training import specs
from tests.commands import blocks

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
KIND = "visiting_lab:Triangular"


@pytest.fixture
def module(somewhere, monkeypatch):
    """The code that CONTRIBUTING.md shows, as a module of one's own."""
    every = blocks(CONTRIBUTING.read_text("utf-8"))
    text = next(code for language, _, code in every if language == "python")
    (somewhere / "visiting_lab.py").write_text(text)
    monkeypatch.syspath_prepend(somewhere)
    monkeypatch.setattr(specs, "_KNOWN", {})
    importlib.invalidate_caches()
    yield "visiting_lab"
    sys.modules.pop("visiting_lab", None)


@pytest.fixture
def record(plexgrad, module, monkeypatch):
    """A run with it, by the command line; then nobody knows it any more."""
    words = ("--import", module, "--code", KIND, "--slots", 40, "--seeds", 1)
    status, _, err = plexgrad("train", "xor", *words, "--no-backprop", "-q")
    assert status == 0, err
    monkeypatch.setattr(specs, "_KNOWN", {})
    del sys.modules[module]
    found = Record.load("runs/xor")
    assert found.spec["estimator"]["code"]["kind"] == KIND
    return found


def test_a_record_imports_nothing_and_reruns_what_is_known(plexgrad, module, record):
    words = ("train", "--from", "runs/xor", "--out", "again", "-q")
    status, _, err = plexgrad(*words)
    assert status == 2
    assert f"got '{KIND}'; a record imports nothing" in err
    with pytest.raises(ValueError, match="a record imports nothing"):
        pg.rerun(record)
    assert module not in sys.modules
    status, _, err = plexgrad(*words, "--import", module)
    assert status == 0, err
    assert Record.load("again").final == record.final
    specs._KNOWN.clear()
    own = sys.modules[module].Triangular
    assert pg.rerun(record, known=[own]).final == record.final
    assert "triangular code" in Path("again", "report.html").read_text("utf-8").lower()


def test_an_installed_package_offers_its_classes(module, record, monkeypatch):
    own = importlib.import_module(module).Triangular
    point = SimpleNamespace(load=lambda: own)
    monkeypatch.setattr(specs, "entry_points", lambda group: [point])
    specs._installed.cache_clear()
    assert specs.kinds()[KIND] is own
    monkeypatch.undo()
    specs._installed.cache_clear()


def test_what_is_no_class_for_a_spec_is_refused(plexgrad, module):
    with pytest.raises(TypeError, match="known must hold dataclasses, got .*int"):
        specs.know(int)
    status, _, err = plexgrad("train", "xor", "--import", "this")
    assert (status, "must define a dataclass" in err) == (2, True)
    status, _, err = plexgrad("train", "xor", "--import", "no_such_module")
    assert (status, "no_such_module" in err) == (2, True)
