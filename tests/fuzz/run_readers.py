"""Readers of what runs and studies leave, and of what people write for them."""

import functools
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

import plexgrad as pg
from plexgrad.cli.options import read_spec, starting_spec
from plexgrad.cli.panel_words import text as panel_text
from plexgrad.core.record import Record
from plexgrad.core.study_result import StudyResult
from plexgrad.report import (
    study_lines,
    summary_lines,
    to_json_summary,
    write_metrics,
)
from plexgrad.report.page import render
from plexgrad.report.study_page import render_study
from plexgrad.studies import running
from plexgrad.timing.platform import Platform
from plexgrad.training import checkpoint, live
from plexgrad.training.following import Followed
from plexgrad.training.progress import Progress
from plexgrad.training.specs import build

from . import mutations
from .reader import ROOT, Reader, from_file


@functools.cache
def _trained() -> Record:
    chip = pg.chips.Simulated(pg.nets.MLP([2, 2, 1]))
    return pg.train(
        chip,
        pg.data.load("xor"),
        estimator=pg.estimators.WeightPerturbation(pg.codes.Rademacher(0.01)),
        rule=pg.Rule("sgd", learning_rate=0.1),
        slots=40,
        key=0,
        seeds=2,
        points=3,
        backpropagation=True,
    )


def _records(folder: Path) -> list[bytes]:
    record = _trained()
    whole = record.save(folder).read_bytes()
    bare = {**record.to_json(), "reference": None}
    stopped = Record(record.spec, {}, {}, {}, {}, {}, status="stopped")
    return [whole, json.dumps(bare).encode(), json.dumps(stopped.to_json()).encode()]


@from_file("record.json")
def _record(path: Path, drawn: bool) -> Any:
    record = Record.load(path)
    # A record must be fit for all that is made of records.
    try:
        record.save(path.parent)
        summary_lines(record)
        json.dumps(to_json_summary(record), allow_nan=False)
        write_metrics(record, path.parent)
        panel_text(_followed(path.parent))
        if drawn:
            render(record).encode()
    except ValueError as error:
        raise RuntimeError(f"accepted, then: {error!r}") from error


def _followed(folder: Path) -> Followed:
    run = Followed(folder)
    run.poll()
    return run


def _checkpoints(folder: Path) -> list[bytes]:
    path = folder / "made.npz"
    progress = {"done": 3, "slot": np.arange(3), "loop": "jax"}
    checkpoint.save(path, _state(), progress, {"task": {"name": "xor"}})
    old = io.BytesIO()
    names = {"state_0": _state()["a"], "state_1": _state()["b"], "progress_done": 3}
    np.savez(old, names=np.array(list(names)), **names)
    return [path.read_bytes(), old.getvalue()]


def _state() -> Any:
    return {"a": np.arange(6, dtype=np.float32), "b": np.uint32(7)}


@from_file("checkpoint.npz")
def _checkpoint(path: Path, drawn: bool) -> Any:
    state, progress = checkpoint.load(path, _state())
    checkpoint.previous(path).unlink(missing_ok=True)
    # What has a digest is as it was; an older file has checksums for most of it.
    if "slot" in progress:
        np.testing.assert_array_equal(state["a"], _state()["a"])


def _lives(folder: Path) -> list[bytes]:
    it = live.Live(folder, {"task": "xor", "unit": "V", "endurance": 9}, every_s=0)
    more = {"calls": 3, "busy_s": 0.1, "bytes_out": 9, "bytes_in": 9, "drift": 0.1}
    more |= {"retries": 0, "reconnects": 0, "recoveries": 0, "writes_max": 2}
    more |= {"writes_mean": 1.5, "saturated_cells": 0, "device_s": 0.1, "steps": 1}
    for slot in range(0, 60, 20):
        cost, accuracy = np.array([0.5]), np.array([0.5])
        it(Progress("train", slot, 40, slot, slot / 9, cost, accuracy, 0, more=more))
    return [(folder / live.FILE).read_bytes()]


@from_file(live.FILE)
def _live(path: Path, drawn: bool) -> Any:
    live.read(path)
    try:
        run = _followed(path.parent)
        panel_text(run)
    except FileNotFoundError:
        return
    except ValueError as error:
        raise RuntimeError(f"followed, then: {error!r}") from error


def _results(folder: Path) -> list[bytes]:
    names = ("a-time", "b-fig4")
    files = [ROOT / "docs" / "studies" / name / "result.json" for name in names]
    return [file.read_bytes() for file in files]


@from_file("result.json")
def _result(path: Path, drawn: bool) -> Any:
    found = StudyResult.load(path)
    try:
        study_lines(found)
        json.dumps(found.to_json(), allow_nan=False)
        if drawn:
            render_study(found)
    except ValueError as error:
        raise RuntimeError(f"accepted, then: {error!r}") from error


CASE = running.Case("one", {"seeds": 1}, 1)


def _cells(folder: Path) -> list[bytes]:
    cell = {"format": 1, "settings": CASE.settings, "seconds": 1.5, "machine": "m"}
    cell |= {"versions": {"jax": "0"}, "value": {"evaluations": 3}}
    return [json.dumps(cell).encode(), json.dumps({**cell, "value": {}}).encode()]


def _cell(folder: Path, data: bytes, drawn: bool) -> Any:
    (folder / "cells").mkdir(exist_ok=True)
    (folder / "cells" / "one.json").write_bytes(data)
    return running._found(folder, CASE)


def _specs(folder: Path) -> list[bytes]:
    presets = ROOT / "src" / "plexgrad" / "training" / "presets"
    return [(presets / f"{name}.toml").read_bytes() for name in ("xor", "parity")]


@from_file("spec.toml")
def _spec(path: Path, drawn: bool) -> Any:
    spec = starting_spec("xor", path)
    assert isinstance(read_spec(path), dict)
    build(spec)


def _record_specs(folder: Path) -> list[bytes]:
    return [json.dumps(_trained().to_json()["spec"]).encode()]


def _record_spec(folder: Path, data: bytes, drawn: bool) -> Any:
    from plexgrad.core.reading import plain_json
    from plexgrad.core.shape import mapping

    build(mapping("spec", plain_json("spec", data)))


def _platforms(folder: Path) -> list[bytes]:
    shipped = ROOT / "src" / "plexgrad" / "timing" / "shipped"
    return [path.read_bytes() for path in sorted(shipped.glob("*.toml"))]


@from_file("some.toml")
def _platform(path: Path, drawn: bool) -> Any:
    found = Platform.load(path)
    assert found.tau_p_s > 0


READERS = (
    Reader("record.json", _records, _record, mutations.json_of),
    Reader("checkpoint", _checkpoints, _checkpoint),
    Reader("live.jsonl", _lives, _live, mutations.lines_of),
    Reader("study's result", _results, _result, mutations.json_of),
    Reader("study's cell", _cells, _cell, mutations.json_of),
    Reader("spec, TOML", _specs, _spec, mutations.toml_of, (TypeError,)),
    Reader(
        "spec, record", _record_specs, _record_spec, mutations.json_of, (TypeError,)
    ),
    Reader("platform, TOML", _platforms, _platform, mutations.toml_of),
)
