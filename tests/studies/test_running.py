"""A study runs cell by cell, keeps what is done, and its result survives its file."""

import json
import math
from dataclasses import dataclass
from typing import ClassVar

import pytest

from plexgrad.core.study_result import (
    Axis,
    Plot,
    Series,
    StudyResult,
    Table,
    Verdict,
)
from plexgrad.studies import (
    AbstractStudy,
    Case,
    Desk,
    Expected,
    Published,
    result_of,
    run_study,
)

RAN = []


@dataclass(frozen=True)
class Squares(AbstractStudy):
    """Squares of small numbers; a cell named in `failing` fails."""

    name: ClassVar[str] = "squares"
    title: ClassVar[str] = "Squares"
    source: ClassVar[str] = "arithmetic"
    expected: ClassVar[dict] = dict.fromkeys(("tiny", "machine", "paper"), Expected(1))
    published: ClassVar[tuple] = (
        Published("Squares", {"n": [1, 2, 3], "square": [1, 4, None]}, "-", "derived"),
    )

    failing: str = ""
    power: int = 2

    def cases(self, scale):
        most = {"tiny": 3, "machine": 5, "paper": 7}[scale]
        settings = [{"n": n, "power": self.power} for n in range(1, most + 1)]
        return [Case(f"n-{s['n']}", s, 10 * s["n"]) for s in settings]

    def run(self, case, desk):
        (desk.folder / "half-done").touch()
        if case.name == self.failing:
            raise KeyboardInterrupt
        RAN.append(case.name)
        desk.tell(0.5, "half")
        n, power = case.settings["n"], case.settings["power"]
        return {"square": (n**power,), "evaluations": n}

    def result(self, scale, cells):
        found = [cell["square"][0] for cell in cells.values()]
        paper = self.published[0]
        return StudyResult(
            "Squares.",
            verdicts=[Verdict.within("two squared", 4, found[1], 0.1)],
            tables=[Table("Squares", ("n", "square"), list(enumerate(found, 1)))],
            plots=[
                Plot(
                    "squares",
                    "Squares",
                    Axis("n"),
                    Axis("square", log=True),
                    [Series("paper", paper["n"], paper["square"], role="paper")],
                )
            ],
        )


@pytest.fixture(autouse=True)
def nothing_ran():
    RAN.clear()


def files(folder):
    return sorted(path.name for path in (folder / "cells").iterdir())


def test_all_cells_run_and_are_saved(tmp_path):
    result = run_study(Squares(), "tiny", tmp_path)
    assert RAN == ["n-1", "n-2", "n-3"]
    assert files(tmp_path) == ["n-1.json", "n-2.json", "n-3.json"]
    assert not any((tmp_path / "work").iterdir())
    assert result.cells["n-3"] == {"square": [9], "evaluations": 3}
    assert result.facts["evaluations"] == 6
    assert result.facts["command"] == "plexgrad study squares --scale tiny"
    assert result.study == {
        "name": "squares",
        "title": "Squares",
        "source": "arithmetic",
        "scale": "tiny",
    }


def test_only_what_is_missing_runs_again(tmp_path):
    first = run_study(Squares(), "tiny", tmp_path)
    (tmp_path / "cells" / "n-2.json").unlink()
    RAN.clear()
    again = run_study(Squares(), "tiny", tmp_path)
    assert RAN == ["n-2"]
    assert again.cells == first.cells
    assert again.tables == first.tables


def test_a_run_that_was_cut_goes_on(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_study(Squares(failing="n-2"), "tiny", tmp_path)
    assert files(tmp_path) == ["n-1.json"]
    assert (tmp_path / "work" / "n-2" / "half-done").exists()
    assert not (tmp_path / "result.json").exists()
    run_study(Squares(), "tiny", tmp_path)
    assert RAN == ["n-1", "n-2", "n-3"]


def test_cells_with_other_settings_are_not_taken(tmp_path):
    run_study(Squares(), "tiny", tmp_path)
    RAN.clear()
    result = run_study(Squares(power=3), "tiny", tmp_path)
    assert len(RAN) == 3
    assert result.cells["n-2"]["square"] == [8]
    assert result.verdicts[0].met is False


def test_fresh_runs_all_anew_also_at_another_scale(tmp_path):
    run_study(Squares(), "machine", tmp_path)
    with pytest.raises(ValueError, match="must hold squares at tiny scale"):
        run_study(Squares(), "tiny", tmp_path)
    RAN.clear()
    run_study(Squares(), "tiny", tmp_path, fresh=True)
    assert RAN == ["n-1", "n-2", "n-3"]
    assert len(files(tmp_path)) == 3


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    for fresh in (False, True):
        with pytest.raises(ValueError, match="must be empty or hold a study"):
            run_study(Squares(), "tiny", tmp_path, fresh)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_broken_cell_is_named(tmp_path):
    run_study(Squares(), "tiny", tmp_path)
    (tmp_path / "cells" / "n-2.json").write_text('{"format"')
    with pytest.raises(ValueError, match=r"n-2\.json is not a cell"):
        run_study(Squares(), "tiny", tmp_path)


def test_a_glance_weighs_cells_by_their_evaluations(tmp_path):
    seen = []
    run_study(Squares(), "tiny", tmp_path, watch=seen.append)
    assert [glance.share for glance in seen] == pytest.approx(
        [0, 5 / 60, 10 / 60, 20 / 60, 30 / 60, 45 / 60, 1]
    )
    assert seen[0].left_s is None
    assert all(glance.left_s >= 0 for glance in seen[1:])
    assert [glance.done for glance in seen] == [0, 0, 1, 1, 2, 2, 3]
    assert seen[1].news == "half"


def test_a_result_survives_its_file(tmp_path):
    result = run_study(Squares(), "tiny", tmp_path)
    assert StudyResult.load(tmp_path) == result
    assert result_of(Squares(), StudyResult.load(tmp_path)) == result


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "result.json"
    for text in ("[]", '{"format": 7}', '{"format": 1}', "{"):
        path.write_text(text)
        with pytest.raises(ValueError, match="is not a study's result"):
            StudyResult.load(tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="no result of a study"):
        StudyResult.load(tmp_path)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../up", ".hidden", "x\n"])
def test_a_case_must_be_fit_for_a_file(name):
    with pytest.raises(ValueError, match="a case's name must be"):
        Case(name)


def test_cases_must_differ_in_name(tmp_path):
    class Twins(Squares):
        def cases(self, scale):
            return [Case("one"), Case("One")]

    with pytest.raises(ValueError, match="names of cases must differ, got one twice"):
        run_study(Twins(), "tiny", tmp_path)


def test_a_cell_that_is_not_plain_data_is_refused(tmp_path):
    class Nan(Squares):
        def run(self, case, desk):
            return {"square": [math.nan]}

    with pytest.raises(ValueError, match="Out of range float"):
        run_study(Nan(), "tiny", tmp_path)


@pytest.mark.parametrize(
    ("verdict", "met"),
    [
        (Verdict.within("", 100, 114.9, 0.15), True),
        (Verdict.within("", 100, 115.1, 0.15), False),
        (Verdict.within("", -100, -110, 0.15), True),
        (Verdict.near("", 1.0, 0.96, 0.05), True),
        (Verdict.near("", 1.0, 1.06, 0.05), False),
        (Verdict.factor("", 0.8, 0.41, 2), True),
        (Verdict.factor("", 0.8, 1.61, 2), False),
        (Verdict.between("", 0.95, 0.9, None), True),
        (Verdict.between("", 0.95, None, 0.9), False),
        (Verdict.factor("", 0.001, 0.002 * (1 + 1e-15), 2), True),
        (Verdict.between("", 0.3, 0.1 + 0.2, None), True),
        (Verdict.between("", 0.3, 0.3 + 1e-8, None), False),
        (Verdict.within("", 100, None, 0.15), None),
        (Verdict.within("", 100, math.nan, 0.15), None),
    ],
)
def test_a_verdict_compares_with_its_range(verdict, met):
    assert verdict.met is met


def test_numbers_that_are_not_finite_are_none():
    series = Series("s", [1, 2], [math.nan, 2.0], [0, math.inf], [1, 3])
    assert series.y == (None, 2.0)
    assert series.low == (0, None)
    assert json.loads(json.dumps(series.y, allow_nan=False)) == [None, 2.0]


def test_samples_become_means_and_deviations():
    series = Series.of_samples("s", [1, 2, 3], [[1.0, 3.0], [5.0], [None]])
    assert series.y == (2.0, 5.0, None)
    assert series.low == (pytest.approx(2 - 2**0.5), 5.0, None)


def test_points_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="y of 's' must have 2 points, got 1"):
        Series("s", [1, 2], [1])
    with pytest.raises(ValueError, match="rows of 't' must have 2 cells"):
        Table("t", ("a", "b"), [[1]])
    with pytest.raises(ValueError, match="must be of one length"):
        Published("p", {"a": [1], "b": []}, "-", "paper")


def test_published_numbers_are_looked_up_by_their_row():
    paper = Squares.published[0]
    assert paper.at("square", n=2) == 4
    assert paper.at("square", n=3) is None
    assert paper.at("square", n=9) is None
    assert paper.table.columns[1].name == "square"


def test_a_desk_may_stay_silent(tmp_path):
    Desk(tmp_path).tell(0.5, "nobody hears it")
