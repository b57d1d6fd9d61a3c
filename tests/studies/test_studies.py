"""Every study that is found keeps the laws of its contract, at tiny scale."""

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import pytest

from plexgrad.core.study_result import StudyResult
from plexgrad.report import write_study_page
from plexgrad.studies import result_of, run_study, studies, study
from plexgrad.studies.study import SCALES
from tests.alike import differences
from tests.once import made_once

GOLDEN = Path(__file__).parents[2] / "docs" / "studies"
STUDIES = studies()


@pytest.fixture(scope="module", params=STUDIES)
def name(request):
    """Each study; all tests of one come before those of the next."""
    return request.param


def run_tiny(name, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PLEXGRAD_DATA", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(folder / "no-cache"))
        with jax.numpy_dtype_promotion("standard"):  # Adam counts its steps
            result = run_study(STUDIES[name], "tiny", folder / "run")
    assert StudyResult.load(folder / "run") == result


@pytest.fixture
def ran(tmp_path_factory, tmp_path):
    """A copy of the folder, and the result, of each study at tiny scale, run once."""

    def result(name):
        make = partial(run_tiny, name)
        made = made_once(tmp_path_factory, f"study-{name}", make)
        copied = shutil.copytree(made / "run", tmp_path / "run")
        return copied, StudyResult.load(copied)

    return result


def test_it_runs_at_tiny_scale_and_its_result_survives(name, ran):
    folder, result = ran(name)
    assert result.summary
    assert result.tables
    assert result.plots
    assert (folder / "cells").is_dir()
    assert result_of(STUDIES[name], result) == result


def test_a_lost_cell_alone_is_run_again(name, ran, monkeypatch):
    folder, result = ran(name)
    lost = sorted((folder / "cells").glob("*.json"))[-1]
    held = json.loads(lost.read_text())["value"]
    lost.unlink()
    again = []

    def run(self, case, desk):
        again.append(case.name)
        return held

    monkeypatch.setattr(type(STUDIES[name]), "run", run)
    assert run_study(STUDIES[name], "tiny", folder).cells == result.cells
    assert again == [lost.name.removesuffix(".json")]


def test_its_page_shows_every_figure_table_and_verdict(name, ran, tmp_path):
    _, result = ran(name)
    page = write_study_page(result, tmp_path).read_text()
    assert page.count('class="plot"') == len(result.plots)
    assert page.count('class="grid"') == len(result.tables)
    body = page.split("<main>")[1]
    assert "nan" not in body.lower().replace("nanosecond", "").split()


def test_it_says_what_it_is_and_what_it_costs(name):
    found = STUDIES[name]
    assert study(name) == found
    assert found.title
    assert "doi:" in found.source
    assert set(found.expected) == set(SCALES)
    for scale in SCALES:
        cases = found.cases(scale)
        assert len({case.name.lower() for case in cases}) == len(cases) > 0
        for case in cases:
            assert json.loads(json.dumps(case.settings)) == case.settings
    assert found.evaluations("tiny") <= found.evaluations("machine")


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/result.json")), ids=str)
def test_a_golden_record_is_what_the_study_says_of_its_cells(path):
    golden = StudyResult.load(path)
    assert path.parent.name == golden.study["name"]
    made = result_of(STUDIES[golden.study["name"]], golden)
    made = json.loads(json.dumps(made.to_json()))
    assert differences(made, json.loads(path.read_text())) == []


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/result.json")), ids=str)
def test_no_verdict_of_a_golden_record_hangs_on_the_last_bits(path):
    for verdict in StudyResult.load(path).verdicts:
        if isinstance(verdict.ours, float):
            for moved in (verdict.ours * (1 - 1e-12), verdict.ours * (1 + 1e-12)):
                assert replace(verdict, ours=moved).met == verdict.met, verdict


def test_an_unknown_study_is_refused_with_the_names():
    with pytest.raises(ValueError, match="a study must be one of"):
        study("b-fig")
