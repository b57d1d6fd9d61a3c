"""Every engine measures what the materialised reference measures, or says why not."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.chips import simulated
from plexgrad.chips.engine import Work
from plexgrad.chips.engines import ENGINES, bids, choose
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout
from plexgrad.core.probe import Slots, WeightProbe
from plexgrad.core.spec import concrete

NETS = {
    "deep": pg.nets.MLP([12, 4, 3, 2], activation="tanh"),
    "subtracted bias": pg.nets.MLP.paper_a([7, 5, 3]),
    "narrow": pg.nets.MLP([16, 4, 4, 2]),
    "one layer": pg.nets.MLP([5, 3]),
    "convolutions": pg.nets.CNN.demo(),
    "recurrent": pg.nets.RNN.demo(),
    "state space": pg.nets.SSM.demo(),
}
CODES = {cls.__name__: cls.demo() for cls in concrete(pg.codes, AbstractCode)}
FAST = [name for name in ENGINES if name != "materialised"]


def asked(net, code, reference, slots, start=5, hold=1):
    layout = Layout.of(jax.eval_shape(net.init, jax.random.key(0)))
    here = Slots.range(slots, start, hold)
    return WeightProbe(jax.random.key(3), here, code, layout, reference)


@cache
def measured(name, code, reference, engine, samples=3, slots=12, hold=1, lanes=None):
    net = NETS[name]
    keys = jax.random.split(jax.random.key(0), 3)
    params = net.init(keys[0])
    x = jax.random.normal(keys[1], (samples, 6, net.inputs))
    labels = jax.random.randint(keys[2], (samples, 6), 0, net.outputs)
    y = jax.nn.one_hot(labels, net.outputs)
    chip = pg.chips.Simulated(net, "mse", engine=engine, lanes=lanes)
    probe = asked(net, CODES[code], reference, slots, hold=hold)
    return jax.jit(chip.measure)(params, probe, (x, y), keys[0])


def agree(fast, slow):
    scale = float(jnp.abs(slow.signal).max())
    np.testing.assert_allclose(fast.signal / scale, slow.signal / scale, atol=2e-4)
    np.testing.assert_allclose(fast.cost, slow.cost, rtol=1e-4)
    assert fast.evaluations == slow.evaluations


@pytest.mark.parametrize("reference", ["baseline", "antithetic"])
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("engine", FAST)
def test_signals_and_costs_agree_with_the_reference(engine, name, code, reference):
    probe = asked(NETS[name], CODES[code], reference, 12)
    why = ENGINES[engine].refusal(Work.of(NETS[name], probe, 3, 6))
    if why:
        with pytest.raises(ValueError, match=f"can do the work, got {engine}: "):
            measured(name, code, reference, engine)
    else:
        slow = measured(name, code, reference, "materialised")
        agree(measured(name, code, reference, engine), slow)


@pytest.mark.parametrize("engine", FAST)
def test_held_patterns_lanes_and_several_periods_change_nothing(engine):
    options = {"samples": 2, "slots": 400, "hold": 3}
    probe = asked(NETS["deep"], CODES["Walsh"], "antithetic", 400)
    if ENGINES[engine].refusal(Work.of(NETS["deep"], probe, 2, 6)):
        return
    slow = measured("deep", "Walsh", "antithetic", "materialised", **options)
    for lanes in (1, 7, 64, None):
        fast = measured("deep", "Walsh", "antithetic", engine, **options, lanes=lanes)
        agree(fast, slow)


def test_the_choice_is_the_cheapest_that_can_do_the_work():
    for name, net in NETS.items():
        for code in CODES.values():
            work = Work.of(net, asked(net, code, "antithetic", 64), 1, 6)
            said = bids(work)
            able = [bid for bid in said if not bid.refusal]
            assert len(said) == len(ENGINES), name
            assert choose(work).name == min(able, key=lambda bid: bid.seconds).engine


@pytest.mark.parametrize(
    ("code", "slots", "expected"),
    [
        (pg.codes.Rademacher(), 32, "shared"),
        (pg.codes.RankOne(), 32, "outer"),
        (pg.codes.RankOne(), 1, "outer"),
        (pg.codes.Walsh(), 2**17, "walsh"),
        (pg.codes.Walsh(), 32, "outer"),
    ],
)
def test_structure_is_used_where_there_is_some(code, slots, expected):
    net = pg.nets.MLP([784, 128, 10], activation="relu")
    work = Work.of(net, asked(net, code, "antithetic", slots), 1, 1)
    assert choose(work).name == expected


def test_layers_are_counted_as_products():
    net = pg.nets.CNN.fashion_mnist()
    work = Work.of(net, asked(net, pg.codes.Rademacher(), "baseline", 4), 1, 10)
    assert [shape.positions for shape in work.shapes] == [676, 121, 9, 1]
    assert sum(shape.rows * shape.columns for shape in work.shapes) == 14_288
    assert work.flops == 10 * sum(shape.flops for shape in work.shapes)


@pytest.mark.parametrize("estimator", ["pairs", "layers", "exact"])
def test_images_in_parts_change_nothing(estimator, monkeypatch):
    net = NETS["convolutions"]
    kinds = {
        "pairs": pg.estimators.WeightPerturbation(pg.codes.Rademacher(), "antithetic"),
        "layers": pg.estimators.WeightPerturbation(pg.codes.Layerwise()),
        "exact": pg.estimators.Backpropagation(),
    }
    keys = jax.random.split(jax.random.key(0), 3)
    params = net.init(keys[0])
    x = jax.random.normal(keys[1], (2, 12, net.inputs))
    y = jax.nn.one_hot(jax.random.randint(keys[2], (2, 12), 0, 3), 3)
    # More slots for each of the two samples than there are lanes; whole turns.
    slots = 2 * 12 * len(params)
    found = []
    for floats in (1, 5 * net.nodes, 2**30):
        monkeypatch.setattr(simulated, "PART_FLOATS", floats)
        chip = pg.chips.Simulated(net, "cross_entropy")
        probe = kinds[estimator].ask(keys[0], Slots.range(slots), params)
        found.append(jax.jit(chip.measure)(params, probe, (x, y), keys[0]))
    for other in found[:2]:
        assert other.evaluations == found[2].evaluations
        for one, two in zip(
            jax.tree.leaves(other), jax.tree.leaves(found[2]), strict=True
        ):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=2e-6)


@pytest.mark.usefixtures("own_complaints")
def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="engine must be one of"):
        pg.chips.Simulated(NETS["deep"], engine="magic")
