"""Whatever the link does, every update is made exactly once."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from plexgrad.lab.bench import Bench
from plexgrad.lab.device import Shown
from plexgrad.lab.emulated import EmulatedMLP
from plexgrad.lab.perturbations import Codes, Update
from plexgrad.lab.remote import Remote
from plexgrad.lab.server import Served
from plexgrad.lab.transports.faulty import FAULTS, Faulty
from plexgrad.lab.transports.in_process import InProcess

KEY = (7, 11)
X = np.linspace(0, 1, 8, dtype=np.float32).reshape(4, 2)
Y = np.array([[0], [1], [1], [0]], np.float32)
SHOWN = Shown(handle="train", index=np.arange(4, dtype=np.uint32)[None])


def chip():
    return EmulatedMLP([2, 2, 1], low=-1, high=1, step=2**-10)


@dataclass
class Drill:
    """A chip behind a link that fails, and a twin of it that gets each order once."""

    rate: float
    seed: int
    restarts: bool = True
    attempts: int = 4

    def __post_init__(self):
        self.chip, self.twin = chip(), chip()
        self.served = Served(self.chip)

        def restart():
            self.served.restart()
            self.chip.power_cut()
            self.chip.open()

        line = InProcess(self.served.connection)
        cut = restart if self.restarts else None
        self.line = Faulty(line, 0.0, self.seed, restart=cut)
        self.bench = Bench(Remote(self.line, attempts=self.attempts), patience_s=1e6)
        self.bench.open()
        self.bench.load(X, Y, "train")
        self.bench.write(self.twin.theta)
        self.line.rate = self.rate
        self.slot = 0

    def order(self, kind, value):
        """One order to the bench and to the twin; both chips must then be equal."""
        codes = Codes(KEY, self.slot, 3, 0.01, "antithetic")
        self.slot += 3
        update = Update(codes, np.float32(value) * np.array([1, -2, 3], np.float32))
        if kind == "write":
            theta = np.full(9, value, np.float32)
            self.bench.write(theta)
            self.twin.write_parameters(theta)
        elif kind == "update":
            self.bench.update(update)
            self.twin.update(update)
        elif kind == "step":
            found = self.bench.step(update, codes, SHOWN)
            self.twin.update(update)
            self.check_costs(codes, found)
        else:
            self.check_costs(codes, self.bench.measure(codes, SHOWN))
        np.testing.assert_array_equal(self.bench.shadow, self.twin.theta)

    def check_costs(self, codes, found):
        x = Shown(X[None], Y[None])
        np.testing.assert_array_equal(found.cost, self.twin.measure(codes, x).cost)

    def end(self):
        """The link is sound again: what the device holds is what it should."""
        self.line.rate = 0.0
        found = self.bench.read_back()
        np.testing.assert_array_equal(found, self.twin.theta)
        np.testing.assert_array_equal(self.chip.theta, self.twin.theta)
        assert self.bench.accounts.disagreements == 0


def test_ten_thousand_faults_lose_no_update_and_make_none_twice():
    drill = Drill(rate=0.35, seed=1)
    random = np.random.default_rng(2)
    kinds = ["update", "step", "step", "measure", "write"]
    orders = 0
    while sum(drill.line.injected.values()) < 10_000:
        kind = kinds[random.integers(len(kinds))] if orders % 50 else "write"
        drill.order(kind, float(random.uniform(-0.5, 0.5)))
        orders += 1
    drill.end()
    assert set(drill.line.injected) == {*FAULTS, "restart"}
    assert min(drill.line.injected.values()) > 1000
    assert drill.bench.accounts.recoveries > 500
    assert drill.bench.accounts.link.retries > 1000


orders = st.lists(
    st.tuples(
        st.sampled_from(["write", "update", "step", "measure"]),
        st.floats(-1, 1, width=32),
    ),
    max_size=20,
)


@settings(max_examples=60)
@given(orders, st.integers(0, 2**31), st.floats(0, 0.5), st.booleans())
def test_any_orders_on_any_bad_link_end_as_on_a_good_one(orders, seed, rate, restarts):
    drill = Drill(rate, seed, restarts)
    for kind, value in orders:
        drill.order(kind, value)
    drill.end()


def test_without_restarts_nothing_is_written_twice_to_be_safe():
    """A lost answer costs a retry, not a write: numbers tell what was made."""
    drill = Drill(rate=0.1, seed=3, restarts=False, attempts=12)
    for _ in range(300):
        drill.order("step", 0.1)
    drill.end()
    assert sum(drill.line.injected.values()) > 50
    accounts = drill.bench.accounts
    assert accounts.updates == 300
    assert accounts.recoveries == 0
    assert accounts.writes.max() == 301
    assert drill.served.changes == 302
