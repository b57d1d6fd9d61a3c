"""From a record to times: when seeds get there, on which platform, and how surely."""

import json
from dataclasses import replace

import numpy as np
import pytest

from plexgrad.timing import Platform, platforms, timed
from plexgrad.timing.reach import (
    as_targets,
    coarseness,
    first_at,
    over_seeds,
    usual_targets,
)
from tests.timing.helpers import ACCURACY, SLOTS, SPEC, made

INF = np.inf
ONE = Platform("one", 1.0, 1.0, 1.0, 0.0, write_endurance=30.0, write_j=2.0)


def test_a_seed_is_there_at_the_first_point_at_or_above():
    found = timed(made(), [ONE], [0.9, 0.6])
    assert found.targets == [0.6, 0.9]
    np.testing.assert_array_equal(found.first, [[100, 100, 200], [100, 400, INF]])
    np.testing.assert_array_equal(found.writes, [[10, 10, 20], [10, 40, INF]])
    np.testing.assert_allclose(found.share, [1, 2 / 3])


def test_float32_accuracies_count_as_what_they_are_near():
    accuracy = np.array([[0.9], [0.7]], np.float32).astype(float)
    assert first_at(np.array([3, 5]), accuracy, [0.9, 0.7]).tolist() == [[3], [3]]


def test_quantiles_are_values_of_seeds_and_count_all_of_them():
    values = np.array([[1.0, 2.0, 3.0, 4.0], [1.0, INF, INF, INF], [INF] * 4])
    np.testing.assert_array_equal(
        over_seeds(values), [[1, 2, 4], [1, INF, INF], [INF] * 3]
    )
    many = over_seeds(np.arange(1.0, 101.0)[None])
    np.testing.assert_array_equal(many, [[10, 50, 90]])


def test_usual_targets_are_every_five_percent_that_half_the_seeds_reach():
    # Begins at 0.5, and the median seed's best is 0.9; 0.55 and 0.6 are alike.
    accuracy = np.array(ACCURACY)
    assert usual_targets(np.array(SLOTS), accuracy) == [0.6, 0.7, 0.9]
    few = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.72]])
    assert usual_targets(np.array([0, 9]), few) == [0.7]
    assert usual_targets(np.array([0, 9]), few[:1]) == []


def test_how_much_too_long_a_time_may_be():
    found = timed(made(), [ONE], [0.6, 0.9, 0.99])
    # From the start to 100; from 200 to 400, and from the start to 100; never.
    np.testing.assert_allclose(found.coarseness, [1.0, 1.0, 0.0])
    first = np.array([[400.0, 200.0], [0.0, INF]])
    np.testing.assert_allclose(coarseness(np.array(SLOTS), first), [0.5, 0.0])


def test_seconds_joules_and_writes_of_each_seed():
    found = timed(made(), [ONE], [0.9])
    # 100 slots: 200 settlings, 10 writes, 20 loads; 400 slots: four times as many.
    np.testing.assert_array_equal(found.each(ONE, "bound_s"), [[230, 920, INF]])
    np.testing.assert_array_equal(found.each(ONE, "rule_s"), [[200, 800, INF]])
    # Seven parameters of 2 J.
    np.testing.assert_array_equal(found.each(ONE, "energy_j"), [[140, 560, INF]])
    unknown = found.each(replace(ONE, write_j=None), "energy_j")
    np.testing.assert_array_equal(unknown, [[np.nan, np.nan, INF]])


def test_the_papers_platforms_and_the_twin_are_there_unless_others_are_given():
    found = timed(made())
    assert [platform.name for platform in found.platforms] == ["HW1", "HW2", "HW3"]
    assert found.backpropagation is not None
    # The twin is at 0.9 after 200 slots, 20 updates of 1 ms each.
    np.testing.assert_allclose(found.backpropagation.seconds([0.9]), [[0.02] * 3])
    assert "a bench" in found.backpropagation.source
    assert timed(made(reference=False)).backpropagation is None


def test_what_is_judged_is_the_highest_target_that_half_the_seeds_reach():
    assert timed(made(), [ONE], [0.6, 0.9, 0.93]).judged == (0.9, 400)
    assert timed(made(), [ONE], [0.99]).judged == (None, 400)


def test_wear_is_warned_of_for_the_slowest_seed_that_gets_there():
    assert timed(made(), [ONE], [0.6]).warnings == []
    (warning,) = timed(made(), [ONE], [0.9]).warnings
    assert warning.startswith("one: 40 writes")


def test_analog_time_moves_the_parameters_in_every_slot():
    direct = {**SPEC["estimator"], "reference": "direct"}
    dynamics = {"kind": "Analog", "tau_hp": 1.6}
    spec = {**SPEC, "estimator": direct, "dynamics": dynamics}
    found = timed(made(spec=spec), [ONE], [0.9])
    assert found.analog
    np.testing.assert_array_equal(found.writes, found.first)
    assert found.each(ONE, "bound_s")[0, 0] == 100 + 100 + 20
    assert {change.tau for change in found.changes(ONE)} == {"tau_p", "tau_x"}


def test_plain_data_says_all_and_nothing_that_json_cannot():
    found = timed(made(), [ONE], [0.9]).to_json()
    told = json.loads(json.dumps(found, allow_nan=False))
    (target,) = told["targets"]
    assert target["slots"] == {"p10": 100, "median": 400, "p90": None}
    assert target["share_of_seeds"] == pytest.approx(2 / 3)
    assert target["platforms"]["one"]["bound_s"]["median"] == 920
    assert target["platforms"]["one"]["energy_j"]["median"] == 560
    assert target["backpropagation"]["updates"]["median"] == 20
    one = told["platforms"]["one"]
    assert one["dominant"] == "perturbation"
    assert sum(one["shares"].values()) == pytest.approx(1)
    assert one["wear"] == pytest.approx(40 / 30)
    assert {c["tau"] for c in one["changes"]} == {"tau_p", "tau_x", "tau_theta"}
    assert told["backpropagation"]["update_s"] == 0.001
    assert len(told["warnings"]) == 1


@pytest.mark.usefixtures("own_complaints")
def test_what_cannot_be_timed_says_why():
    with pytest.raises(
        ValueError, match="curves of slot and test_accuracy; .*finished"
    ):
        timed(made(curves={}))
    with pytest.raises(ValueError, match="the spec of its clock"):
        timed(made(spec={"estimator": SPEC["estimator"]}))
    with pytest.raises(ValueError, match="number of parameters, got None"):
        timed(made(extra={}))
    with pytest.raises(TypeError, match="must perturb"):
        timed(made(spec={**SPEC, "estimator": {"kind": "Backpropagation"}}))
    flat = {"slot": np.array([0, 9]), "test_accuracy": np.full((2, 3), 0.5)}
    with pytest.raises(ValueError, match="target must be given"):
        timed(made(curves=flat))
    for wrong in (0, -0.1, 1.1, 90):
        with pytest.raises(ValueError, match=f"target must be an accuracy.*{wrong}"):
            as_targets([wrong])


def test_a_diverged_seed_never_gets_there():
    accuracy = np.array(ACCURACY)
    accuracy[2:, 1] = np.nan
    curves = {"slot": np.array(SLOTS), "test_accuracy": accuracy}
    found = timed(made(curves=curves), [platforms()["HW1"]], [0.6, 0.7])
    np.testing.assert_array_equal(found.first, [[100, 100, 200], [100, INF, 200]])
