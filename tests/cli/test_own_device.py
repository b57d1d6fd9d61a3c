"""A bench's own device from the command line: in a file, without a task, by hand."""

import bz2
import gzip
import json
import lzma
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plexgrad.core.record import Record
from plexgrad.lab import find
from plexgrad.lab.calibrate import Calibration
from plexgrad.timing import Platform

FILE = Path(__file__).parents[1] / "lab" / "mesh.py"
QUICK = ("--listen", 0.02, "--settle", 0.005, "--budget", 300, "--knob-budget", 100)


@pytest.fixture
def mesh(somewhere):
    """A URL with all that a shell would take apart."""
    shutil.copy(FILE, somewhere / "mesh.py")
    return "python:mesh.py:mesh?noise=0.001&serial=A 7"


@pytest.mark.parametrize(
    ("rest", "serial"),
    [
        (":mesh", "MESH-1"),
        (":mesh?serial=B&knobs=2", "B"),
        (":Mesh", "MESH-2"),
        (":MADE", "MESH-3"),
    ],
)
def test_a_function_a_class_or_a_device_of_a_file_is_a_device(rest, serial):
    assert find.device_at(f"python:{FILE}{rest}").identify().serial == serial


@pytest.mark.parametrize(
    ("rest", "error", "said"),
    [
        ("", ValueError, r"must be python:FILE.py:NAME\?option=value, got"),
        (":mash", ValueError, "must hold 'mash'; it holds np, lab, mesh, Mesh, MADE"),
        (":np", ValueError, "must be a class, a function or a device"),
        (":mesh?knob=3", ValueError, "takes .*knobs=4.*unexpected .*'knob'"),
        (":MADE?knobs=3", ValueError, "takes no options"),
        ("x:mesh", FileNotFoundError, "no Python file at"),
    ],
)
def test_what_a_file_lacks_is_named(rest, error, said):
    with pytest.raises(error, match=said):
        find.device_at(f"python:{FILE}{rest}")


def test_schemes_in_an_error_and_in_the_list_name_the_file(plexgrad):
    _, _, err = plexgrad("chip", "identify", "gpib:4")
    assert "python:FILE.py:NAME" in err
    assert "python:     A device in a Python file" in plexgrad("chip", "list")[1]


def test_a_cost_only_device_trains_by_given_numbers_and_goes_on(plexgrad, mesh):
    words = ("--amplitude", 0.05, "--eta", 0.1, "--slots", 60, "-q")
    status, out, err = plexgrad("chip", "train", mesh, *words)
    assert (status, err) == (0, "")
    record = Record.load("runs/chip-cost")
    assert record.spec["task"] == {"name": "cost"}
    again = ("--resume", "--out", "runs/chip-cost", "-q")
    assert plexgrad("chip", "train", mesh, *again)[0] == 0
    after = Record.load("runs/chip-cost")
    assert after.final["train_cost"] == record.final["train_cost"]
    # A record may be a stranger's: nothing that it names is run.
    status, _, err = plexgrad("chip", "train", *again)
    assert status == 2
    assert "must be named again, since opening it runs the file" in err


def test_without_numbers_a_cost_only_device_is_sent_to_calibration(plexgrad, mesh):
    status, _, err = plexgrad("chip", "train", mesh)
    assert status == 2
    assert "--amplitude and --eta, or --calibration" in err
    assert f"plexgrad chip calibrate '{mesh}'" in err


def test_parameters_are_read_written_and_evaluated_by_hand(plexgrad, mesh, somewhere):
    status, out, _ = plexgrad("chip", "read", mesh, "--out", "a.txt")
    assert status == 0
    assert out.splitlines()[3] == "2.5  # heaters[3] (V)"
    _, out, _ = plexgrad("chip", "evaluate", mesh, "--json")
    before = json.loads(out)["train_cost"]
    for words in (("a.txt",), ("2.5",), ("1", "2", "3", "4")):
        status, out, _ = plexgrad("chip", "write", mesh, *words)
        assert (status, out[:20]) == (0, "4 parameters written")
    np.save("one.npy", np.array([1.0, 2.0, 3.0, 4.0]))
    np.savez("two.npz", w=np.array([[1.0, 2.0]]), b=np.array([3.0, 4.0]))
    costs = []
    for file in ("one.npy", "two.npz"):
        _, out, _ = plexgrad("chip", "evaluate", mesh, "--parameters", file, "--json")
        costs.append(json.loads(out)["train_cost"])
    assert costs[0] == pytest.approx(costs[1], abs=0.01)
    assert costs[0] != pytest.approx(before, abs=0.05)
    words = ("--amplitude", 0.05, "--eta", 0.1, "--slots", 200, "-q")
    assert plexgrad("chip", "train", mesh, *words)[0] == 0
    words = ("--parameters", "runs/chip-cost", "--json")
    _, out, _ = plexgrad("chip", "evaluate", mesh, *words)
    reached = float(Record.load("runs/chip-cost").final["train_cost"][0])
    assert json.loads(out)["train_cost"] == pytest.approx(reached, abs=0.01)


def test_a_trained_network_is_evaluated_on_its_task(plexgrad):
    _, out, _ = plexgrad("chip", "evaluate", "emulated:2-2-1", "xor", "--json")
    assert json.loads(out).keys() >= {"train_cost", "test_accuracy"}
    status, _, err = plexgrad("chip", "evaluate", "emulated:2-2-1")
    assert (status, "a task must be given" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("1", "2"), "parameters must be 4, or 1 for all, got 2"),
        (("1", "x"), "must be a file or numbers, got '1 x'"),
        (("nan",), "must hold finite numbers"),
        (("-1",), "must be in [0, 5], got -1 (4 parameters are outside)"),
        (("runs",), "no params.npz or checkpoint.npz in runs"),
        (("mesh.py",), "mesh.py must hold parameters"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(plexgrad, mesh, words, said):
    Path("runs").mkdir()
    status, _, err = plexgrad("chip", "write", mesh, *words)
    assert status == 2
    assert said in err


def test_text_is_read_as_it_is_and_not_unpacked(plexgrad, mesh):
    text = b"1 # one\n" * 4
    Path("four.txt").write_bytes(text)
    assert plexgrad("chip", "write", mesh, "four.txt")[0] == 0
    for ending, packing in (("gz", gzip), ("bz2", bz2), ("xz", lzma)):
        name = f"four.{ending}"
        Path(name).write_bytes(packing.compress(text))
        status, _, err = plexgrad("chip", "write", mesh, name)
        assert (status, f"{name} must hold parameters" in err) == (2, True)


@pytest.mark.parametrize("saved", [True, False])
def test_the_report_of_a_run_that_failed_says_what_works(plexgrad, mesh, saved):
    words = ("--amplitude", 0.05, "--eta", 0.1, "--slots", 20, "-q", "--out", "a b")
    assert plexgrad("chip", "train", mesh, *words)[0] == 0
    record = Record.load("a b")
    replace(record, final={}, status="failed").save("a b")
    if not saved:
        for path in Path("a b").glob("checkpoint*"):
            path.unlink()
    status, _, err = plexgrad("report", "a b")
    assert status == 2
    if not saved:
        assert "it has to begin anew" in err
        return
    command = shlex.split(err.partition(": plexgrad ")[2])
    assert command == ["chip", "train", mesh, "--resume", "--out", "a b"]
    assert plexgrad(*command, "-q")[0] == 0


def test_what_a_run_will_take_is_said_and_what_it_took_is_timed(plexgrad, mesh):
    words = ("chip", "train", mesh, "--slots", 60, "--out", "run")
    given = ("--amplitude", 0.05, "--eta", 0.1)
    status, out, _ = plexgrad(*words, *given, "--explain", "--json")
    assert status == 0
    assert json.loads(out)["device_s"].startswith("not known")
    assert not Path("run").exists()
    assert plexgrad("chip", "calibrate", mesh, *QUICK, "-q")[0] == 0
    found = Calibration.load("runs/calibrate-chip")
    calibrated = (*words, "--calibration", "runs/calibrate-chip")
    told = json.loads(plexgrad(*calibrated, "--explain", "--json")[1])
    rates, evaluations = found.rates, told["evaluations"]
    spent = evaluations * rates.evaluation_s + told["updates"] * rates.write_s
    assert told["device_s"] == pytest.approx(spent, rel=0.01)
    status, _, err = plexgrad(*calibrated)
    assert status == 0
    (said,) = [line for line in err.splitlines() if line.startswith("expected: ")]
    record = Record.load("run")
    assert f"{record.evaluations['total']:,} evaluations" in said
    writes = int(re.search("and ([0-9,]+) writes", said)[1].replace(",", ""))
    assert writes == pytest.approx(record.extra["lab"]["writes_max"], rel=0.15)
    status, out, _ = plexgrad("time", "run")
    assert status == 0
    assert f"{record.evaluations['total']:,} evaluations in" in out
    platform = Platform.load("runs/calibrate-chip/platform.toml")
    assert platform.evaluation_s == rates.evaluation_s
    assert platform == Platform.load(platform_again(platform))


def platform_again(platform):
    """A file of what a platform says of itself."""
    path = Path("again.toml")
    path.write_text(platform.to_toml())
    return path


def test_a_run_on_a_device_is_timed_on_itself_and_on_what_is_named(plexgrad):
    chip = "emulated:2-2-1"
    more = ("--slots", 60, "--amplitude", 0.02, "--eta", 0.5, "-q")
    assert plexgrad("chip", "train", chip, "xor", *more)[0] == 0
    words = ("runs/chip-xor", "--target", 0.5, "--platform", "HW2", "--json")
    status, out, err = plexgrad("time", *words)
    assert (status, err) == (0, "")
    told = json.loads(out)["platforms"]
    assert list(told) == ["emulated MLP EMU-0001", "HW2"]
    record = Record.load("runs/chip-xor")
    each = record.throughput["seconds"] / record.evaluations["total"]
    constants = told["emulated MLP EMU-0001"]["constants"]
    assert constants["evaluation_s"] == pytest.approx(each)


FAILING = """
from plexgrad import lab

class Failing(lab.EmulatedMLP):
    count = 0
    def fails(self):
        self.count += 1
        if self.count == 30:
            raise KIND
    def measure(self, *args, **more):
        self.fails()
        return super().measure(*args, **more)
    def step(self, *args):
        self.fails()
        return super().step(*args)

def device():
    return Failing([2, 2, 1])
"""

RUN = ("--slots", 60, "--batch", 2, "--amplitude", 0.05, "--points", 6, "-q")


@pytest.mark.parametrize(
    ("kind", "status"),
    [("ValueError('wrong lengths')", 2), ("KeyboardInterrupt", 3)],
)
def test_an_own_device_that_fails_leaves_a_run_that_goes_on(
    plexgrad, tmp_path, kind, status
):
    file = tmp_path / "failing.py"
    file.write_text(FAILING.replace("KIND", kind))
    words = ("chip", "train", f"python:{file}:device")
    found, _, err = plexgrad(*words, "xor", *RUN, "--out", "run")
    assert found == status, err
    again = "go on with: plexgrad chip train python:"
    assert f"saved; {again}" in err
    file.write_text(FAILING.replace("KIND", kind).replace("== 30", "== -1"))
    assert plexgrad(*words, "--resume", "--out", "run", "-q")[0] == 0
    assert plexgrad("report", "run")[0] == 0
