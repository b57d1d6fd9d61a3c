"""Every study that is found keeps the laws of its contract, at tiny scale."""

import json
from pathlib import Path

import jax
import pytest

from plexgrad.core.study_result import StudyResult
from plexgrad.report import write_study_page
from plexgrad.studies import result_of, run_study, studies, study
from plexgrad.studies.study import SCALES

GOLDEN = Path(__file__).parents[2] / "docs" / "studies"
STUDIES = studies()
every_study = pytest.mark.parametrize("name", STUDIES)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder and the result of each study at tiny scale, run once."""
    kept = {}

    def result(name):
        if name not in kept:
            folder = tmp_path_factory.mktemp(name)
            with pytest.MonkeyPatch.context() as patch:
                patch.delenv("PLEXGRAD_DATA", raising=False)
                patch.setenv("XDG_CACHE_HOME", str(folder / "no-cache"))
                with jax.numpy_dtype_promotion("standard"):  # Adam counts its steps
                    kept[name] = (
                        folder / "run",
                        run_study(STUDIES[name], "tiny", folder / "run"),
                    )
        return kept[name]

    return result


@every_study
def test_it_runs_at_tiny_scale_and_its_result_survives(name, ran):
    folder, result = ran(name)
    assert result.summary
    assert result.tables
    assert result.plots
    assert StudyResult.load(folder) == result
    assert result_of(STUDIES[name], StudyResult.load(folder)) == result


@every_study
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


@every_study
def test_its_page_shows_every_figure_table_and_verdict(name, ran, tmp_path):
    _, result = ran(name)
    page = write_study_page(result, tmp_path).read_text()
    assert page.count('class="plot"') == len(result.plots)
    assert page.count('class="grid"') == len(result.tables)
    body = page.split("<main>")[1]
    assert "nan" not in body.lower().replace("nanosecond", "").split()


@every_study
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
    assert json.loads(json.dumps(made.to_json())) == json.loads(path.read_text())


def test_an_unknown_study_is_refused_with_the_names():
    with pytest.raises(ValueError, match="a study must be one of"):
        study("b-fig")
