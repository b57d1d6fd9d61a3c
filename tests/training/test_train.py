"""`train`: records, reruns, seeds, divergence, and complaints at the door."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import plexgrad as pg
from plexgrad.training import programs
from plexgrad.training import run as run_module

from .helpers import CHIP, XOR, close_finals, run_of, same_record, trained, xor

LINEAR = pg.chips.Simulated(pg.nets.MLP([2, 3, 1], "relu", initial=(-1, 1)))


def test_a_record_counts_what_was_done():
    clock = pg.Clock(tau_x=2, tau_theta=7)
    record = trained(clock=clock, slots=100, seeds=3, points=4)
    assert record.status == "finished"
    assert record.evaluations == {
        "per_seed": 98 + clock.baselines(98),
        "total": 3 * (98 + clock.baselines(98)),
        "slots": 98,
        "updates": 14,
    }
    assert record.curves["slot"].tolist() == [0, 21, 49, 70, 98]
    evaluations = [slot + clock.baselines(slot) for slot in (0, 21, 49, 70, 98)]
    assert record.curves["evaluations"].tolist() == evaluations
    assert record.curves["test_cost"].shape == (5, 3)
    for name, values in record.final.items():
        assert values.shape == (3,)
        np.testing.assert_array_equal(values, record.curves[name][-1])
    assert record.extra["parameters"] == 9
    assert np.sum(record.extra["confusion"]) == 3 * 4
    assert record.throughput["evaluations_per_s"] > 0


@pytest.mark.usefixtures("lenient")
def test_learning_happens():
    adam = pg.Rule("adam", learning_rate=0.05)
    record = trained(rule=adam, slots=40_000, seeds=4, points=1, backpropagation=True)
    start, end = record.curves["test_cost"]
    assert np.mean(end < 0.5 * start) >= 0.5
    assert np.mean(record.reference.final["test_cost"] < 0.5 * start) >= 0.5
    assert record.reference.evaluations["updates"] == record.evaluations["updates"]


def test_the_cosine_is_measured_at_points_and_not_counted():
    with_it, without = (
        trained(slots=2400, points=4, angles=angles) for angles in (True, False)
    )
    found = with_it.curves["gradient_cosine"]
    assert np.isfinite(found).any()
    assert (np.abs(found[np.isfinite(found)]) <= 1 + 1e-6).all()
    assert np.isnan(without.curves["gradient_cosine"]).all()
    assert with_it.evaluations == without.evaluations
    for name in with_it.final:
        np.testing.assert_array_equal(with_it.final[name], without.final[name])


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize(
    "changes",
    [
        {"backpropagation": True, "seeds": 2, "angles": True, "slots": 480},
        {
            "rule": pg.Rule(
                "adam",
                learning_rate={
                    "schedule": "exponential_decay",
                    "init_value": 0.1,
                    "transition_steps": 10,
                    "decay_rate": 0.9,
                },
            ),
            "estimator": pg.estimators.WeightPerturbation(
                pg.codes.Walsh(0.05), "antithetic", "mmse"
            ),
            "sampling": "replacement",
            "batch": 3,
            "points": [0, 60, 200],
        },
    ],
    ids=["beside backpropagation", "scheduled adam"],
)
def test_a_saved_record_makes_the_same_run_again(tmp_path, changes):
    record = trained(**changes)
    loaded = pg.Record.load(record.save(tmp_path))
    again = pg.rerun(loaded)
    assert again.spec == record.spec == loaded.spec
    same_record(again, record)


def test_a_rerun_may_change_an_argument():
    record = trained()
    other = pg.rerun(record, key=4)
    assert other.spec == record.spec | {"key": [0, 4]}
    assert (other.final["test_cost"] != record.final["test_cost"]).all()


def test_an_optax_object_trains_but_must_be_given_again(tmp_path):
    record = trained(rule=optax.sgd(0.5))
    same_record(record, trained())
    loaded = pg.Record.load(record.save(tmp_path))
    with pytest.raises(ValueError, match="rule must be given again"):
        pg.rerun(loaded)
    same_record(pg.rerun(loaded, rule=optax.sgd(0.5)), record)


def test_a_seed_does_not_depend_on_how_many_there_are():
    one, four = (trained(seeds=seeds) for seeds in (1, 4))
    for name in one.final:
        np.testing.assert_allclose(one.final[name], four.final[name][:1], rtol=1e-5)
    assert len(set(four.final["test_cost"].tolist())) == 4


def test_nothing_compiles_after_the_first_point(caplog):
    counts = []

    def watch(glance):
        found = [r for r in caplog.records if r.message.startswith("Compiling")]
        counts.append((glance.slot, len(found)))

    programs.forget()
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        trained(slots=20_000, points=5, angles=True, watch=watch)
    compiled = dict(counts)
    assert len(counts) > 8
    assert compiled[0] > 0
    assert set(compiled.values()) == {compiled[0]} | {max(compiled.values())}
    assert max(compiled.values()) - compiled[0] <= 1
    assert compiled[20_000] == compiled[counts[1][0]]


def memory(tau_theta, slots):
    run = run_of(xor()["estimator"], pg.Clock(1, 1, tau_theta), slots)
    loop = run.loop(run.estimator)
    state = run.over_seeds(loop.init, 1, 0)(run.keys)
    train = jnp.asarray(XOR.x_train), jnp.asarray(XOR.y_train)
    step = run.over_seeds(loop.run, 2, 3, donate=True)
    arguments = state, run.keys, train, jnp.uint32(0), jnp.uint32(1)
    found = step.lower(*arguments).compile().memory_analysis()
    return found.argument_size_in_bytes, found.temp_size_in_bytes


def test_memory_does_not_grow_with_the_run_nor_beyond_a_bound_with_the_window():
    assert memory(10, 1000) == memory(10, 10**9)
    _, most = memory(10**8, 10**9)
    assert most < 30 * 4 * run_module.BLOCK_FLOATS * 4


def test_a_run_that_diverges_says_which_seed_and_where():
    rule = pg.Rule("sgd", learning_rate=1e25)
    record = trained(chip=LINEAR, rule=rule, seeds=2, points=4)
    assert record.status == "diverged"
    assert set(record.diverged) == {"0", "1"}
    assert all(0 < slot <= 60 for slot in record.diverged.values())
    assert record.evaluations["slots"] == 60
    assert not np.isfinite(record.final["test_cost"]).any()
    same_record(record, trained(chip=LINEAR, rule=rule, seeds=2, points=4))


def test_some_seeds_may_diverge_and_others_finish():
    rule = pg.Rule("sgd", learning_rate=0.4)
    record = trained(chip=LINEAR, rule=rule, seeds=8, slots=2000)
    lost = [int(seed) for seed in record.diverged]
    assert 0 < len(lost) < 8
    assert record.status == "finished"
    # A broken network has no accuracy: 0 % would look like a measurement.
    for metric in ("test_cost", "test_accuracy", "train_accuracy"):
        broken = ~np.isfinite(record.final[metric])
        assert np.flatnonzero(broken).tolist() == lost


def test_a_last_write_that_breaks_a_network_is_told():
    rule = pg.Rule("sgd", learning_rate=1e38)
    record = trained(chip=LINEAR, rule=rule, slots=4, points=1)
    assert record.diverged == {"0": 4}
    assert record.status == "diverged"


def test_progress_is_told_from_start_to_end():
    seen = []
    trained(seeds=2, points=3, backpropagation=True, watch=seen.append)
    for phase in ("train", "backpropagation"):
        mine = [glance for glance in seen if glance.phase == phase]
        assert (mine[0].slot, mine[-1].slot, mine[-1].slots) == (0, 240, 240)
        assert [g.slot for g in mine] == sorted(g.slot for g in mine)
        assert mine[-1].cost.shape == mine[-1].accuracy.shape == (2,)
    assert seen[-1].phase == "backpropagation"


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slots": -1}, "slots must be an integer of at least 4 .* got -1"),
        ({"slots": 3}, "slots must be an integer of at least 4"),
        ({"slots": 2**32 - 1}, "slots must be .* at most 4294967294"),
        ({"slots": 10.5}, "slots must be .* got 10.5"),
        ({"seeds": 0}, "seeds must be .* got 0"),
        ({"batch": 5}, "batch must be .* at most 4, got 5"),
        ({"points": 0}, "points must be .* got 0"),
        ({"points": [0, 300]}, "points must be .* at most 240, got 300"),
        ({"sampling": "never"}, "sampling must be one of .* 'never'"),
        ({"checkpoint_s": 0}, "checkpoint_s must be above 0"),
        ({"key": -1}, "key must be an integer of at least 0 .* got -1"),
        ({"key": 2**32}, "key must be .* at most 4294967295"),
        (
            {"chip": pg.chips.Simulated(pg.nets.MLP([3, 1]))},
            "inputs must match the data 'xor': 2, got 3",
        ),
        (
            {"chip": pg.chips.Simulated(pg.nets.MLP([2, 2]))},
            "outputs must match the data 'xor': 1, got 2",
        ),
        (
            {"chip": pg.chips.Simulated(CHIP.net, "cross_entropy")},
            "outputs must be at least 2 for cross-entropy",
        ),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(
    tmp_path, changes, message
):
    with pytest.raises(ValueError, match=message):
        trained(out=tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_key_may_be_a_number_or_words_or_a_key():
    one = trained(key=7)
    assert one.spec["key"] == [0, 7]
    same_record(trained(key=jax.random.key(7)), one)
    same_record(trained(key=one.spec["key"]), one)


def test_points_may_be_listed():
    record = trained(points=[0, 10, 100])
    assert record.curves["slot"].tolist() == [0, 8, 100, 240]
    close_finals(record, trained(), rtol=1e-6)
