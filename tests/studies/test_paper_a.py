"""The numbers that paper A's studies share: norms, success, thresholds, laws."""

import jax
import numpy as np
import pytest

from plexgrad.core.layout import Layout
from plexgrad.studies import a_angle, paper_a
from plexgrad.studies.a_write_noise import crossing


@pytest.mark.parametrize("name", paper_a.CODES)
def test_all_codes_have_the_norm_that_was_asked_for(name):
    net = paper_a.network("xor")
    size = paper_a.parameters(net)
    assert size == 9
    code = paper_a.code_at(name, 0.05, size)
    like = Layout.of(jax.eval_shape(net.init, jax.random.key(0)))
    assert size * code.power(like) == pytest.approx(0.05**2)


def test_the_networks_have_the_papers_parameters():
    sizes = {task: paper_a.parameters(paper_a.network(task)) for task in paper_a.SIZES}
    assert sizes == {"xor": 9, "parity-4": 25, "nist7x7": 220}


def test_the_letters_that_are_scored_and_held_are_as_many_of_each():
    letters = paper_a.dataset("nist7x7")
    held = letters.y_train[:: a_angle.HELD]
    for labels in (letters.y_test, held):
        np.testing.assert_allclose(labels.mean(axis=0), 0.25, atol=0.003)


def test_the_papers_eta_is_p_times_that_of_a_mean_over_tau_theta():
    asked = {"task": "nist7x7", "eta": 0.2, "taus": [1, 1, 10]}
    assert paper_a.of_paper(asked) == pytest.approx(4.4)


def test_evaluations_are_those_that_a_run_counts(tmp_path):
    settings = {"task": "xor", "slots": 90, "seeds": 2, "eta": 0.1, "taus": [1, 2, 9]}
    record = paper_a.trained(settings, paper_a.Desk(tmp_path))
    assert record.evaluations["total"] == paper_a.evaluations(settings)


@pytest.mark.parametrize("slots", [10, 1000, 300_000])
def test_runs_are_scored_from_the_start_to_the_end(slots):
    places = paper_a.places(slots)
    assert places[0] == 0
    assert places[-1] == slots
    assert places == sorted(set(places))


def test_a_seed_that_fails_counts_as_infinite():
    cell = {"won": [10, None, 20, 30]}
    assert paper_a.share(cell) == 0.75
    assert paper_a.quartiles(cell) == (20, 30, None)
    assert paper_a.late(cell, 100) == pytest.approx((10 + 200 + 20 + 30) / 4)


def test_the_learning_rate_that_succeeds_soonest_is_taken():
    runs = [
        ({"slots": 100, "eta": 1}, {"won": [10, None]}),
        ({"slots": 100, "eta": 2}, {"won": [90, 90]}),
    ]
    assert paper_a.best(runs)[0]["eta"] == 2


def test_a_threshold_is_interpolated_in_the_logarithm():
    assert crossing([0.0, 0.01, 0.1], [1.0, 0.75, 0.25]) == pytest.approx(10**-1.5)
    assert crossing([0.1, 0.01, 0.0], [0.0, 1.0, 1.0]) == pytest.approx(10**-1.5)
    assert crossing([0.0, 0.01], [1.0, 0.75]) is None
    assert crossing([0.0, 0.01], [1.0, 0.25]) == pytest.approx(0.01 * 2 / 3)


def test_the_laws_of_the_angle_agree_where_samples_do_not_differ():
    cell = {"parameters": 220, "rho": [1.0, 1.0], "period": None}
    for slots in (1, 220, 5000):
        law = a_angle._law(cell, "held", slots)
        assert law == pytest.approx(np.sqrt(slots / (slots + 219)))
        assert a_angle._law(cell, "new", slots) == pytest.approx(law)
    assert a_angle._law({**cell, "period": 256}, "new", 256) == 1.0


def test_angles_are_kept_at_whole_periods():
    marks = a_angle._marks(2048, 256)
    assert {256, 512, 1024, 2048} <= set(marks)
    assert all(mark % a_angle.BLOCK == 0 for mark in marks)
