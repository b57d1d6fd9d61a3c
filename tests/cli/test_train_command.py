"""`plexgrad train`: what it leaves, how it goes on, and what it says to bad input."""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

import plexgrad as pg
from plexgrad.core.files import NotWritten, write_atomically
from tests.children import PATIENCE_S

TINY = ("--slots", 400, "--seeds", 2, "--points", 2)


def run_files(folder):
    return {path.name for path in folder.iterdir() if path.name[0] != "."}


def test_a_run_leaves_its_folder_and_prints_json(plexgrad, tmp_path):
    status, out, err = plexgrad("train", "xor", *TINY, "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told["status"] == "finished"
    assert told["seeds"] == 2
    assert len(told["methods"]) == 2
    folder = tmp_path / told["folder"]
    assert folder == tmp_path / "runs" / "xor"
    left = {
        "record.json",
        "metrics.csv",
        "report.html",
        "checkpoint.npz",
        "live.jsonl",
        "params.npz",
    }
    assert run_files(folder) == left | {"checkpoint-backpropagation.npz"}
    assert "100 %" in err
    record = pg.Record.load(folder)
    assert record.evaluations["slots"] == 400
    assert record.reference is not None
    assert (folder / "metrics.csv").read_text().count("\n") > 3
    assert "<html" in (folder / "report.html").read_text()


def test_a_second_run_gets_its_own_folder_and_quiet_is_quiet(plexgrad, tmp_path):
    short = ("--slots", 8, "--seeds", 1, "--points", 1, "--no-backprop", "--quiet")
    for name in ("xor", "xor-2"):
        status, out, err = plexgrad("train", "xor", *short)
        assert (status, err) == (0, "")
        assert "report" in out
        assert run_files(tmp_path / "runs" / name) >= {"record.json", "report.html"}


def test_options_a_file_and_a_record(plexgrad, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('task = "xor"\nslots = 99\n[clock]\ntau_x = 2\ntau_p = 9\n')
    status, _, _ = plexgrad(
        *("train", "--spec", file, "--out", "one", "--no-backprop", "--slots", 120),
        *("--net", "2-3-1", "--activation", "tanh", "--code", "Walsh"),
        *("--amplitude", 0.05, "--reference", "antithetic", "--shrink", "norm"),
        *("--rule", "adam", "--eta", 0.02, "--tau-p", 2, "--tau-theta", 6),
        *("--batch", 2, "--sampling", "replacement", "--seeds", 1, "--key", 9),
        *("--points", 1, "--quiet"),
    )
    assert status == 0, err
    one = pg.Record.load("one")
    assert one.spec["task"] == {"name": "xor"}
    net = {"sizes": [2, 3, 1], "activation": "tanh"}
    assert one.spec["chip"]["net"] | net == one.spec["chip"]["net"]
    assert one.spec["estimator"] == {
        "kind": "WeightPerturbation",
        "code": {"kind": "Walsh", "amplitude": 0.05, "scramble": True},
        "reference": "antithetic",
        "shrink": "norm",
    }
    assert one.spec["rule"]["name"] == "adam"
    assert one.spec["rule"]["options"] == {"learning_rate": 0.02}
    clock = {"kind": "Clock", "tau_p": 2, "tau_x": 2, "tau_theta": 6}
    assert one.spec["clock"] == clock
    plain = {"slots": 120, "batch": 2, "sampling": "replacement", "seeds": 1}
    assert one.spec | plain | {"key": [0, 9], "points": [0, 120]} == one.spec

    assert plexgrad("train", "--from", "one", "--out", "two", "--quiet")[0] == 0
    two = pg.Record.load("two")
    assert two.spec == one.spec
    np.testing.assert_array_equal(two.final["test_cost"], one.final["test_cost"])
    words = ("--from", "one/record.json", "--slots", 60, "--out", "three", "--quiet")
    assert plexgrad("train", *words)[0] == 0
    assert pg.Record.load("three").spec["points"] == [0, 60]


def test_the_loop_can_be_named(plexgrad):
    pytest.importorskip("numba")
    words = ("train", "xor", *TINY, "--no-backprop", "--quiet", "--loop")
    assert plexgrad(*words, "fused", "--out", "one")[0] == 0
    assert pg.Record.load("one").extra["loop"] == "fused"


def child(*words):
    command = [sys.executable, "-m", "plexgrad", "train", *map(str, words)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_ctrl_c_saves_says_how_to_go_on_and_does(tmp_path):
    folder = tmp_path / "run"
    size = ("--slots", 6_000_000, "--seeds", 1, "--points", 2, "--no-backprop")
    size = (*size, "--loop", "jax")  # the fused one could be done before the signal
    process = child("xor", *size, "--out", folder)
    with process:
        assert "train" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3
    assert f"plexgrad train --resume {folder}" in err.replace("\n", "")
    assert "Traceback" not in err
    assert pg.Record.load(folder).status == "stopped"
    assert (folder / "checkpoint.npz").exists()
    with child("--resume", folder, "--json") as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert json.loads(out)["status"] == "finished"
    assert pg.Record.load(folder).evaluations["slots"] == 6_000_000


def test_a_mistake_ends_a_real_process_with_two_and_one_line():
    with child("knitting") as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (2, "")
    assert err.startswith("plexgrad: a task must be one of")
    assert err.count("\n") == 1


@pytest.fixture
def files(tmp_path):
    """Files to make mistakes with."""
    texts = {
        "broken.toml": "slots = [",
        "kind.toml": 'task = "xor"\n[clock]\nkind = "Watch"\n',
        "field.toml": 'task = "xor"\n[clock]\ntau = 3\n',
        "word.toml": 'task = "xor"\nslot = 3\n',
        "chip.toml": 'task = "xor"\nchip = "abacus"\n',
        "nameless.toml": "slots = 30\n",
        "notes.json": "{}",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    taken = tmp_path / "taken"
    pg.Record({"task": "xor"}, {}, {}, {}, {}, {}).save(taken)
    return tmp_path


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("knitting", "a task must be one of .*digits.* got 'knitting'"),
        ("parity-many", "got 'parity-many'"),
        ("parity-99", "bits must be .* got 99"),
        ("", "a task must be given"),
        ("xor --net 2-x-1", "net must be .* got '2-x-1'"),
        ("xor --net cnn", "net must be an MLP"),
        ("xor --net 3-1", "inputs must match the data 'xor': 2, got 3"),
        ("xor --net 2-2", "outputs must match the data 'xor': 1, got 2"),
        ("xor --activation gelu", "activation must be one of .*'gelu'"),
        ("xor --cost hinge", "cost must be one of .*'hinge'"),
        ("xor --cost cross_entropy", "outputs must be at least 2"),
        ("xor --code Morse", "kind must be one of .*Rademacher.*; got 'Morse'"),
        ("xor --amplitude 0", "amplitude must be above 0, got 0"),
        ("xor --estimator Guess", "kind must be one of .*; got 'Guess'"),
        ("xor --estimator Backpropagation --code Walsh", "Backpropagation has .* code"),
        ("xor --reference none", "reference must be one of .*'none'"),
        ("xor --shrink half", "shrink must be one of .*'half'"),
        ("xor --rule magic", "optax function, got 'magic'"),
        ("xor --slots -5", "slots must be an integer of at least 1 .* got -5"),
        ("digits --slots 10", "slots must be .* at least 64 .* got 10"),
        ("xor --tau-x 0", "tau_x must be .* got 0"),
        ("xor --batch 5", "batch must be .* at most 4, got 5"),
        ("xor --sampling weekly", "sampling must be one of .*'weekly'"),
        ("xor --seeds 0", "seeds must be .* got 0"),
        ("xor --key -1", "key must be .* got -1"),
        ("xor --points 0", "points must be .* got 0"),
        ("xor --devices 0", "devices must be .* got 0"),
        ("xor --out taken", "--out must be a folder without a run, got taken"),
        ("xor --out notes.json", "notes.json"),
        ("mnist", "mnist must have .* none in .* PLEXGRAD_DATA"),
        ("mnist --data nowhere", "mnist must have .* none in nowhere/mnist"),
        ("--spec broken.toml", "broken.toml must be TOML"),
        ("--spec missing.toml", "no spec at missing.toml"),
        ("--spec kind.toml", "kind must be one of .*; got 'Watch'"),
        ("--spec field.toml", "Clock has the fields .*; got tau"),
        ("--spec word.toml", "'slot'"),
        ("--spec chip.toml", "chip must be a table, got 'abacus'"),
        ("--spec chip.toml --net 2-1", "chip must be a table, got 'abacus'"),
        ("--spec nameless.toml", "a task must be given"),
        ("--from missing", "no spec at missing"),
        ("--from notes.json", "notes.json is not a record"),
        ("--from taken --spec kind.toml", "--from takes .* got also spec"),
        ("--resume missing", "no record at missing"),
        ("--resume broken.toml", "broken.toml is not a record"),
        ("xor --resume taken", "--resume takes .* got also task"),
        ("--resume taken --from taken", "--resume takes .* got also from"),
        ("--resume taken --slots 5", "--resume takes .* got also slots"),
        ("--resume taken --no-backprop", "--resume .* got also backpropagation"),
        ("--resume taken", "a spec must hold chip, estimator, clock, rule, slots"),
    ],
)
def test_bad_input_ends_in_two_and_one_clear_line(plexgrad, files, words, message):
    before = {path for path in files.rglob("*")}
    status, out, err = plexgrad("train", *words.split())
    assert (status, out) == (2, "")
    assert err.startswith("plexgrad: ")
    assert err.count("\n") == 1
    assert re.search(message, err), err
    assert {path for path in files.rglob("*")} == before


@pytest.mark.parametrize("words", ["xor --slots many", "xor --speed 3", "xor digits"])
def test_what_the_parser_refuses_ends_in_two_without_a_traceback(plexgrad, words):
    status, out, err = plexgrad("train", *words.split())
    assert (status, out) == (2, "")
    assert "Usage" in err
    assert "Traceback" not in err


def test_runs_that_begin_together_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    size = ("--slots", 40, "--seeds", 1, "--points", 1, "--no-backprop", "--quiet")
    running = [child("xor", *size, "--key", key) for key in (1, 2, 3)]
    said = [process.communicate(timeout=200) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    names = {path.name for path in (tmp_path / "runs").iterdir()}
    assert names == {"xor", "xor-2", "xor-3"}
    keys = [pg.Record.load(tmp_path / "runs" / name).spec["key"] for name in names]
    assert sorted(keys) == [[0, 1], [0, 2], [0, 3]]


def test_a_goal_that_is_reached_ends_a_run_with_0_and_its_report(plexgrad, tmp_path):
    words = ("train", "xor", *TINY, "--until", "test_cost=9", "--out", "run")
    status, out, err = plexgrad(*words)
    assert status == 0
    assert "the goal was 9" in err
    assert "go on with: plexgrad train --resume run" in err
    record = pg.Record.load("run")
    assert (record.status, record.evaluations["slots"]) == ("stopped", 0)
    assert plexgrad("report", "run")[0] == 0
    status, _, _ = plexgrad("train", "--resume", "run", "--quiet")
    assert (status, pg.Record.load("run").status) == (0, "finished")


def test_parameters_are_exported_and_started_from(plexgrad, tmp_path):
    short = (*TINY, "--no-backprop", "--quiet")
    assert plexgrad("train", "xor", *short, "--best", "--out", "one")[0] == 0
    one = pg.Record.load("one")
    assert one.spec["keep"] == "best"
    assert plexgrad("train", "xor", *short, "--start", "one", "--out", "two")[0] == 0
    first = pg.Record.load("two").curves["test_cost"][0]
    assert (first <= one.curves["test_cost"].min(axis=0) + 1e-6).any()
    wanted = {name: array[1] for name, array in one.params.items()}
    for to, ending in (("npz", "npz"), ("json", "json"), ("c", "h")):
        status, out, _ = plexgrad("export", "one", "--to", to, "--seed", 1)
        assert (status, out.strip()) == (0, f"one/exported.{ending}")
    with np.load("one/exported.npz") as found:
        for name, array in wanted.items():
            np.testing.assert_array_equal(found[name], array)
    told = json.loads((tmp_path / "one" / "exported.json").read_text())
    np.testing.assert_allclose(told["0/weight"], wanted["0/weight"])
    header = (tmp_path / "one" / "exported.h").read_text()
    body = re.search(r"plexgrad_0_weight\[\d+\] = \{(.*?)\}", header, re.DOTALL)[1]
    numbers = [np.float32(text.strip().removesuffix("f")) for text in body.split(",")]
    np.testing.assert_array_equal(numbers, wanted["0/weight"].reshape(-1))
    assert plexgrad("export", "one", "--seed", 2)[0] == 2
    assert plexgrad("train", "xor", "--net", "2-3-1", "--start", "one")[0] == 2


def test_a_disk_that_is_full_at_the_end_leaves_how_the_run_ended(
    plexgrad, tmp_path, monkeypatch
):
    def write(path, data):
        if b'"curves": {}' not in data:  # all but a record without results
            raise OSError(28, "No space left on device")
        write_atomically(path, data)

    for module in ("core.record", "report.page", "report.metrics"):
        monkeypatch.setattr(f"plexgrad.{module}.write_atomically", write)
    with pytest.warns(NotWritten) as told:
        status, out, err = plexgrad("train", "xor", *TINY, "--no-backprop", "--json")
    assert status == 0, err
    assert json.loads(out)["status"] == "finished"
    said = " ".join(str(each.message) for each in told)
    assert "the record cannot be written" in said
    assert "the report cannot be written" in said
    record = pg.Record.load(tmp_path / "runs" / "xor")
    assert (record.status, record.final) == ("finished", {})
