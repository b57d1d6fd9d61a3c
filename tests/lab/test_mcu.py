"""The microcontroller: firmware, emulators and twin agree to the last bit."""

import shutil
from importlib.util import find_spec

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.bench import Bench
from plexgrad.lab.device import Autonomy, Refused, Restarted, Shown
from plexgrad.lab.mcu.board import Board
from plexgrad.lab.mcu.cortex import CortexLine
from plexgrad.lab.mcu.qemu import PROGRAM
from plexgrad.lab.mcu.qemu_mcu import QemuMCU
from plexgrad.lab.mcu.twin import TwinMCU
from plexgrad.lab.mcu.unicorn_mcu import UnicornMCU
from plexgrad.lab.messages import Command
from plexgrad.lab.perturbations import Codes, Update
from plexgrad.lab.remote import Remote
from plexgrad.lab.server import Served
from plexgrad.lab.transports.faulty import FAULTS, Faulty
from plexgrad.lab.transports.in_process import InProcess

KEY = (7, 11)
needs_unicorn = pytest.mark.skipif(
    find_spec("unicorn") is None, reason="needs unicorn: the extra mcu"
)
needs_qemu = pytest.mark.skipif(
    shutil.which(PROGRAM) is None, reason=f"needs {PROGRAM}"
)
BOARDS = [
    Board((49, 4, 4)),
    Board((64, 32, 10)),
    Board((9, 7, 5, 1), "tanh"),
    Board((300, 6)),
]


def samples(board, count=64, seed=0):
    random = np.random.default_rng(seed)
    x = random.uniform(-1.2, 1.2, (count, board.sizes[0])).astype(np.float32)
    y = random.uniform(0, 1, (count, board.sizes[-1])).astype(np.float32)
    return x, y


def begin(device, board):
    device.open()
    x, y = samples(board)
    device.load_samples(x, y, "train")
    theta = np.random.default_rng(1).uniform(-0.5, 0.5, board.parameters)
    device.write_parameters(theta.astype(np.float32))
    return device


def train(device, steps, reference="antithetic", count=1, eta=0.5):
    """Fused steps as the host loop makes them: all costs, the weights at the end."""
    costs, update = [], None
    for step in range(steps):
        codes = Codes(KEY, step * count, count, 0.125, reference)
        first = step * 16 % 48
        index = np.arange(first, first + 16, dtype=np.uint32)[None]
        shown = Shown(handle="train", index=index)
        found = device.step(update, codes, shown)
        costs.append(np.append(found.cost, found.hits))
        signal = lab.perturbations.signal_of(found.cost, reference)[0]
        rate = np.float32(-eta / (count * 0.125**2))
        update = Update(codes, rate * signal)
    device.update(update)
    return np.array(costs), device.read_parameters()


def same_as_twin(device, board, steps, **more):
    one = train(begin(device, board), steps, **more)
    other = train(begin(TwinMCU(board), board), steps, **more)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


@needs_unicorn
def test_a_thousand_steps_are_those_of_the_twin():
    same_as_twin(UnicornMCU(), Board(), 1000)


@needs_unicorn
@pytest.mark.parametrize("board", BOARDS, ids=str)
@pytest.mark.parametrize("reference", ["direct", "baseline", "antithetic"])
def test_every_network_and_reference_is_that_of_the_twin(board, reference):
    same_as_twin(UnicornMCU(board), board, 6, reference=reference, count=3)


@needs_qemu
def test_a_board_is_its_twin_too():
    same_as_twin(QemuMCU(), Board(), 100)


@needs_unicorn
@pytest.mark.parametrize("board", BOARDS, ids=str)
def test_outputs_and_marks_are_those_of_the_twin(board):
    one, other = begin(UnicornMCU(board), board), begin(TwinMCU(board), board)
    x, y = samples(board, 6, seed=3)
    shown = Shown(x.reshape(2, 3, -1), y.reshape(2, 3, -1))
    rows = np.random.default_rng(4).normal(0, 2, (4, board.parameters))
    rows = np.clip(rows, -7, 7).astype(np.float32)
    for want in ("outputs", "cost"):
        a, b = (each.measure(rows, shown, want) for each in (one, other))
        for name in ("cost", "outputs", "hits", "saturated"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@needs_unicorn
def test_what_the_firmware_declares_is_what_the_host_knows():
    for board in (*BOARDS, Board((2, 1), serial="B-7 (left)")):
        device = UnicornMCU(board)
        device.open()
        assert device.identify() == board.identity()
        assert device.capabilities == board.capabilities()


@needs_unicorn
def test_floats_are_rounded_to_the_nearest_step_ties_to_even():
    board = Board((3, 4, 2))
    one, other = begin(UnicornMCU(board), board), begin(TwinMCU(board), board)
    step = 2.0**-21
    ties = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 0.4999, 1e-30, 1e-45]) * step
    more = [3.96875, 4.0, -1e30, np.inf, -np.inf, 0.0, -0.0, 1 / 3]
    values = np.concatenate([ties, more]).astype(np.float32)
    index = np.arange(len(values), dtype=np.uint32)
    for device in (one, other):
        device.write_parameters(values, index)
    np.testing.assert_array_equal(one.read_parameters(), other.read_parameters())
    np.testing.assert_array_equal(one.read_parameters()[:5] / step, [0, 2, 2, 0, -2])


@needs_unicorn
@pytest.mark.parametrize("reference", ["direct", "baseline", "antithetic"])
def test_trained_alone_it_ends_where_its_twin_ends(reference):
    one, other = UnicornMCU(), TwinMCU()
    config = Autonomy(Codes(KEY, 5, 2, 0.125, reference), 0.5, "train", 16, 24)
    traces = [begin(d, Board()).run_steps(40, config) for d in (one, other)]
    np.testing.assert_array_equal(traces[0].cost, traces[1].cost)
    assert (traces[0].slot, traces[0].position) == (
        traces[1].slot,
        traces[1].position,
    )
    np.testing.assert_array_equal(one.read_parameters(), other.read_parameters())


@needs_unicorn
def test_a_run_asked_for_twice_is_made_once():
    served = Served(begin(TwinMCU(), Board()))
    config = Autonomy(Codes(KEY, 0, 1, 0.125, "antithetic"), 0.5, "train", 16)
    for device in (begin(UnicornMCU(), Board()), Remote(InProcess(served.connection))):
        device.open()
        first = device.run_steps(10, config)
        after = device.read_parameters()
        device._number -= 1
        again = device.run_steps(10, config)
        np.testing.assert_array_equal(first.cost, again.cost)
        np.testing.assert_array_equal(device.read_parameters(), after)


@needs_unicorn
def test_whatever_the_link_does_the_board_holds_what_the_host_believes():
    line = CortexLine(Board((3, 4, 2)))
    faulty = Faulty(line, 0.0, 1, restart=line.power_cut)
    bench = Bench(Remote(faulty, attempts=4), patience_s=1e6)
    bench.open()
    x, y = samples(Board((3, 4, 2)))
    bench.load(x, y, "train")
    bench.write(np.zeros(26, np.float32))
    faulty.rate = 0.2
    shown = Shown(handle="train", index=np.arange(8, dtype=np.uint32)[None])
    for slot in range(400):
        codes = Codes(KEY, slot, 1, 0.125, "antithetic")
        bench.step(Update(codes, np.array([0.01 * slot], np.float32)), codes, shown)
    faulty.rate = 0.0
    bench.read_back()
    assert bench.accounts.disagreements == 0
    assert bench.accounts.recoveries > 10
    assert set(faulty.injected) == {*FAULTS, "restart"}


@needs_unicorn
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda d: d.measure(Codes(KEY, 0, 1, 0.001), at("train")),
            "amplitude must be",
        ),
        (lambda d: d.measure(Codes(KEY, 0, 1, 0.125), at("other")), "under this name"),
        (lambda d: d.measure(Codes(KEY, 0, 1, 0.125), at("train", 64)), "be among"),
        (
            lambda d: d.measure(np.zeros((1, 25), np.float32), at("train")),
            "offsets must",
        ),
        (lambda d: d.load_samples(*samples(Board((4, 2))), "x"), "network's sizes"),
        (lambda d: d.load_samples(*samples(Board((3, 2))), "x" * 32), "31 letters"),
        (lambda d: d.update(huge()), "below 1024"),
        (lambda d: d.write_parameters(np.full(26, np.nan)), "must be numbers"),
        (lambda d: d._change(Command.BYE + 40, b""), "must be a known one"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(call, said):
    board = Board((3, 4, 2))
    device = begin(UnicornMCU(board), board)
    before = device.read_parameters()
    with pytest.raises(Refused, match=said):
        call(device)
    np.testing.assert_array_equal(device.read_parameters(), before)


def at(handle, first=0):
    return Shown(handle=handle, index=np.array([[first]], np.uint32))


def huge():
    return Update(Codes(KEY, 0, 1, 0.125), np.array([1e5], np.float32))


@needs_unicorn
def test_a_power_cut_is_noticed():
    device = begin(UnicornMCU(), Board())
    device.transport.power_cut()
    with pytest.raises(Restarted, match="has lost what it held"):
        device.read_parameters()


@needs_unicorn
def test_data_are_loaded_again_under_the_same_name_and_beside_others():
    board = Board((3, 4, 2))
    one, other = begin(UnicornMCU(board), board), begin(TwinMCU(board), board)
    for count, key in ((7, "a"), (9, "b"), (30, "train"), (5, "a")):
        for device in (one, other):
            device.load_samples(*samples(board, count, seed=count), key)
    for key, last in (("a", 4), ("b", 8), ("train", 29)):
        codes = Codes(KEY, 0, 2, 0.125)
        costs = [d.measure(codes, at(key, last)).cost for d in (one, other)]
        np.testing.assert_array_equal(*costs)


@needs_unicorn
def test_letters_are_learnt_by_the_host_loop():
    record = lab.train(
        UnicornMCU(),
        pg.data.load("nist7x7"),
        estimator=pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(0.125), "antithetic"
        ),
        rule=pg.Rule("sgd", learning_rate=0.3),
        slots=400,
        key=0,
        batch=32,
        points=1,
    )
    assert record.final["test_accuracy"][0] > 0.4
