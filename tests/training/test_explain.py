"""What a run would do is said in words, and nothing is run."""

import optax
import pytest

import plexgrad as pg
from plexgrad.training.explain import explain

CHIP = pg.chips.Simulated(pg.nets.MLP([2, 2, 1]))


def told(**changes):
    given = {
        "estimator": pg.estimators.WeightPerturbation(pg.codes.Rademacher(0.1)),
        "rule": pg.Rule("sgd", learning_rate=0.1),
        "slots": 40,
    }
    return explain(changes.pop("chip", CHIP), pg.data.load("xor"), **given | changes)


def test_the_work_is_counted_as_the_run_counts_it():
    said = told(seeds=3)
    assert said["work"] == "9 parameters, 3 seed(s), 80 evaluations each, 40 updates"
    assert said["chunks"] == "1 per update, of 1 slots on 1 batch(es) of 1"


def test_every_engine_bids_or_says_why_not():
    said = told()
    assert said["engine"].endswith(", the cheapest")
    assert said["  outer"] == "Rademacher has no row and column factors"
    assert said["  shared"].endswith("us per slot expected")
    asked = told(chip=pg.chips.Simulated(CHIP.net, engine="materialised"))
    assert asked["engine"] == "materialised, as asked for"


def test_the_loop_says_what_it_would_need():
    assert told(rule=optax.sgd(0.1))["loop"].startswith(
        'jax: the fused loop would need the rule Rule("sgd", ...)'
    )
    assert told(loop="fused")["loop"].startswith("fused: one compiled function")


def test_what_cannot_work_is_refused_as_by_a_run():
    chip = pg.chips.Simulated(CHIP.net, engine="outer")
    with pytest.raises(ValueError, match="can do the work, got outer: Rademacher has"):
        told(chip=chip)


def test_an_exact_gradient_has_no_engine():
    assert "engine" not in told(estimator=pg.estimators.Backpropagation())
