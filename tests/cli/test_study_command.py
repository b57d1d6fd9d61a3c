"""`plexgrad study`: lists, shows, runs, resumes and keeps."""

import json
from dataclasses import dataclass
from typing import ClassVar

import pytest

import plexgrad.studies.catalogue as catalogue
from plexgrad.core.study_result import StudyResult
from plexgrad.studies import studies
from tests.studies.test_running import RAN, Squares


@dataclass(frozen=True)
class Stopped(Squares):
    """Squares that Ctrl-C meets at its second cell."""

    name: ClassVar[str] = "stopped"

    failing: str = "n-2"


@pytest.fixture(autouse=True)
def made_up(monkeypatch):
    """Two quick studies instead of the real ones."""
    known = {"squares": Squares(), "stopped": Stopped()}
    monkeypatch.setattr(catalogue, "studies", lambda: known)
    monkeypatch.setattr("plexgrad.cli.study.studies", lambda: known)
    RAN.clear()


def test_a_study_runs_and_leaves_a_page(plexgrad, somewhere):
    status, out, err = plexgrad("study", "squares")
    assert status == 0
    folder = somewhere / "runs" / "squares-machine"
    assert err.startswith("machine: 5 cells, ")
    assert "met           two squared: 4 (wanted 4, within 10 %)" in out
    assert "cell 2 of 5 n-2" in err
    assert "Squares" in (folder / "report.html").read_text()
    assert StudyResult.load(folder).facts["cells"] == 5


def test_the_same_command_goes_on_and_fresh_begins_anew(plexgrad):
    plexgrad("study", "squares", "--out", "here", "-q")
    RAN.clear()
    plexgrad("study", "squares", "--out", "here", "--resume", "-q")
    assert RAN == []
    plexgrad("study", "squares", "--out", "here", "--fresh", "-q")
    assert len(RAN) == 5


def test_ctrl_c_says_how_to_go_on(plexgrad):
    status, _, err = plexgrad("study", "stopped", "--scale", "machine")
    assert status == 3
    assert "go on with: plexgrad study stopped --scale machine --out runs" in err
    assert RAN == ["n-1"]


def test_the_list_names_every_study_and_its_costs(plexgrad):
    status, out, _ = plexgrad("study", "--list")
    assert status == 0
    assert "squares" in out
    assert "tiny     3 cells, 60 evaluations, about 1 s on 2 cores" in out
    status, out, _ = plexgrad("study", "--list", "--json")
    assert json.loads(out)["squares"]["scales"]["machine"]["evaluations"] == 150


def test_every_real_study_is_listed(plexgrad, monkeypatch):
    monkeypatch.setattr("plexgrad.cli.study.studies", studies)
    _, out, _ = plexgrad("study", "--list", "--json")
    assert set(json.loads(out)) == set(studies())


def test_show_tells_the_papers_numbers_and_the_result(plexgrad):
    _, out, _ = plexgrad("study", "squares", "--show")
    assert "no result at runs" in out
    assert "square" in out
    plexgrad("study", "squares", "-q")
    RAN.clear()
    _, out, _ = plexgrad("study", "squares", "--show")
    assert "two squared" in out
    assert RAN == []
    _, out, _ = plexgrad("study", "squares", "--show", "--json")
    assert json.loads(out)["result"]["summary"] == "Squares."


def test_the_result_can_be_printed_as_json(plexgrad):
    _, out, _ = plexgrad("study", "squares", "--json", "-q")
    assert json.loads(out)["cells"]["n-2"]["square"] == [4]


def test_report_draws_a_study_again(plexgrad, somewhere):
    plexgrad("study", "squares", "--out", "here", "-q")
    page = somewhere / "here" / "report.html"
    before = page.read_text()
    page.unlink()
    status, out, _ = plexgrad("report", "here")
    assert status == 0
    assert "two squared" in out
    assert page.read_text() == before


def test_a_golden_record_is_kept_with_an_index(plexgrad, somewhere):
    plexgrad("study", "squares", "--golden", "golden", "-q")
    plexgrad("study", "squares", "--out", "two", "--golden", "golden", "-q")
    kept = somewhere / "golden" / "squares"
    assert {p.name for p in kept.iterdir()} == {"README.md", "plot.png", "result.json"}
    index = (somewhere / "golden" / "README.md").read_text()
    assert "| [squares](squares/README.md) | Squares | machine | 1 met |" in index
    before = (kept / "README.md").read_text()
    assert "| met | two squared | 4 | 4 | within 10 % |" in before
    (kept / "README.md").unlink()
    status, out, _ = plexgrad("study", "--index", "golden")
    assert status == 0
    assert (kept / "README.md").read_text() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "a study must be one of squares, stopped; got 'nothing'"),
        (["squares", "--scale", "huge"], "scale must be one of"),
        ([], "a study must be named"),
        (["--index", "nowhere"], "no result of a study below nowhere"),
    ],
)
def test_a_mistake_is_one_line(plexgrad, words, message):
    status, _, err = plexgrad("study", *words)
    assert status == 2
    assert message in err
