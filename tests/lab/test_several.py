"""Several devices as one: dealt without loss, lost and found, equal to a single one."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab import find
from plexgrad.lab.deal import deal, gathered, in_calls
from plexgrad.lab.device import LinkLost, Shown
from plexgrad.lab.perturbations import REFERENCES, Codes
from plexgrad.lab.remote import Remote
from plexgrad.lab.server import Served
from plexgrad.lab.team import Team
from plexgrad.lab.transports.tcp import TCP, TCPListener

XOR = pg.data.load("xor")


def chip(number=0, **more):
    return lab.EmulatedMLP([2, 2, 1], serial=f"EMU-{number}", seed=number, **more)


def run(device, reference="antithetic", **more):
    given = {
        "estimator": pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(0.02), reference
        ),
        "rule": pg.Rule("sgd", learning_rate=0.5),
        "clock": pg.Clock(1, 1, 8),
        "slots": 64,
        "key": 3,
        "points": 2,
        "batch": 2,
        "start": np.linspace(-0.5, 0.5, 9, dtype=np.float32),
    }
    return lab.train(device, XOR, **{**given, **more})


# Dealing


def same(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@settings(max_examples=60)
@given(
    st.sampled_from(REFERENCES),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(1, 9),
    st.booleans(),
)
def test_every_row_is_dealt_once(reference, groups, each, shares, codes):
    device = chip()
    index = np.arange(2 * groups).reshape(groups, 2) % 4
    shown = Shown(XOR.x_train[index], XOR.y_train[index])
    what = Codes((1, 2), 7, groups * each, 0.1, reference)
    what = what if codes else what.rows(9, groups)
    whole = device.measure(what, shown)
    parts = deal(what, shown, shares)
    assert len(parts) <= shares
    assert sum(part.rows for part in parts) == len(whole.cost)
    found = [device.measure(part.perturbations, part.shown) for part in parts]
    same(gathered(parts, found).cost, whole.cost)
    same(gathered(parts, found).hits, whole.hits)
    for most in (2, 3):
        calls = in_calls(what, shown, most)
        found = [device.measure(part.perturbations, part.shown) for part in calls]
        assert max(len(each.cost) for each in found) <= most
        same(gathered(calls, found).cost, whole.cost)


def test_a_cut_group_is_measured_against_the_rest_of_its_own_chip():
    shown = Shown(XOR.x_train[None], XOR.y_train[None])
    device, what = chip(), Codes((1, 2), 0, 6, 0.1, "baseline")
    parts = deal(what, shown, 3)
    found = [device.measure(part.perturbations, part.shown) for part in parts]
    for number, each in enumerate(found):
        each.cost[:] += number  # three chips whose costs are far apart
    whole = device.measure(what, shown).cost
    joined = gathered(parts, found).cost
    np.testing.assert_allclose(joined - joined[0], whole - whole[0], atol=1e-6)


# Training


@pytest.mark.parametrize("way", ["updates", "codes", "arrays"])
@pytest.mark.parametrize(
    ("reference", "clock"),
    [
        ("antithetic", pg.Clock(1, 1, 8)),
        ("baseline", pg.Clock(2, 4, 8)),
        ("baseline", pg.Clock(1, 8, 8)),
    ],
)
def test_three_ideal_chips_end_where_one_does(way, reference, clock):
    one = chip()
    wanted = run(one, reference, crossing=way, clock=clock)
    chips = [chip(n) for n in range(3)]
    found = run(chips, reference, crossing=way, clock=clock)
    for each in chips:
        np.testing.assert_array_equal(each.theta, chips[0].theta)
        np.testing.assert_allclose(each.theta, one.theta, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found.final["test_cost"], wanted.final["test_cost"], rtol=1e-4
    )
    counts = found.extra["lab"]
    assert [each["rows"] > 60 // 3 for each in counts["chips"]] == [True] * 3
    assert counts["writes_max"] == 10
    more = found.evaluations["per_seed"] - wanted.evaluations["per_seed"]
    assert more == (16 if clock.tau_x == 8 else 8 if reference == "baseline" else 0)


@pytest.mark.parametrize("way", ["updates", "arrays"])
def test_a_chip_that_has_nothing_to_measure_is_mentioned_once(way):
    said = []
    more = {"crossing": way, "slots": 8, "tell": said.append}
    run([chip(0), chip(1)], clock=pg.Clock(1, 1, 4), **more)
    assert said == []
    run([chip(0), chip(1)], clock=pg.Clock(1, 1, 1), **more)
    (told,) = said
    assert "1 of 2 chips measure nothing" in told


class Place:
    """A chip that is served, and can die and come back."""

    def __init__(self, number):
        self.chip = chip(number)
        self.listener = TCPListener(Served(self.chip).connection)
        self.port = int(self.listener.url.rpartition(":")[2])

    @property
    def device(self):
        return Remote(TCP("127.0.0.1", self.port), timeout_s=0.3, attempts=2)

    def die(self):
        self.listener.close()
        self.chip.power_cut()

    def live(self):
        self.chip.open()
        self.listener = TCPListener(Served(self.chip).connection, port=self.port)


@pytest.fixture
def places():
    found = [Place(n) for n in range(3)]
    yield found
    for place in found:
        place.listener.close()


def test_a_chip_that_dies_leaves_and_comes_back(places, monkeypatch):
    monkeypatch.setattr("plexgrad.lab.loop.WATCH_S", 0.0)
    monkeypatch.setattr("plexgrad.lab.team.KNOCK_S", 0.05)
    one, said, at = chip(), [], []
    run(one, slots=400)

    def watch(glance):
        if glance.slot >= 80 and not at:
            at.append("dead")
            places[1].die()
        if glance.slot >= 160 and at == ["dead"]:
            at.append("back")
            places[1].live()
        if at == ["dead", "back"] and glance.slot < 400 and len(said) < 2:
            time.sleep(0.1)  # there are 30 windows left to be taken back in

    record = run(
        [place.device for place in places], slots=400, watch=watch, tell=said.append
    )
    for place in places:
        np.testing.assert_allclose(place.chip.theta, one.theta, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(place.chip.theta, places[0].chip.theta)
    gone, back = said
    assert "EMU-1 has left the run" in gone.replace(", firmware 1", "")
    assert "EMU-1" in back
    assert "is back" in back
    chips = record.extra["lab"]["chips"]
    assert [(each["left"], each["came_back"]) for each in chips] == [
        (0, 0),
        (1, 1),
        (0, 0),
    ]
    # No slot was lost and none counted twice: as many costs as on a single chip.
    assert record.evaluations["per_seed"] == 800
    assert record.status == "finished"


def test_all_may_be_away_for_a_while_but_not_for_ever(places):
    team = Team([place.device for place in places[:2]], 5.0, knock_s=0.02)
    shown = Shown(XOR.x_train[None], XOR.y_train[None])
    rest = np.zeros((2, 9), np.float32)
    with team:
        before = team.measure(rest, shown).cost
        theta = team.shadow.copy()
        for place in places[:2]:
            place.die()
        threading.Timer(0.3, places[0].live).start()
        np.testing.assert_array_equal(team.measure(rest, shown).cost, before)
        np.testing.assert_array_equal(places[0].chip.theta, theta)
        assert [member.here for member in team.members].count(True) == 1
        team.patience_s = 0.0
        places[0].die()
        with pytest.raises(LinkLost, match="none of 2 devices came back within 0 s"):
            team.measure(rest, shown)


def test_another_chip_at_the_same_place_is_not_taken_in(places):
    said = []
    devices = [place.device for place in places[:2]]
    with Team(devices, 5.0, said.append, knock_s=0.02) as team:
        places[1].die()
        places[1].chip = chip(7)
        places[1].live()
        before = places[1].chip.theta.copy()
        for _ in range(10):
            team.write(np.full(9, 0.25, np.float32))
            time.sleep(0.02)
        assert not team.members[1].here
        np.testing.assert_array_equal(places[1].chip.theta, before)
    assert any("EMU-7" in words for words in said)


def test_a_run_of_several_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("plexgrad.lab.loop.WATCH_S", 0.0)

    def stop(glance):
        if glance.slot >= 32:
            raise KeyboardInterrupt

    whole = [chip(0), chip(1)]
    run(whole)
    chips = [chip(0), chip(1)]
    with pytest.raises(KeyboardInterrupt):
        run(chips, out=tmp_path, watch=stop)
    chips[1].power_cut()
    record = run(chips, out=tmp_path, resume=True)
    np.testing.assert_array_equal(chips[1].theta, whole[1].theta)
    assert record.extra["lab"]["writes_max"] >= 8


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([chip(0)], "different chips, got the serial number 'EMU-0' 2 times"),
        ([chip(1, step=0.5)], "parameters of a team must be alike"),
        ([lab.EmulatedMLP([3, 2, 1], serial="B")], "must be alike"),
    ],
)
def test_a_team_is_of_different_chips_of_one_kind(others, said):
    with pytest.raises(ValueError, match=said):
        Team([chip(0), *others]).open()


def test_calls_stay_within_what_a_chip_takes():
    chips = [chip(n) for n in range(2)]
    for each in chips:
        object.__setattr__(each.capabilities, "max_rows", 4)
    one = chip()
    run(one)
    run(chips)
    np.testing.assert_allclose(chips[1].theta, one.theta, rtol=1e-4, atol=1e-5)


def test_emulated_chips_have_serials_of_their_own():
    found = [find.device_at(f"emulated:2-2-1?serial=S{n}") for n in range(2)]
    with Team(found) as team:
        assert team.identity.serial == "S0 + S1"
