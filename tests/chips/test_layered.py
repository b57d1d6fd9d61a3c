"""The layered engine gives the reference's numbers, and says what it cannot do."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.chips.engine import Work
from plexgrad.chips.engines import ENGINES, bids
from plexgrad.core.layout import Layout
from plexgrad.core.probe import Slots
from plexgrad.nets import CNN, MLP

KEY = jax.random.key(3)
ENGINE = ENGINES["layered"]
NETS = {
    "mlp": MLP([5, 4, 3], activation="tanh"),
    "cnn": CNN((6, 6, 1), (2, "pool"), (4, 3), "tanh", "SAME"),
}


def batch(net, samples, size=4):
    x = jax.random.uniform(KEY, (samples, size, net.inputs))
    y = jax.nn.one_hot(jnp.arange(size) % net.outputs, net.outputs)
    return x, jnp.broadcast_to(y, (samples, *y.shape))


def measured(net, engine, reference, start, samples, turns):
    chip = pg.chips.Simulated(net, "cross_entropy", engine=engine)
    code = pg.codes.Layerwise(0.05)
    params = net.init(KEY)
    count = int(samples * turns * len(params))
    estimator = pg.estimators.WeightPerturbation(code, reference)
    probe = estimator.ask(KEY, Slots.range(count, start), params)
    return jax.jit(chip.measure)(params, probe, batch(net, samples), KEY)


@pytest.mark.parametrize(
    ("name", "reference", "start", "samples", "turns"),
    [
        ("mlp", "baseline", 0, 1, 5),
        ("mlp", "antithetic", 7, 2, 2),
        ("cnn", "baseline", 7, 2, 2),
    ],
)
def test_it_measures_what_the_reference_measures(
    name, reference, start, samples, turns
):
    more = reference, start, samples, turns
    slow, fast = (measured(NETS[name], e, *more) for e in ("materialised", "layered"))
    np.testing.assert_allclose(fast.signal, slow.signal, atol=2e-6)
    assert np.abs(slow.signal).max() > 1e-3
    np.testing.assert_allclose(fast.cost, slow.cost, rtol=1e-5)
    assert fast.evaluations == slow.evaluations


def work(code, each, hold=1, samples=1):
    net = NETS["cnn"]
    layout = Layout.of(jax.eval_shape(net.init, KEY))
    return Work(net, code, layout, "baseline", samples * each, samples, 10, hold)


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (work(pg.codes.Rademacher(0.1), 3), "only Layerwise"),
        (work(pg.codes.Layerwise(0.1), 4), "a multiple of the 3 layers"),
        (work(pg.codes.Layerwise(0.1), 6, hold=2), "held for one slot"),
    ],
)
def test_it_refuses_what_it_cannot_do(case, why):
    assert why in ENGINE.refusal(case)
    assert ENGINE.refusal(work(pg.codes.Layerwise(0.1), 3)) == ""


def test_a_refused_probe_is_refused_by_the_engine_itself():
    with pytest.raises(ValueError, match="a multiple of the 2 layers"):
        measured(NETS["mlp"], "layered", "baseline", 0, 1, 1.5)


def test_it_is_chosen_for_the_published_iteration():
    net = CNN.vgg(2)
    layout = Layout.of(jax.eval_shape(net.init, KEY))
    asked = work(pg.codes.Layerwise(0.1), 9)
    asked = replace(asked, net=net, layout=layout, batch=100)
    first, second = bids(asked)[:2]
    assert first.engine == "layered"
    assert first.seconds < second.seconds
