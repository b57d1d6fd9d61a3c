"""Analog runs whole: records, reruns, seeds, stops, effects, complaints."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import plexgrad as pg
from plexgrad.core.layout import Layout
from plexgrad.training.analog import Analog, resolved
from plexgrad.training.explain import explain
from plexgrad.training.traces import traces

from .helpers import CHIP, DITHER, XOR, same_record, trained, xor

LAYOUT = Layout.of(jax.eval_shape(CHIP.init, jax.random.key(0)))
RUN = {
    "dynamics": Analog(4),
    "clock": pg.Clock(tau_p=2, tau_x=8, tau_theta=5),
    "rule": pg.Rule("sgd", learning_rate=0.05),
    "slots": 2000,
    "points": 4,
}


@pytest.fixture(scope="module")
def whole():
    return trained(**RUN, seeds=2, angles=True, backpropagation=True)


def test_a_record_counts_one_evaluation_and_one_write_per_slot(whole):
    assert whole.status == "finished"
    assert whole.evaluations == {
        "per_seed": 2000,
        "total": 4000,
        "slots": 2000,
        "updates": 2000,
    }
    assert whole.curves["slot"].tolist() == [0, 500, 1000, 1500, 2000]
    assert whole.curves["evaluations"].tolist() == [0, 500, 1000, 1500, 2000]
    assert whole.spec["dynamics"] == {"kind": "Analog", "tau_hp": 4}
    assert whole.spec["estimator"]["reference"] == "direct"
    assert "cosine_law" not in whole.extra
    assert whole.reference.evaluations["updates"] == 2000
    assert whole.reference.spec["clock"]["tau_theta"] == 1
    assert "dynamics" not in whole.reference.spec


def test_the_running_estimate_is_compared_with_what_it_has_seen(whole):
    found = whole.curves["gradient_cosine"]
    assert np.isnan(found[0]).all()
    assert (np.abs(found[1:]) <= 1 + 1e-6).all()
    # A Walsh code and a slow low-pass leave little error.
    sharp = trained(
        estimator=pg.estimators.WeightPerturbation(pg.codes.Walsh(0.02)),
        dynamics=Analog(300),
        clock=pg.Clock(tau_x=400, tau_theta=60),
        rule=pg.Rule("sgd", learning_rate=1e-3),
        slots=800,
        points=[390, 600],
        angles=True,
    )
    assert (sharp.curves["gradient_cosine"] > 0.97).all()


def test_a_saved_record_runs_again_though_interrupted(tmp_path, whole):
    def watch(glance):
        glances.append(glance)
        if len(glances) == 7:
            raise KeyboardInterrupt

    loaded, glances = pg.Record.load(whole.save(tmp_path / "saved")), []
    with pytest.raises(KeyboardInterrupt):
        pg.rerun(loaded, out=tmp_path, checkpoint_s=1e-3, watch=watch)
    assert glances[-1].slot not in (0, 2000)
    again = pg.rerun(loaded, out=tmp_path, resume=True)
    assert again.spec == whole.spec
    same_record(again, whole)


def test_words_mean_the_standard_filters():
    clock = RUN["clock"]
    filters, direct = resolved("analog", DITHER, clock)
    assert filters == Analog() == Analog(1.6)
    assert direct == pg.estimators.WeightPerturbation(DITHER.code, "direct")
    assert resolved(Analog(3), direct, clock) == (Analog(3), direct)
    assert resolved("discrete", DITHER, clock) == (None, DITHER)


def test_a_seed_does_not_depend_on_how_many_there_are(whole):
    five = trained(**RUN, seeds=5)
    for name in five.final:
        some, all_of_them = whole.final[name], five.final[name]
        np.testing.assert_allclose(some, all_of_them[:2], rtol=1e-4)
    assert len(set(five.final["test_cost"].tolist())) == 5


@pytest.mark.usefixtures("lenient")
def test_any_rule_may_move_the_parameters():
    rate = {"schedule": "linear_schedule", "init_value": 0.01, "end_value": 0.0}
    rule = pg.Rule("adam", learning_rate={**rate, "transition_steps": "updates"})
    found = traces(**xor(**RUN | {"rule": rule, "slots": 10}), updates=10)
    step = np.abs(np.diff(found.params[0], axis=0)).max(axis=1)
    # The first slot tells nothing; after it, Adam's steps are of the scheduled rate.
    assert step[0] == 0
    assert 0.003 < step.max() < 0.012
    assert 0 < step[-1] < 0.003


@dataclass(frozen=True)
class Watched(pg.chips.Simulated):
    """A chip whose write adds where and when it was made, instead of the update."""

    def settle(self, params, key):
        return jax.tree.map(jnp.zeros_like, params)

    def write(self, params, update, key, at):
        stamp = at.slot * jnp.uint32(10) + at.age
        return jax.tree.map(lambda leaf: leaf * 0 + stamp.astype(jnp.float32), params)


def test_the_chip_settles_and_is_told_every_write():
    found = traces(**xor(**RUN, chip=Watched(CHIP.net)) | {"slots": 5})
    assert found.params[0, :, 0].tolist() == [0, 11, 21, 31, 41]


def test_effects_reach_the_analog_loop():
    quiet, noisy = (
        traces(**xor(**RUN, chip=chip) | {"slots": 50, "rule": optax.sgd(0.0)})
        for chip in (CHIP, pg.chips.CostNoise(CHIP, 0.01))
    )
    noise = noisy.cost - quiet.cost
    assert 0.005 < noise.std() < 0.02
    np.testing.assert_array_equal(noisy.perturbation, quiet.perturbation)


def test_traces_are_the_run_itself(whole):
    found = traces(**xor(**RUN, seeds=2) | {"slots": 3, "after": 1998})
    assert found.slot.tolist() == [1998, 1999, 2000]
    cost = jax.vmap(lambda params: CHIP.score(params, XOR.x_test, XOR.y_test)[0])
    ended = LAYOUT.unflatten(jnp.asarray(found.params[:, -1]))
    np.testing.assert_allclose(cost(ended), whole.final["test_cost"], rtol=1e-5)
    some = traces(**xor(**RUN, seeds=2) | {"slots": 9, "parameters": [7, 1]})
    assert some.params.shape == some.gradient.shape == (2, 9, 2)
    assert some.parameters == (7, 1)


def test_what_would_run_is_said():
    said = explain(**xor(**RUN))
    assert said["loop"] == "jax: analog, slot by slot, tau_hp 4"
    assert said["work"].endswith("2000 evaluations each, 2000 updates")
    assert "engine" not in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dynamics": "digital"}, "dynamics must be 'discrete', 'analog' or an Analog"),
        (
            {"clock": pg.Clock()},
            "tau_x of analog dynamics must be .* at least 2.*got 1",
        ),
        (
            {
                "estimator": pg.estimators.WeightPerturbation(
                    pg.codes.Rademacher(0.1), "antithetic"
                )
            },
            "reference 'direct' or 'baseline' .* got .*antithetic",
        ),
        (
            {"estimator": pg.estimators.Backpropagation()},
            "analog dynamics must perturb weights, got Backprop",
        ),
        ({"loop": "fused"}, "'fused' needs discrete dynamics"),
    ],
)
def test_what_has_no_meaning_is_refused(own_complaints, changes, message):
    with pytest.raises(ValueError, match=message):
        trained(**RUN | changes)


@pytest.mark.parametrize("tau_hp", [0, -1.0, float("nan"), "1", None])
def test_filters_must_wait(own_complaints, tau_hp):
    with pytest.raises(ValueError, match=r"tau_hp must be .*got"):
        Analog(tau_hp)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dynamics": "discrete"}, "traces must be of analog dynamics"),
        ({"parameters": [9]}, "parameters must be .* at most 8, got 9"),
        ({"after": -1}, "after must be .* got -1"),
        ({"slots": 0}, "slots must be .* got 0"),
    ],
)
def test_traces_refuse_by_name(own_complaints, changes, message):
    with pytest.raises(ValueError, match=message):
        traces(**xor(**RUN) | {"slots": 5} | changes)


def test_direct_readings_make_an_estimate_in_a_window_too():
    """A code that sums to zero does not see the baseline; one evaluation per slot."""
    walsh, params = pg.codes.Walsh(0.05), CHIP.init(jax.random.key(3))
    direct, beside = (
        pg.estimators.WeightPerturbation(walsh, name) for name in ("direct", "baseline")
    )
    assert direct.evaluations(pg.Clock(), 30) == 30
    batch = jnp.asarray(XOR.x_train), jnp.asarray(XOR.y_train)
    slots, key = walsh.period(LAYOUT), jax.random.key(0)
    one, two = (CHIP.gradient(params, batch, e, slots, key) for e in (direct, beside))
    np.testing.assert_allclose(LAYOUT.flatten(one), LAYOUT.flatten(two), atol=1e-5)
