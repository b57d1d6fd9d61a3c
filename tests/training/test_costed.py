"""Rules that ask for the cost get it; those that would evaluate it are refused."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.training.costed import with_cost
from tests.training.helpers import DITHER, XOR, run_of, trained, xor

DIRECT = {"discrete": pg.Clock(tau_x=2, tau_theta=4), "analog": pg.Clock(1, 2, 4)}
NEEDY = {
    "reduce_on_plateau": lambda: optax.chain(
        optax.sgd(0.5), optax.contrib.reduce_on_plateau()
    ),
    "polyak_sgd": lambda: pg.Rule("polyak_sgd", max_learning_rate=0.5),
    "momo": lambda: pg.Rule("momo", learning_rate=0.1),
    "momo_adam": lambda: optax.contrib.momo_adam(0.1),
}
UNSERVED = {
    "lbfgs": lambda: pg.Rule("lbfgs"),
    "backtracking": lambda: optax.chain(
        optax.sgd(1.0), optax.scale_by_backtracking_linesearch(5)
    ),
    "zoom": lambda: optax.scale_by_zoom_linesearch(5),
}
pytestmark = pytest.mark.usefixtures("lenient")


def told():
    """A rule that moves every parameter to the last cost it was told."""

    def update(updates, state, params=None, *, value, **more):
        moved = jax.tree.map(lambda p: value.astype(p.dtype) - p, params)
        return moved, state

    return optax.GradientTransformationExtraArgs(lambda params: (), update)


@pytest.mark.parametrize("dynamics", ["discrete", "analog"])
@pytest.mark.parametrize("name", NEEDY)
def test_a_rule_that_needs_the_cost_trains(name, dynamics):
    rule = NEEDY[name]()
    found = trained(rule=rule, dynamics=dynamics, clock=DIRECT[dynamics], slots=40)
    assert np.isfinite(found.final["train_cost"]).all()


def test_the_cost_is_the_mean_of_the_window_however_it_is_cut():
    """Chunks of a window are measured one after another."""
    clock = pg.Clock(tau_x=2, tau_theta=8)
    run = run_of(DITHER, clock, 8)
    run.rule = with_cost(told())
    loop = run.own_loop
    data = jnp.asarray(XOR.x_train), jnp.asarray(XOR.y_train)
    keys = jax.tree.map(lambda key: key[0], run.named())
    begin = loop.init(keys)
    ends = []
    for chunk in (8, 2):
        cut = replace(loop, plan=type(loop.plan).make(clock, chunk))
        first, last = jnp.uint32(0), jnp.uint32(cut.plan.per_window)
        ends.append(jax.jit(cut.run)(begin, keys, data, first, last))
    shown = run.order.indices(keys.data, jnp.arange(4, dtype=jnp.uint32))
    rests = [run.chip.loss(begin.params, (data[0][n], data[1][n])) for n in shown]
    for end in ends:
        for leaf in jax.tree.leaves(end.params):
            np.testing.assert_allclose(leaf, np.mean(rests), rtol=1e-5)


@pytest.mark.parametrize("crossing", ["codes", "arrays"])
def test_a_rule_on_a_device_is_told_the_cost(crossing):
    device = lab.EmulatedMLP([2, 2, 1])
    given = {"estimator": DITHER, "slots": 4, "key": 0, "start": (-1.0, 1.0)}
    clock = pg.Clock(tau_x=4, tau_theta=4)
    lab.train(
        device, XOR, rule=told(), clock=clock, batch=4, crossing=crossing, **given
    )
    other = lab.EmulatedMLP([2, 2, 1])
    still = pg.Rule("sgd", learning_rate=0.0)
    rest = lab.train(other, XOR, rule=still, clock=clock, batch=4, **given)
    mean = np.full(9, rest.curves["train_cost"][0])
    np.testing.assert_allclose(device.read_parameters(), mean, rtol=1e-5)


@pytest.mark.parametrize("name", UNSERVED)
def test_a_rule_that_evaluates_the_cost_is_refused_by_name(name, tmp_path):
    rule = UNSERVED[name]()
    said = f"rule must need no more.*{name}.* asks for .*value_fn"
    if name == "lbfgs":
        said = "rule must need no more.*linesearch asks for .*value_fn.*, got lbfgs"
    with pytest.raises(ValueError, match=said):
        trained(rule=rule, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    given = xor(rule=rule)
    given = {k: given[k] for k in ("estimator", "clock", "slots", "key")}
    with pytest.raises(ValueError, match=said):
        lab.train(lab.EmulatedMLP([2, 2, 1]), XOR, rule=rule, **given)
