"""The fused loop beside the JAX loop: the same bits, and results to rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.core import bits
from plexgrad.training import fused
from plexgrad.training import run as run_module
from plexgrad.training.discrete import NEVER
from plexgrad.training.fused import Fused, chosen, descent
from plexgrad.training.order import Order
from plexgrad.training.run import Run

from .helpers import CHIP, DITHER, SGD, XOR, same_record, trained, xor

numba = pytest.importorskip("numba")

from plexgrad.training import twins  # noqa: E402
from plexgrad.training.vectors import load, load_words, splat, store  # noqa: E402

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


@numba.njit
def mapped(function, x, out):
    for n in range(0, x.size, 16):
        store(out.ctypes.data + 4 * n, function(load(x.ctypes.data + 4 * n)))


@numba.njit
def drawn(key, slot, out):
    for pair in range(out.size // 32):
        high, low = splat(slot), splat(pair)
        one, two = twins.threefry(splat(key[0]), splat(key[1]), high, low)
        store(out.ctypes.data + 128 * pair, one)
        store(out.ctypes.data + 128 * pair + 64, two)


@numba.njit
def shuffled(key, epoch, size, table, index, out):
    low, high = splat(key[0]), splat(key[1])
    one, two = twins.shuffle_seed(low, high, splat(epoch))
    rounds = table.size // 32
    twins.prepare_shuffle(one, two, splat(size), rounds, table.ctypes.data)
    for n in range(0, index.size, 16):
        place = load_words(index.ctypes.data + 4 * n)
        chosen = twins.shuffle(place, splat(size), rounds, table.ctypes.data)
        store(out.ctypes.data + 4 * n, chosen)


def test_threefry_makes_the_words_of_core_bits():
    for seed, slot in ((0, 0), (1, 77), (2**32 - 1, 0xFFFFFFFE)):
        key = jax.random.key(seed)
        out = np.zeros(32 * 9, np.uint32)
        drawn(np.array(bits.key_words(key)), slot, out)
        wanted = bits.words(key, jnp.array([slot], jnp.uint32), 18)[0]
        np.testing.assert_array_equal(out.reshape(-1, 16)[:, 5], wanted)


@pytest.mark.parametrize("size", [1, 2, 19, 2**16, 60_000])
def test_the_shuffle_is_that_of_the_order(size):
    key, batch = jax.random.key(9), min(size, 320)
    numbers = jnp.array([3 * (size // batch)], jnp.uint32)
    wanted = Order(size, batch).indices(key, numbers)[0]
    table = np.zeros(32 * bits.rounds(size), np.uint32)
    index, out = np.arange(320, dtype=np.uint32), np.zeros(320, np.uint32)
    shuffled(np.array(bits.key_words(key)), 3, size, table, index, out)
    np.testing.assert_array_equal(out[:batch], wanted)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("exp", -86, 88.7), ("sigmoid", -60, 60), ("tanh", -12, 12), ("log", 1e-6, 1e6)],
)
def test_polynomials_are_good_to_rounding(name, low, high):
    x = np.linspace(low, high, 2**16).astype(np.float32)
    if name == "log":
        x = np.concatenate([x[x > 2], np.geomspace(1.01, 9, 4096)]).astype(np.float32)
        x = x[: x.size // 16 * 16]
    exact = {"sigmoid": lambda x: 1 / (1 + np.exp(-x))}.get(name, getattr(np, name, 0))
    out, wanted = np.zeros_like(x), exact(x.astype(float))
    mapped(getattr(twins, name), x, out)
    np.testing.assert_allclose(out, wanted, rtol=2e-7, atol=1e-37)


def test_polynomials_keep_what_is_not_a_number():
    odd = np.repeat(np.float32([np.nan, np.inf, -np.inf, 0.0]), 4)
    for name, wanted in (("sigmoid", [1, 0, 0.5]), ("tanh", [1, -1, 0])):
        out = np.zeros_like(odd)
        mapped(getattr(twins, name), odd, out)
        assert np.isnan(out[:4]).all()
        np.testing.assert_allclose(out[4::4], wanted, atol=1e-37)


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
        with pytest.raises(ValueError, match=r"pip install 'plexgrad\[fast\]'"):
            trained(**more, out=tmp_path, resume=True)
    again = trained(**more, out=tmp_path, resume=True)
    assert again.extra["loop"] == "fused"
    same_record(again, whole)


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


@pytest.mark.parametrize(("changes", "why"), REFUSED, ids=str)
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


def loop_chosen(run, evaluations, **changes):
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
    small = run_of(MLP([2, 2, 1]), "mse", DITHER, Clock(), SGD, seeds=100)
    large = run_of(MLP([99, 99, 1]), "mse", DITHER, Clock(), SGD, seeds=100)
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
        (sgd(0.1), (0.1, None, False)),
        (sgd(1, momentum=0.9, nesterov=True), (1, 0.9, True)),
        (sgd({"schedule": "constant_schedule", "value": 1}), None),
        (sgd(0.1, accumulator_dtype="bfloat16", momentum=0.5), None),
    ],
)
def test_plain_gradient_descent_is_known(rule, wanted):
    assert descent(rule) == wanted
