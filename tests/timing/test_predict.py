"""Counts against a walk through the slots; time, energy and wear by properties."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexgrad import Clock
from plexgrad.codes import Rademacher
from plexgrad.estimators import Backpropagation, WeightPerturbation
from plexgrad.timing import Counts, Platform, Prediction, changes, predict, slot_s
from plexgrad.timing.platform import JOULES, SECONDS
from plexgrad.timing.predict import TERMS

taus = st.integers(1, 12)
clocks = st.builds(Clock, taus, taus, taus)
references = st.sampled_from(["baseline", "antithetic", "direct"])
seconds = st.floats(1e-9, 1e3)
many = st.integers(1, 40)
full = st.builds(
    Platform,
    st.just("any"),
    *[seconds] * 4,
    *[st.floats(0, 1e3)] * 5,
    st.floats(1, 1e9),
    st.none() | many,
    st.none() | many,
)


def dither(reference):
    return WeightPerturbation(Rademacher(1e-2), reference=reference)


def walked(reference, clock, slots):
    """States of the modulation, one per measurement, slot by slot."""
    states = []
    for slot in range(slots):
        pattern = slot // clock.tau_p
        if reference == "antithetic":
            states += [(pattern, 1), (pattern, -1)]
            continue
        held = slot % clock.tau_x and slot % clock.tau_theta
        if reference == "baseline" and not held:
            states.append("rest")
        states.append((pattern, 1))
    return states


@given(references, clocks, st.integers(0, 100))
def test_counts_are_those_of_a_walk(reference, clock, slots):
    states = walked(reference, clock, slots)
    found = Counts.of(dither(reference), clock, slots, 5, batch=3)
    assert found.evaluations == len(states)
    turned = sum(one != two for one, two in pairwise(["start", *states]))
    assert found.settlings == turned
    assert found.loads == len({slot // clock.tau_x for slot in range(slots)})
    assert found.writes == slots // clock.tau_theta
    assert (found.slots, found.parameters, found.batch) == (slots, 5, 3)


def counted(platform, slots, **more):
    clock = Clock(tau_x=3, tau_theta=5)
    return predict(platform, dither("baseline"), clock, slots, 11, **more)


def test_the_bound_is_the_formula():
    platform = Platform("p", 2.0, 3.0, 5.0, 7.0, parallel_writes=4)
    found = counted(platform, 30)
    counts = found.counts
    assert (counts.evaluations, counts.loads, counts.writes) == (30 + 14, 10, 6)
    # 11 parameters, four at a time, are three writes.
    parts = {"perturbation": 88.0, "evaluation": 308.0, "write": 54.0, "sample": 50.0}
    assert found.terms_s == parts
    assert found.bound_s == 500
    assert found.rule_s == 2 * 30 * 9
    assert found.dominant == "evaluation"
    assert found.shares["evaluation"] == 308 / 500


def test_a_batch_in_parts_is_shown_anew_for_every_evaluation():
    platform = Platform("p", 2.0, 0.0, 5.0, 7.0, parallel_samples=4)
    found = counted(platform, 30, batch=10)
    assert found.terms_s["evaluation"] == 44 * 3 * 7
    assert found.terms_s["sample"] == 44 * 3 * 5
    assert found.terms_s["perturbation"] == 88
    assert counted(platform, 30, batch=4).terms_s["sample"] == 50


@given(full, references, clocks, st.integers(1, 500), many, many)
def test_time_grows_with_every_constant(
    platform, reference, clock, slots, parameters, batch
):
    before = predict(platform, dither(reference), clock, slots, parameters, batch)
    for name in SECONDS:
        after = Prediction(platform.scaled(**{name: 2.0}), before.counts)
        assert after.bound_s >= before.bound_s
        more = after.bound_s - before.bound_s
        term = before.terms_s[name.removesuffix("_s")]
        assert more == pytest.approx(term, rel=1e-6, abs=1e-9 * before.bound_s)
    for name in (*JOULES, "power_w"):
        assert Prediction(platform.scaled(**{name: 2.0}), before.counts).energy_j >= (
            before.energy_j
        )
    wider = replace(platform, parallel_writes=None, parallel_samples=None)
    assert Prediction(wider, before.counts).bound_s <= before.bound_s * (1 + 1e-12)
    assert before.held_s <= before.bound_s
    assert sum(before.shares.values()) == pytest.approx(1)
    assert before.dominant in TERMS


@given(full, references, clocks, st.integers(1, 20))
def test_half_of_the_slots_take_half_of_everything(platform, reference, clock, times):
    slots = times * clock.tau_p * clock.tau_x * clock.tau_theta
    setup = dither(reference), clock
    half = predict(platform, *setup, slots, 9, 4)
    whole = predict(platform, *setup, 2 * slots, 9, 4)
    for name in ("rule_s", "bound_s", "held_s", "energy_j", "wear"):
        assert getattr(whole, name) == pytest.approx(2 * getattr(half, name))
    assert slot_s(platform, *setup, 9, 4) == pytest.approx(half.held_s / slots)


@given(full, clocks, st.integers(1, 300))
def test_energy_is_the_sum_of_its_parts(platform, clock, slots):
    names = (*JOULES, "power_w")
    none = dict.fromkeys(names)
    counts = Counts.of(dither("baseline"), clock, slots, 6, 2)
    alone = [
        Prediction(replace(platform, **none | {n: getattr(platform, n)}), counts)
        for n in names
    ]
    whole = Prediction(platform, counts)
    assert whole.energy_j == pytest.approx(sum(part.energy_j for part in alone))
    assert alone[-1].energy_j == pytest.approx(platform.power_w * whole.bound_s)
    assert alone[1].platform.energy_missing == tuple(n for n in names if n != names[1])
    assert Prediction(replace(platform, **none), counts).energy_j is None


def test_energy_by_hand():
    platform = Platform("p", 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 5.0, 7.0, power_w=11.0)
    found = counted(platform, 30)
    bound = 44 + 44 + 6 + 10
    joules = 44 * 2 + 6 * 11 * 3 + 10 * 5 + 44 * 7 + bound * 11
    assert (found.bound_s, found.energy_j) == (bound, joules)


def test_wear_warns_only_beyond_the_endurance():
    platform = Platform("p", 1.0, 1.0, 1.0, 1.0, write_endurance=6.0)
    assert (counted(platform, 30).wear, counted(platform, 30).warning) == (1, None)
    worn = counted(platform, 45)
    assert worn.wear == 1.5
    assert worn.warning == "p: 9 writes of each cell are 1.5 times its endurance of 6"
    assert counted(Platform.demo(), 45).wear is None
    assert counted(Platform.demo(), 45).warning is None


@given(full, references, clocks)
def test_a_change_of_tau_is_the_time_of_a_slot_with_it(platform, reference, clock):
    setup = platform, dither(reference)
    before = slot_s(*setup, clock, 4)
    found = changes(*setup, clock, 4)
    assert {(c.tau, c.factor) for c in found} >= {
        (tau, factor) for tau in ("tau_p", "tau_x", "tau_theta") for factor in (2, 10)
    }
    for change in found:
        assert change.slots == int(getattr(clock, change.tau) * change.factor) >= 1
        other = replace(clock, **{change.tau: change.slots})
        assert change.slot_s == slot_s(*setup, other, 4)
        assert change.relative == pytest.approx(change.slot_s / before - 1)
        if change.factor > 1:
            assert change.relative < 1e-12


def test_a_tau_of_one_slot_cannot_be_halved_and_numbers_are_plain():
    platform = Platform("p", 1.0, 4.0, 2.0, 0.0)
    found = changes(platform, dither("antithetic"), Clock(tau_theta=2), 3)
    # Two settlings, a load, and half a write: 2 + 2 + 2 seconds.
    assert slot_s(platform, dither("antithetic"), Clock(tau_theta=2), 3) == 6
    told = {(c.tau, c.slots): c.slot_s for c in found}
    assert told == {
        ("tau_p", 2): 6,
        ("tau_p", 10): 6,
        ("tau_x", 2): 5,
        ("tau_x", 10): pytest.approx(4.2),
        ("tau_theta", 1): 8,
        ("tau_theta", 4): 5,
        ("tau_theta", 20): pytest.approx(4.2),
    }


def test_an_exact_gradient_has_no_time_on_hardware():
    with pytest.raises(TypeError, match="must perturb, .* got Backpropagation"):
        predict(Platform.demo(), Backpropagation(), Clock(), 10, 3)
    with pytest.raises(TypeError, match="got Backpropagation"):
        changes(Platform.demo(), Backpropagation(), Clock(), 3)
