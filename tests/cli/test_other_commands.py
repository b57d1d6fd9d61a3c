"""`plexgrad data`, `plexgrad doctor` and `plexgrad report`."""

import json
import os

import jax
import pytest

import plexgrad as pg
from plexgrad.core.claim import claimed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("run")
    pg.train(
        pg.chips.Simulated(pg.nets.MLP([2, 2, 1])),
        pg.data.load("xor"),
        estimator=pg.estimators.WeightPerturbation(pg.codes.Rademacher(0.1)),
        rule=pg.Rule("sgd", learning_rate=0.5),
        slots=40,
        key=0,
        points=2,
        out=folder,
    )
    return folder


def test_data_lists_every_dataset(plexgrad):
    status, out, _ = plexgrad("data", "list")
    assert status == 0
    assert all(f"\n{name} " in f"\n{out}" for name in pg.data.names())
    status, out, _ = plexgrad("data", "list", "--json")
    assert set(json.loads(out)) == set(pg.data.names())


def test_data_info_says_what_is_in_one(plexgrad):
    status, out, _ = plexgrad("data", "info", "parity-3", "--json")
    told = json.loads(out)
    assert status == 0
    assert (told["train"], told["test"], told["outputs"]) == ([8, 3], [8, 3], 1)
    status, out, _ = plexgrad("data", "info", "xor")
    assert status == 0
    assert "train" in out


@pytest.mark.parametrize("name", ["mnist", "xors"])
def test_data_that_cannot_be_read_is_one_line(plexgrad, name):
    status, out, err = plexgrad("data", "info", name)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert name in err


def test_fetch_of_what_needs_no_files_says_so(plexgrad):
    assert plexgrad("data", "fetch", "xor")[:2] == (0, "xor: nothing is missing\n")


def test_doctor_tells_what_there_is(plexgrad):
    status, out, _ = plexgrad("doctor", "--json", "--no-speed")
    told = json.loads(out)
    assert status == 0
    assert told["versions"]["plexgrad"] == pg.__version__
    assert len(told["devices"]) == len(jax.devices())
    assert set(told["data"]) == set(pg.data.names())
    assert told["data"]["xor"] == "here"
    assert "fetch mnist" in told["data"]["mnist"]
    status, out, _ = plexgrad("doctor", "--no-speed")
    assert status == 0
    assert "jax" in out


def test_report_is_drawn_again_from_the_record_alone(plexgrad, run):
    for name in ("report.html", "metrics.csv"):
        assert not (run / name).exists()
    status, out, _ = plexgrad("report", run)
    assert status == 0
    assert str(run / "report.html") in out
    assert (run / "report.html").exists()
    assert (run / "metrics.csv").exists()
    status, out, _ = plexgrad("report", run / "record.json", "--json")
    assert json.loads(out)["folder"] == str(run)


def test_report_refuses_what_is_not_a_finished_run(plexgrad, tmp_path):
    status, _, err = plexgrad("report", tmp_path / "nowhere")
    assert (status, err.count("\n")) == (2, 1)
    pg.Record({}, {}, {}, {}, {}, {}, status="running").save(tmp_path)
    status, _, err = plexgrad("report", tmp_path)
    assert (status, err.count("\n")) == (2, 1)
    assert "this one was killed: nothing was saved" in err
    (tmp_path / "checkpoint.npz").touch()
    _, _, err = plexgrad("report", tmp_path)
    assert f"was killed: plexgrad train --resume {tmp_path}" in err
    with claimed(tmp_path):
        _, _, err = plexgrad("report", tmp_path)
    assert f"goes on (process {os.getpid()} on " in err


def test_a_run_can_be_explained_without_running(plexgrad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = plexgrad("train", "xor", "--engine", "materialised", "--explain")
    assert status == 0
    assert "materialised, as asked for" in out
    status, out, _ = plexgrad("doctor", "--explain", "digits", "--json")
    told = json.loads(out)
    assert (status, told["task"]) == (0, "digits")
    assert "cheapest" in told["engine"]
    assert not any(tmp_path.iterdir())


def test_an_engine_that_cannot_is_one_line(plexgrad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = plexgrad("train", "xor", "--engine", "outer", "--explain")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "got outer: Rademacher has no row and column factors" in err
