"""The rank-1 engine measures what the materialised reference measures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout
from plexgrad.core.probe import Slots, WeightProbe
from plexgrad.core.spec import concrete

NETS = {
    "deep": pg.nets.MLP([7, 5, 4, 3], activation="tanh"),
    "subtracted bias": pg.nets.MLP.paper_a([7, 5, 3]),
    "convolutions": pg.nets.CNN.demo(),
}
CODES = [cls.demo() for cls in concrete(pg.codes, AbstractCode)]
OUTER = [code for code in CODES if code.has_factors]


def measured(net, code, reference, samples=3, slots=12, **options):
    keys = jax.random.split(jax.random.key(0), 3)
    params = net.init(keys[0])
    x = jax.random.normal(keys[1], (samples, 6, net.inputs))
    labels = jax.random.randint(keys[2], (samples, 6), 0, net.outputs)
    y = jax.nn.one_hot(labels, net.outputs)
    chip = pg.chips.Simulated(net, "mse", **options)
    probe = WeightProbe(
        keys[0], Slots.range(slots, 5), code, Layout.of(params), reference
    )
    return jax.jit(chip.measure)(params, probe, (x, y), keys[0])


@pytest.mark.parametrize("reference", ["baseline", "antithetic"])
@pytest.mark.parametrize("code", OUTER, ids=lambda code: type(code).__name__)
@pytest.mark.parametrize("net", NETS.values(), ids=list(NETS))
def test_signals_and_costs_agree_with_the_reference(net, code, reference):
    slow = measured(net, code, reference, engine="materialised")
    fast = measured(net, code, reference, engine="outer")
    scale = float(jnp.abs(slow.signal).max())
    np.testing.assert_allclose(fast.signal / scale, slow.signal / scale, atol=1e-4)
    np.testing.assert_allclose(fast.cost, slow.cost, rtol=1e-4)
    assert fast.evaluations == slow.evaluations


def test_lanes_that_do_not_divide_the_slots_change_nothing():
    net, code = NETS["deep"], OUTER[0]
    whole = measured(net, code, "antithetic", engine="outer")
    for lanes in (1, 3, 100):
        cut = measured(net, code, "antithetic", engine="outer", lanes=lanes)
        np.testing.assert_allclose(cut.signal, whole.signal, atol=1e-6)


def test_a_code_without_factors_is_refused_by_name():
    code = next(code for code in CODES if not code.has_factors)
    with pytest.raises(ValueError, match=f"factors, got {type(code).__name__}"):
        measured(NETS["deep"], code, "baseline", engine="outer")


@pytest.mark.usefixtures("own_complaints")
def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="engine must be one of"):
        pg.chips.Simulated(NETS["deep"], engine="magic")  # pyright: ignore[reportArgumentType]
