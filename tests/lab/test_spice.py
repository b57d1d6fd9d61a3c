"""ngspice in the loop: what it solves, what it refuses, and what it learns."""

import resource

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab import find
from plexgrad.lab.device import Refused
from plexgrad.lab.spice import Crossbar, SpiceCrossbar, SpiceError, engine, twin
from plexgrad.lab.spice.netlist import LIMIT, netlist, resistances, resistors, weights

needs_ngspice = pytest.mark.skipif(
    engine.installed() is None, reason="ngspice is not installed as a library"
)
NEURONS = ("tanh", "diode")
OFF = {"tanh": 1e-12, "diode": 4e-6}
"""Volts that the twin may be off; see its head."""


def drawn(sizes, samples=9, seed=0):
    """Weights and samples in volts."""
    random = np.random.default_rng(seed)
    theta = random.uniform(-LIMIT, LIMIT, len(resistors(sizes)) // 2)
    return theta, random.uniform(-1, 1, (samples, sizes[0]))


@pytest.fixture
def crossbar():
    """Makes circuits that are given back after the test."""
    made = []

    def make(sizes=(2, 2, 1), neuron="tanh", **more):
        theta, x = drawn(sizes, **more)
        made.append(Crossbar(sizes, neuron, theta, x))
        return made[-1], theta, x

    yield make
    for each in made:
        each.close()


@needs_ngspice
@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("sizes", [(2, 2, 1), (3, 4, 2, 2), (1, 1)])
def test_a_sweep_is_as_many_solutions_and_the_twins(crossbar, sizes, neuron):
    circuit, theta, x = crossbar(sizes, neuron)
    swept = circuit.sweep(0, len(x) - 1)
    solved = np.stack([circuit.solve(number) for number in range(len(x))])
    np.testing.assert_allclose(swept, solved, atol=1e-10)
    told = twin.forward(sizes, neuron, resistances(theta), x)
    np.testing.assert_allclose(swept, told, atol=OFF[neuron])
    assert swept.std() > 0.01


@needs_ngspice
def test_any_samples_in_any_order(crossbar):
    circuit, _, x = crossbar((3, 2), samples=60)
    every = circuit.sweep(0, len(x) - 1)
    for index in ([4, 5, 6], [6, 4, 5, 4], [59, 0], [7]):
        found = circuit.outputs(np.array(index))
        np.testing.assert_allclose(found, every[index], atol=1e-12)


def test_weights_become_resistances_and_weights_again():
    theta = np.concatenate([drawn((4, 4, 3))[0], [0, LIMIT, -LIMIT, 1e-6]])
    ohms = resistances(theta)
    np.testing.assert_allclose(weights(ohms), theta, atol=1e-14)
    assert ohms[2 * 35 : 2 * 35 + 2].tolist() == [8000, 8000]
    assert (ohms > 4e3).all()
    assert (ohms < 4.1e5).all()


@needs_ngspice
def test_weights_are_in_the_circuit_after_they_were_altered(crossbar):
    circuit, theta, _ = crossbar((4, 4, 3))
    np.testing.assert_allclose(circuit.read(), theta, atol=1e-13)
    other = theta[::-1].copy()
    other[:5] = theta[:5]
    circuit.write(other)
    np.testing.assert_allclose(circuit.read(), other, atol=1e-13)


@needs_ngspice
def test_two_circuits_in_one_process_know_nothing_of_each_other(crossbar):
    one, theta, x = crossbar()
    other, _, _ = crossbar(neuron="diode", seed=5)
    before, beside = one.sweep(0, 3), other.sweep(0, 3)
    other.write(theta)
    other.show(x[:2])
    assert np.abs(other.sweep(0, 1) - beside[:2]).max() > 1e-3
    np.testing.assert_array_equal(one.sweep(0, 3), before)
    np.testing.assert_allclose(one.read(), theta, atol=1e-13)


@needs_ngspice
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("alter @rp99[resistance]=1", "no such device or model name rp99"),
        ("alter @rp1[ohms]=1", "no such parameter ohms"),
        ("sing", "sing: no such command"),
        ("dc vnone 0 1 1", "vnone"),
    ],
)
def test_what_ngspice_cannot_do_is_raised_and_it_goes_on(crossbar, wrong, said):
    circuit, _, _ = crossbar()
    before = circuit.sweep(0, 3)
    with pytest.raises(SpiceError, match=said):
        circuit.spice.command("echo", wrong)
    with pytest.raises(SpiceError, match="in the current plot, got 'y9_9'"):
        circuit.spice.vector("y9_9")
    np.testing.assert_array_equal(circuit.sweep(0, 3), before)


@needs_ngspice
def test_a_circuit_that_is_none_is_refused(crossbar):
    circuit, theta, x = crossbar()
    lines = netlist((2, 2, 1), "tanh", x, resistances(theta))
    with pytest.raises(SpiceError, match="Netlist line no. 4: Expression err"):
        circuit.spice.circuit([*lines[:3], "rbad y0_0 0 nonsense=", ".end"])
    # That made it quit; nobody gets this library again.
    with pytest.raises(SpiceError, match="must be running, but it has quit"):
        circuit.sweep(0, 1)
    circuit.close()
    other, _, _ = crossbar()
    assert other.spice is not circuit.spice
    assert len(other.sweep(0, 3)) == 4


@needs_ngspice
def test_memory_stays_as_it_is(crossbar):
    circuit, theta, _ = crossbar()

    def work(times):
        for number in range(times):
            circuit.write(theta * (number % 2))
            circuit.sweep(0, 3)

    work(500)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work(3000)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 1024  # KiB


@needs_ngspice
@pytest.mark.parametrize("neuron", NEURONS)
def test_a_device_with_mismatch_is_the_twin_of_its_own_resistors(neuron):
    device = SpiceCrossbar([3, 4, 2], neuron, mismatch=0.05, seed=3)
    random = np.random.default_rng(0)
    x, rows = random.random((2, 4, 3)), random.uniform(-0.1, 0.1, (6, 26))
    shown = lab.Shown(x.astype(np.float32), np.zeros((2, 4, 2), np.float32))
    try:
        told = device.measure(rows.astype(np.float32), shown, "outputs").outputs
    finally:
        device.close()
    theta = (device.theta[None] + rows.astype(np.float32)).astype(np.float64)
    ohms = resistances(theta) * device.spread
    for row in range(6):
        volts = 2 * shown.x[row // 3].astype(np.float64) - 1
        wanted = 0.5 + twin.forward((3, 4, 2), neuron, ohms[row], volts) / 1.4
        np.testing.assert_allclose(told[row], wanted, atol=4e-6)
    assert abs(np.log(device.spread).std() - 0.05) < 0.01


def learnt(url, data, slots, eta, key=0, **more):
    """The record of a run; the setting of docs/lab-spice.md."""
    code = pg.codes.Rademacher(0.05)
    return lab.train(
        find.device_at(url),
        pg.data.load(data),
        estimator=pg.estimators.WeightPerturbation(code, "antithetic"),
        rule=pg.Rule("sgd", learning_rate=eta),
        slots=slots,
        key=key,
        points=1,
        **more,
    )


@needs_ngspice
@pytest.mark.parametrize(
    ("neuron", "eta", "slots", "key"), [("tanh", 0.8, 200, 1), ("diode", 0.3, 300, 2)]
)
def test_exclusive_or(neuron, eta, slots, key):
    url = f"spice:2-2-1?neuron={neuron}"
    record = learnt(url, "xor", slots, eta, key, batch=4)
    assert record.final["test_accuracy"] == 1
    assert record.final["test_cost"] < 0.0102
    assert record.spec["crossing"] == "updates"


@needs_ngspice
def test_iris_on_resistors_that_differ():
    url, runs = "spice:4-4-3?neuron=diode&mismatch=0.05", {"sampling": "runs"}
    record = learnt(url, "iris", 400, 0.1, batch=15, **runs)
    assert record.final["test_accuracy"] >= 0.93


@needs_ngspice
def test_what_makes_no_sense_is_refused():
    device = find.device_at("spice:2-2-1?updates=0")
    x = np.zeros((1, 2, 3), np.float32)
    with pytest.raises(Refused, match="samples must have 2 numbers"):
        device.measure(np.zeros((1, 9), np.float32), lab.Shown(x, x))
    shown = lab.Shown(handle="train", index=np.zeros((1, 1), np.uint32))
    with pytest.raises(Refused, match="no samples are held under 'train'"):
        device.measure(np.zeros((1, 9), np.float32), shown)
    device.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("spice:2", "sizes must be joined by dashes, got '2'"),
        ("spice:2-1?neuron=relu", "neuron must be one of 'tanh', 'diode', got 'relu'"),
        ("spice:2-1?codes=maybe", "a switch must be 0 or 1, got 'maybe'"),
        ("spice:2-1?mismatch=-1", "mismatch must be at least 0, got -1"),
    ],
)
def test_a_url_that_says_nothing_is_refused(url, said):
    with pytest.raises(ValueError, match=said):
        find.device_at(url)


def test_without_ngspice_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(engine, "installed", lambda: None)
    monkeypatch.setattr(engine, "_idle", [])
    with pytest.raises(FileNotFoundError, match="apt install libngspice0"):
        SpiceCrossbar([2, 1]).open()
