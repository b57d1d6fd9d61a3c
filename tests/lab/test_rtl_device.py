"""The on-chip trainer as a device: alone, by the host, and its refusals."""

from dataclasses import replace

import numpy as np
import pytest

from plexgrad import Clock, Rule, codes, data, estimators
from plexgrad.lab import find, host
from plexgrad.lab.device import Autonomy, Refused, Shown
from plexgrad.lab.perturbations import Codes
from plexgrad.lab.rtl import rates, verilated
from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.driver import Rtl

KEY = (0xBEEF1234, 0)
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)


def chip(**options):
    device = Rtl(Design(**options), engine="python")
    device.open()
    device.load_samples(X, Y, "train")
    return device


def start(device, seed=0):
    random = np.random.default_rng(seed)
    device.write_parameters(random.uniform(-1, 1, 9).astype(np.float32))


def config(device, shift=1, amplitude=400 / 4096, count=1, batch=4, position=0):
    made = Codes(KEY, 0, count, amplitude, "antithetic", kind=device.design.code)
    eta = rates.eta(device.data, shift, made, batch)
    return Autonomy(made, eta, "train", batch, position)


@pytest.mark.parametrize("form", ["array", "shared"])
def test_alone_it_does_what_autonomy_says(form):
    device = chip(form=form)
    start(device)
    asked = config(device, shift=3, count=2, batch=2)
    theta = device.read_parameters().astype(np.float64)
    rest, costs, step = np.zeros(9), [], 1 / 4096
    for slot in range(6):
        pattern = replace(asked.codes, start=slot, count=1)
        first = 2 * slot % 4
        index = np.arange(first, first + 2, dtype=np.uint32)[None]
        found = device.measure(pattern, Shown(handle="train", index=index)).cost
        costs.append(found.mean())
        signal = np.float64(found[0] - found[1]) / 2
        gradient = signal * pattern.patterns(9)[0] / asked.codes.amplitude**2
        rest += asked.eta * gradient / 2
        if slot % 2:
            # What is less than a step stays for the next update.
            taken = np.floor(np.round(rest / step, 6)) * step
            theta, rest = theta - taken, rest - taken
            device.write_parameters(theta.astype(np.float32))
    start(device)
    told = device.run_steps(6, asked)
    np.testing.assert_allclose(told.cost, costs, rtol=1e-6)
    np.testing.assert_allclose(device.read_parameters(), theta, atol=1e-7)
    assert (told.slot, told.position) == (6, 0)
    assert told.device_seconds == 6 * device.design.cycles(2) / device.clock_hz


def test_runs_go_on_where_the_last_one_ended():
    whole, parts = chip(), chip()
    for device in (whole, parts):
        start(device)
    asked = config(whole, batch=2)
    once = whole.run_steps(50, asked)
    first = parts.run_steps(21, asked)
    then = replace(
        asked, codes=replace(asked.codes, start=first.slot), position=first.position
    )
    second = parts.run_steps(29, then)
    costs = np.concatenate([first.cost, second.cost])
    np.testing.assert_array_equal(once.cost, costs)
    np.testing.assert_array_equal(whole.read_parameters(), parts.read_parameters())
    assert (second.slot, second.position) == (once.slot, once.position)


def test_it_learns_exclusive_or_alone():
    device = chip()
    start(device, seed=3)
    told = device.run_steps(800, config(device))
    assert told.cost[:100].mean() > 0.2
    assert told.cost[-100:].mean() < 0.02
    shown = Shown(X[None], Y[None])
    said = device.measure(np.zeros((1, 9), np.float32), shown, "outputs").outputs
    np.testing.assert_array_equal(said[0] > 0.5, Y > 0.5)


def test_the_host_trains_it_too():
    record = host.train(
        Rtl(engine="python"),
        data.load("xor"),
        estimator=estimators.WeightPerturbation(codes.Rademacher(0.1), "antithetic"),
        rule=Rule("sgd", learning_rate=0.5),
        clock=Clock(),
        slots=120,
        batch=4,
        key=2,
        points=2,
    )
    curve = record.curves["train_cost"][:, 0]
    assert record.status == "finished"
    assert curve[-1] < curve[0]


def test_held_samples_can_be_shown_in_any_order():
    device = chip()
    start(device)
    index = np.array([[3, 0, 1, 2]], np.uint32)
    held = device.measure(
        np.zeros((1, 9), np.float32), Shown(handle="train", index=index)
    )
    sent = device.measure(np.zeros((1, 9), np.float32), Shown(X[None], Y[None]))
    assert held.cost == sent.cost


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"eta": 0.123}, r"eta must be .* / 2\^n on this chip, such as"),
        ({"batch": 5}, "batch must be 4 at most"),
        ({"position": 1}, "divide position 1"),
        ({"handle": "other"}, "no samples are held under 'other'"),
        ({"codes": Codes(KEY, 0, 1, 0.1, "antithetic")}, "codes must be lfsr"),
        ({"codes": Codes(KEY, 0, 1, 0.1, kind="lfsr")}, "codes must be lfsr"),
        ({"codes": Codes(KEY, 0, 3, 0.1, "antithetic", kind="lfsr")}, "multiple of 3"),
    ],
)
def test_what_it_cannot_do_alone_is_refused(change, rule):
    device = chip()
    with pytest.raises(Refused, match=rule):
        device.run_steps(4, replace(config(device), **change))


def test_more_samples_than_it_holds_are_refused():
    device = chip()
    many = np.zeros((13, 2), np.float32), np.zeros((13, 1), np.float32)
    with pytest.raises(Refused, match="12 at most, got 17"):
        device.load_samples(*many, "test")
    # What does not fit in the rest of the memory is shown in pieces.
    told = device.measure(np.zeros((1, 9), np.float32), Shown(*(a[None] for a in many)))
    assert told.cost.shape == (1,)


def test_a_url_says_everything(tmp_path):
    device = find.device_at("rtl:3-4-2?form=shared&word=14&fraction=10&engine=python")
    assert device.design == Design((3, 4, 2), word=14, fraction=10, form="shared")
    with pytest.raises(ValueError, match="joined by dashes, got '3'"):
        find.device_at("rtl:3")
    with pytest.raises(ValueError, match="top must come with a Verilog file"):
        find.device_at("rtl:2-2-1?top=mine")
    with pytest.raises(ValueError, match="engine must be one of"):
        find.device_at("rtl:2-2-1?engine=quartus")
    with pytest.raises(FileNotFoundError, match="no Verilog at"):
        find.device_at(f"rtl:{tmp_path}/mine.v?sizes=2-2-1").open()


def test_a_missing_verilator_is_said_in_one_line(monkeypatch):
    monkeypatch.setattr(verilated.shutil, "which", lambda tool: None)
    with pytest.raises(FileNotFoundError, match="apt install verilator g\\+\\+ make$"):
        verilated.library("module mine; endmodule", "mine")


def test_verilog_without_the_ports_is_refused_with_the_reason(tmp_path, monkeypatch):
    if verilated.missing():
        pytest.skip("needs Verilator: apt install verilator g++ make")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="must have the module 'other'"):
        verilated.library("module mine(input clk); endmodule", "other")
