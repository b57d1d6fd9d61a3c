"""When the fused loop is taken, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

import plexgrad as pg
from plexgrad.training import fused
from plexgrad.training.fused import chosen, descent

from .helpers import CHIP, DITHER, SGD, XOR, run_of, trained, xor

REFUSED = [
    ({"chip": pg.chips.Simulated(CHIP.net, engine="materialised")}, "engine left to"),
    ({"chip": pg.chips.Simulated(pg.nets.CNN((4, 2, 1), (), (1,)))}, "an MLP"),
    (
        {"estimator": pg.estimators.WeightPerturbation(pg.codes.Walsh(0.1))},
        "the code Rademacher",
    ),
    ({"estimator": pg.estimators.Backpropagation()}, "the estimator Weight"),
    ({"rule": pg.Rule("adam", learning_rate=0.1)}, "a constant learning rate"),
    ({"rule": SGD.build()}, "a constant learning rate"),
]
NAMES = ["engine", "net", "code", "estimator", "rule", "optax rule"]


@pytest.mark.parametrize(("changes", "why"), REFUSED, ids=NAMES)
def test_what_is_not_covered_is_refused_with_the_reason(changes, why):
    arguments = xor(**changes)
    if "CNN" in str(changes):
        x = np.zeros((4, 8), np.float32)
        y = XOR.y_train
        arguments["data"] = pg.data.dataset.Dataset(
            "flat", x, y, x, y, XOR.classes, "none", {}
        )
    with pytest.raises(ValueError, match=f"'fused' needs .*{why}"):
        pg.train(**arguments, loop="fused")


def test_only_a_name_of_a_loop_is_taken(own_complaints):
    with pytest.raises(ValueError, match="loop must be one of"):
        trained(loop="numba")


def loop_chosen(sizes, evaluations, **changes):
    chip = pg.chips.Simulated(pg.nets.MLP(sizes))
    run = replace(run_of(DITHER, pg.Clock(), 8, seeds=100), chip=chip, given=SGD)
    loop = run.loop(run.estimator)
    given = {"name": "auto", "kept": None} | changes
    return chosen(
        **given,
        loop=loop,
        rule=run.given,
        data=run.data,
        evaluations=evaluations,
        seeds=run.seeds,
    )


def test_auto_takes_the_fused_loop_where_it_pays(monkeypatch):
    pytest.importorskip("numba")
    small, large = [2, 2, 1], [99, 99, 1]
    assert loop_chosen(small, 10**8) == "fused"
    assert loop_chosen(small, 10**3) == "jax"
    assert loop_chosen(small, 10**3, kept="fused") == "fused"
    assert loop_chosen(small, 10**8, kept="jax") == "jax"
    assert loop_chosen(large, 10**8) == "jax"
    monkeypatch.setattr(fused, "missing", lambda: True)
    assert loop_chosen(small, 10**8) == "jax"


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (pg.Rule("sgd", learning_rate=0.1), (0.1, None, False)),
        (pg.Rule("sgd", learning_rate=1, momentum=0.9, nesterov=True), (1, 0.9, True)),
        (
            pg.Rule("sgd", learning_rate={"schedule": "constant_schedule", "value": 1}),
            None,
        ),
        (
            pg.Rule(
                "sgd", learning_rate=0.1, accumulator_dtype="bfloat16", momentum=0.5
            ),
            None,
        ),
    ],
)
def test_plain_gradient_descent_is_known(rule, wanted):
    assert descent(rule) == wanted
