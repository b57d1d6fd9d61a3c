"""The fused loop beside the JAX loop: the same bits, and results to rounding."""

import jax
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.training import fused
from plexgrad.training import run as run_module
from plexgrad.training.discrete import NEVER
from plexgrad.training.fused import Fused
from plexgrad.training.order import Order
from plexgrad.training.run import Run

from .helpers import same_record, trained

pytest.importorskip("numba")

RNG = np.random.default_rng(7)
MANY, FEW = 21, 3
"""Seeds that fill one group of lanes and a part of another; seeds in no lanes."""


def random_data(inputs, outputs, count):
    """Uniform inputs and one-hot targets."""
    x = RNG.uniform(size=(count, inputs)).astype(np.float32)
    y = np.eye(max(2, outputs), dtype=np.float32)[RNG.integers(0, outputs, count)]
    y = y[:, :outputs]
    names = tuple(map(str, range(max(2, outputs))))
    return pg.data.dataset.Dataset("random", x, y, x[:4], y[:4], names, "random", {})


def sgd(rate, **options):
    return pg.Rule("sgd", learning_rate=rate, **options)


def run_of(net, cost, estimator, clock, rule, *, seeds, batch=1, sampling="epoch"):
    """A run of some forty slots, and its data."""
    data = random_data(net.sizes[0], net.sizes[-1], 19)
    slots = max(1, 40 // clock.tau_theta) * clock.tau_theta
    return Run(
        chip=pg.chips.Simulated(net, cost),
        data=data,
        estimator=estimator,
        rule=rule.build(),
        clock=clock,
        order=Order(19, batch, sampling),
        slots=slots,
        key=jax.random.key(5),
        seeds=seeds,
        points=[slots],
        given=rule,
    )


def begun(run):
    """The loop of a run, its first state, and the number of its chunks."""
    loop = run.loop(run.estimator)
    state = run.over_seeds(loop.init, 1, 0)(run.keys)
    return loop, state, run.updates * loop.plan.per_window


def by_jax(run):
    loop, state, last = begun(run)
    data = run.split.same((run.data.x_train, run.data.y_train))
    step = run.over_seeds(loop.run, 2, 3)
    return step(state, run.keys, data, np.uint32(0), np.uint32(last))


def by_kernel(run, ends=(), threads=1):
    """The last state, by calls that end at these chunks."""
    loop, state, last = begun(run)
    kernel = Fused(loop, run.given, run.keys, run.data, threads)
    place = 0
    for end in (*ends, last):
        state, place = kernel(state, place, end), end
    return state


def wp(reference, amplitude=0.05, shrink="none"):
    code = pg.codes.Rademacher(amplitude)
    return pg.estimators.WeightPerturbation(code, reference, shrink)


MLP, Clock = pg.nets.MLP, pg.Clock
SMOOTH = pg.nets.CrossEntropy(label_smoothing=0.1)
RAW = pg.nets.CrossEntropy(label_smoothing=0.1, raw_smoothing=True)
ANTITHETIC, BASELINE = wp("antithetic"), wp("baseline")
CASES = {
    "xor pairs": (MLP([2, 2, 1]), "mse", ANTITHETIC, Clock(), sgd(0.5), {}),
    "xor baseline": (MLP([2, 2, 1]), "mse", BASELINE, Clock(), sgd(0.5), {}),
    "one layer": (MLP([3, 2]), "mse", ANTITHETIC, Clock(), sgd(0.2), {}),
    "windows": (
        MLP([5, 19, 17, 18], activation="tanh", output="tanh"),
        "mse",
        wp("baseline", shrink="norm"),
        Clock(2, 5, 7),
        sgd(0.05, momentum=0.9, nesterov=True),
        {"batch": 3, "sampling": "replacement"},
    ),
    "samples within windows": (
        MLP([7, 20, 3], activation="relu"),
        SMOOTH,
        wp("antithetic", shrink="mmse"),
        Clock(3, 2, 12),
        sgd(0.02),
        {"batch": 4},
    ),
    "windows within samples": (
        MLP([6, 5, 4], activation="tanh", subtract_bias=True),
        RAW,
        BASELINE,
        Clock(1, 6, 4),
        sgd(0.02, momentum=0.5),
        {"batch": 2},
    ),
    "wide layers": (
        MLP([33, 40, 2], activation="sigmoid", output="relu"),
        "mse",
        wp("antithetic", 0.01),
        Clock(),
        sgd(0.01, momentum=0.0),
        {"sampling": "replacement", "batch": 3},
    ),
    "paper": (MLP.paper_a([9, 4, 4]), "mse", BASELINE, Clock(1, 1, 10), sgd(1), {}),
}


def close(mine, theirs):
    """Whether two states agree to rounding."""
    for one, two in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        assert one.shape == two.shape
        assert one.dtype == two.dtype
        np.testing.assert_allclose(one, two, rtol=3e-4, atol=2e-5)


@pytest.mark.parametrize("seeds", [MANY, FEW])
@pytest.mark.parametrize("name", CASES)
def test_the_kernel_does_what_the_jax_loop_does(name, seeds):
    *parts, more = CASES[name]
    run = run_of(*parts, seeds=seeds, **more)
    close(by_kernel(run), by_jax(run))


@pytest.mark.parametrize(
    ("estimator", "clock", "most", "seeds"),
    [
        (ANTITHETIC, Clock(3, 20, 20), 7, MANY),
        (BASELINE, Clock(3, 20, 20), 3, 1),
        (ANTITHETIC, Clock(2, 6, 10), 7, 1),
        (BASELINE, Clock(2, 6, 10), 7, MANY),
    ],
)
def test_small_and_overhanging_chunks(monkeypatch, estimator, clock, most, seeds):
    net = MLP([2, 2, 1])
    run = run_of(net, "mse", estimator, clock, sgd(0.5), seeds=seeds)
    plan = run_module.Plan.make(clock, most)
    monkeypatch.setattr(Run, "plan", lambda *_: plan)
    assert plan.per_window > 1
    close(by_kernel(run), by_jax(run))


def same_bits(one, two):
    for mine, theirs in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("seeds", [40, FEW])
@pytest.mark.parametrize("name", ["windows", "xor pairs"])
def test_neither_threads_nor_where_calls_end_change_a_bit(name, seeds):
    *parts, more = CASES[name]
    run = run_of(*parts, seeds=seeds, **more)
    whole = by_kernel(run)
    same_bits(by_kernel(run, threads=2), whole)
    same_bits(by_kernel(run, threads=5), whole)
    same_bits(by_kernel(run, ends=(1, 3)), whole)


def test_a_call_leaves_the_state_it_was_given_alone():
    *parts, more = CASES["windows"]
    run = run_of(*parts, seeds=FEW, **more)
    loop, state, last = begun(run)
    kernel = Fused(loop, run.given, run.keys, run.data)
    before = jax.tree.map(np.array, state)
    once = kernel(state, 0, last)
    same_bits(state, before)
    kept = jax.tree.map(np.array, once)
    kernel(once, 0, last)
    same_bits(once, kept)
    same_bits(kernel(state, 0, last), kept)


@pytest.mark.parametrize("seeds", [MANY, FEW])
def test_a_seed_that_diverges_is_marked_as_in_the_jax_loop(seeds):
    net = MLP([2, 3, 1], activation="relu")
    run = run_of(net, "mse", BASELINE, Clock(1, 2, 4), sgd(1e30), seeds=seeds)
    mine, theirs = by_kernel(run), by_jax(run)
    marks = np.asarray(mine.diverged)
    assert (marks != NEVER).any()
    np.testing.assert_array_equal(marks, np.asarray(theirs.diverged))
    np.testing.assert_array_equal(np.isnan(mine.cost), np.isnan(theirs.cost))


LONG = {"slots": 800, "seeds": 9, "points": 5}


def test_a_fused_run_is_recorded_and_agrees(tmp_path):
    one = trained(**LONG, loop="fused", out=tmp_path, backpropagation=True)
    assert one.extra["loop"] == "fused"
    assert one.reference.extra["loop"] == "jax"
    two = trained(**LONG, loop="jax")
    assert two.extra["loop"] == "jax"
    for name in one.final:
        np.testing.assert_allclose(one.final[name], two.final[name], atol=1e-4)


def stopping(glances):
    """A watcher that interrupts at its nth glance."""
    seen = []

    def watch(glance):
        seen.append(glance)
        if len(seen) == glances:
            raise KeyboardInterrupt

    return watch


def test_a_stopped_run_goes_on_with_its_own_loop(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "CALL_S", 1e-9)
    more = {**LONG, "rule": sgd(0.3, momentum=0.9)}
    whole = trained(**more, loop="fused")
    with pytest.raises(KeyboardInterrupt):
        trained(**more, loop="fused", out=tmp_path, watch=stopping(60))
    with pytest.raises(ValueError, match="loop must be 'fused', as in the checkpoint"):
        trained(**more, loop="jax", out=tmp_path, resume=True)
    with monkeypatch.context() as patch:
        patch.setattr(fused, "missing", lambda: True)
        with pytest.raises(ValueError, match="needs numba: pip install"):
            trained(**more, out=tmp_path, resume=True)
    again = trained(**more, out=tmp_path, resume=True)
    assert again.extra["loop"] == "fused"
    same_record(again, whole)
