"""Table 3 of paper A, to its printed digits, and what it leaves out."""

import pytest

from plexgrad.core.layout import Layout
from plexgrad.nets import CNN
from plexgrad.report.durations import duration
from plexgrad.timing import table3
from plexgrad.timing.table3 import BACKPROPAGATION_S, PARAMETERS, PRINTED

TABLE = table3()
BOUND = {(r.clock.tau_theta, r.clock.tau_x, r.one_by_one): r for r in TABLE.bound}


@pytest.mark.parametrize(
    ("steps", "printed"),
    [
        (10**4, ["20 s", "200 µs", "4 µs"]),
        (10**6, ["33 min", "20 ms", "400 µs"]),
        (10**7, ["5.6 h", "200 ms", "4 ms"]),
    ],
)
def test_the_rule_prints_the_papers_entries(steps, printed):
    row = next(row for row in TABLE.rule if row.steps == steps)
    assert list(row.predictions) == ["HW1", "HW2", "HW3"]
    assert [duration(p.rule_s, 2) for p in row.predictions.values()] == printed
    if steps == 10**7:
        assert list(PRINTED.values()) == printed


def test_the_network_is_the_papers():
    import jax

    like = jax.eval_shape(CNN.cifar10().init, jax.random.key(0))
    assert Layout.of(like).size == PARAMETERS


def test_the_break_even_is_24_microseconds():
    assert TABLE.break_even_s == pytest.approx(24e-6)
    assert BACKPROPAGATION_S == 480


def test_with_a_write_and_a_load_in_every_step():
    found = BOUND[1, 1, False].predictions
    # n (2 tau_p + tau_theta + tau_x)
    assert found["HW1"].bound_s == pytest.approx(1e7 * (2e-3 + 1e-3 + 1e-7))
    assert found["HW2"].bound_s == pytest.approx(1e7 * (20e-9 + 1e-6 + 1e-9))
    assert found["HW3"].bound_s == pytest.approx(1e7 * (400e-12 + 200e-12 + 10e-12))
    assert [p.dominant for p in found.values()] == [
        "perturbation",
        "write",
        "perturbation",
    ]


def test_hw2_fits_the_paper_only_with_many_steps_per_write():
    rule = TABLE.rule[-1].predictions["HW2"].rule_s
    assert BOUND[1, 1, False].predictions["HW2"].bound_s > 50 * rule
    assert BOUND[1000, 1, False].predictions["HW2"].bound_s < 1.11 * rule


def test_samples_shown_one_by_one_are_loaded_for_every_evaluation():
    found = BOUND[1, 1, True].predictions["HW3"]
    assert found.terms_s["sample"] == pytest.approx(2e7 * 1000 * 10e-12)
    assert found.dominant == "sample"


def test_it_can_be_written_as_plain_data():
    told = TABLE.to_json()
    assert len(told["rule"]) == 3
    assert told["bound"][0]["platforms"]["HW2"]["dominant"] == "write"
    assert told["paper"]["times"]["HW1"] == "5.6 h"
