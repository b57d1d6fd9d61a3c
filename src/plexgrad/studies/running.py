"""Running a study cell by cell: each is saved as soon as it is done, whole or not.

The folder of a run holds `study.json` (what it is), `cells/NAME.json`, `work/NAME/` (of
the cell that is running) and at last `result.json`.
"""

import json
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plexgrad.core.claim import LOCK, held
from plexgrad.core.files import write_atomically
from plexgrad.core.reading import read_json
from plexgrad.core.record import DIGEST, digest, versions
from plexgrad.core.shape import anything, by_name, fields, mapping, real, text
from plexgrad.core.study_result import Scale, StudyResult
from plexgrad.core.validate import one_of
from plexgrad.studies.study import SCALES, AbstractStudy, Case, Desk
from plexgrad.training.recorded import machine

FORMAT = 1

_CELL = fields(
    {
        "format": anything,
        "settings": anything,
        "seconds": real,
        "machine": text,
        "value": mapping,
    },
    {"versions": by_name(text)},
)
"""What the file of a cell holds; its value is the study's own."""


@dataclass(frozen=True)
class Glance:
    """How far a study is: `share` of its work is done, `cell` runs.

    `left_s` is None until something was timed.
    """

    cell: str
    done: int
    cells: int
    share: float | int
    left_s: float | int | None
    news: str = ""


Watcher = Callable[[Glance], None]


def run_study(
    study: AbstractStudy,
    scale: Scale,
    out: str | Path,
    fresh: bool = False,
    watch: Watcher | None = None,
    command: str | None = None,
) -> StudyResult:
    """Run what is missing of a study in folder `out`, and save its result.

    Cells found there are kept if their settings are the same; `fresh` runs all anew.
    Raises ValueError if the folder holds another study or scale, or another process is
    at it.
    """
    one_of("scale", scale, SCALES)
    cases = study.cases(scale)
    _refuse_twins(cases)
    with held(Path(out)):
        return _all(study, scale, Path(out), cases, fresh, watch, command)


def _all(
    study: AbstractStudy,
    scale: Scale,
    folder: Path,
    cases: list[Case],
    fresh: bool,
    watch: Watcher | None,
    command: str | None,
) -> StudyResult:
    _claim(folder, study, scale, fresh)
    found = {case.name: _found(folder, case) for case in cases}
    teller = _Teller(cases, found, watch)
    for case in cases:
        if found[case.name] is None:
            found[case.name] = _run(study, case, folder, teller)
    teller.finished()
    cells = {name: cell for name, cell in found.items() if cell is not None}
    values = {name: cell["value"] for name, cell in cells.items()}
    made = study.result(scale, values).with_run(
        _identity(study, scale), _facts(study, scale, cells, command), values
    )
    made.save(folder)
    return made


def result_of(study: AbstractStudy, before: StudyResult) -> StudyResult:
    """The result made again from the cells of another, without running anything."""
    made = study.result(before.study["scale"], before.cells)
    return made.with_run(before.study, before.facts, before.cells)


class _Teller:
    """Progress over the work, as evaluations, of the cells."""

    def __init__(self, cases: list[Case], found: Mapping, watch: Watcher | None):
        self.watch, self.cells = watch, len(cases)
        self.all = sum(max(1, case.evaluations) for case in cases)
        self.done = sum(found[case.name] is not None for case in cases)
        self.work = sum(
            max(1, case.evaluations) for case in cases if found[case.name] is not None
        )
        self.before, self.began = self.work, time.monotonic()

    def say(self, case: Case, share: float | int = 0.0, news: str = "") -> None:
        if self.watch is None:
            return
        now = self.work + min(1.0, share) * max(1, case.evaluations)
        spent, made = time.monotonic() - self.began, now - self.before
        left = spent * (self.all - now) / made if made > 0 else None
        part = now / self.all
        self.watch(Glance(case.name, self.done, self.cells, part, left, news))

    def ended(self, case: Case) -> None:
        self.work, self.done = self.work + max(1, case.evaluations), self.done + 1

    def finished(self) -> None:
        if self.watch is not None:
            self.watch(Glance("", self.done, self.cells, 1.0, 0.0))


def _run(
    study: AbstractStudy, case: Case, folder: Path, teller: _Teller
) -> dict[str, Any]:
    work = folder / "work" / case.name
    work.mkdir(parents=True, exist_ok=True)
    teller.say(case)
    desk = Desk(work, lambda share, news="": teller.say(case, share, news))
    began = time.perf_counter()
    value = study.run(case, desk)
    cell = {
        "format": FORMAT,
        "settings": case.settings,
        "seconds": round(time.perf_counter() - began, 3),
        "machine": machine(),
        "versions": versions(),
        "value": value,
    }
    # As it will be read from the file: whether it was just run must not matter.
    cell = json.loads(json.dumps(cell, allow_nan=False))
    cell[DIGEST] = digest(cell)
    text = json.dumps(cell, indent=1)
    write_atomically(folder / "cells" / f"{case.name}.json", text.encode())
    shutil.rmtree(work)
    teller.ended(case)
    return cell


def _found(folder: Path, case: Case) -> dict[str, Any] | None:
    """The cell of a case if the folder holds it with the same settings."""
    path = folder / "cells" / f"{case.name}.json"
    if not path.is_file():
        return None
    try:
        cell = _CELL("cell", read_json(path))
        if DIGEST in cell and cell[DIGEST] != digest(cell):
            raise ValueError("its digest must be that of its content")
    except ValueError as error:
        raise ValueError(f"{path} is not a cell: {error}; delete it") from error
    same = json.loads(json.dumps(case.settings)) == cell.get("settings")
    return cell if same and cell.get("format") == FORMAT else None


def _claim(folder: Path, study: AbstractStudy, scale: Scale, fresh: bool) -> None:
    path, mine = folder / "study.json", {"study": study.name, "scale": scale}
    if path.is_file():
        held = fields({"study": text, "scale": text})(str(path), read_json(path))
        if fresh:
            for name in ("cells", "work"):
                shutil.rmtree(folder / name, ignore_errors=True)
            (folder / "result.json").unlink(missing_ok=True)
        elif held != mine:
            raise ValueError(
                f"{folder} must hold {study.name} at {scale} scale to go on with, got "
                f"{held.get('study')} at {held.get('scale')} scale (--fresh replaces "
                "it)"
            )
    elif any(path.name != LOCK for path in folder.iterdir()):
        raise ValueError(f"{folder} must be empty or hold a study")
    write_atomically(path, json.dumps(mine).encode())


def _identity(study: AbstractStudy, scale: Scale) -> dict[str, Any]:
    named = {"name": study.name, "title": study.title, "source": study.source}
    return {**named, "scale": scale}


def _facts(
    study: AbstractStudy, scale: Scale, cells: Mapping, command: str | None
) -> dict[str, Any]:
    counted = [cell["value"].get("evaluations", 0) for cell in cells.values()]
    machines = sorted({cell["machine"] for cell in cells.values()})
    return {
        "command": command
        or shlex.join(["plexgrad", "study", study.name, "--scale", scale]),
        "machine": "; ".join(machines),
        "seconds": round(sum(cell["seconds"] for cell in cells.values()), 1),
        "evaluations": sum(counted),
        "cells": len(cells),
        "versions": versions(),
    }


def _refuse_twins(cases: list[Case]) -> None:
    names = [case.name.lower() for case in cases]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"names of cases must differ, got {', '.join(twice)} twice")
