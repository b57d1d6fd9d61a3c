"""JAX in 64 bits changes nothing: no draw, no code, no sum becomes another.

Everything is traced with and without 64 bits, under strict promotion, and no number of
64 bits may be in it; that is quick, and stronger than equal results. Seeds and samples,
tuning and a device are run.
"""

import re
from dataclasses import fields, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad as pg
from plexgrad import nets
from plexgrad.chips.effect import AbstractEffect
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout
from plexgrad.core.spec import concrete
from plexgrad.nets import AbstractNet
from plexgrad.training.analog import Analog
from plexgrad.training.tune import tune
from tests.training.helpers import CHIP, DITHER, XOR, run_of, trained
from tests.wide import in_64_bits

CODES = list(concrete(pg.codes, AbstractCode))
EFFECTS = list(concrete(pg.chips, AbstractEffect))
NETS = list(concrete(nets, AbstractNet))
CLOCK = pg.Clock(tau_p=1, tau_x=2, tau_theta=4)


def pairs(code, reference="antithetic"):
    return pg.estimators.WeightPerturbation(code, reference)


def stays_narrow(function, *arguments):
    """No array of 64-bit floats is in a function, and none comes out of it.

    Scalars are those of Python, which JAX turns into the arrays' type.
    """
    with in_64_bits():
        traced = jax.make_jaxpr(function)(*arguments)
    wide = re.findall(r".*f64\[\d.*", str(traced))
    assert not wide
    assert all(out.dtype != jnp.float64 for out in traced.out_avals)


def one_step(run):
    """A chunk of a run, and what begins it, as functions of a key."""
    loop = run.own_loop
    data = jnp.asarray(XOR.x_train), jnp.asarray(XOR.y_train)

    def step(keys):
        state = loop.init(keys)
        return loop.run(state, keys, data, jnp.uint32(0), jnp.uint32(1))

    return step, jax.tree.map(lambda key: key[0], run.named())


@pytest.mark.parametrize("reference", ["baseline", "antithetic"])
@pytest.mark.parametrize("cls", CODES)
def test_a_code_in_a_window(cls, reference):
    step, keys = one_step(run_of(pairs(cls(0.1), reference), CLOCK, 8))
    stays_narrow(step, keys)


@pytest.mark.parametrize("cls", EFFECTS)
def test_an_effect_in_a_window(cls):
    chip = replace(cls.demo(), chip=CHIP)
    step, keys = one_step(run_of(DITHER, CLOCK, 8, chip=chip))
    stays_narrow(step, keys)


def test_analog_time():
    run = run_of(replace(DITHER, reference="direct"), CLOCK, 8)
    run.dynamics = Analog()
    stays_narrow(*one_step(run))


@pytest.mark.parametrize("cls", NETS)
@pytest.mark.parametrize("code", [pg.codes.Rademacher(0.1), pg.codes.Walsh(0.1)])
def test_a_network_and_its_engines(cls, code):
    net = cls.demo()
    chip = pg.chips.Simulated(net)
    batch = jnp.zeros((4, net.inputs)), jnp.zeros((4, net.outputs))

    def gradient(key):
        params = chip.init(key)
        return chip.value_and_gradient(params, batch, pairs(code), 64, key)

    stays_narrow(gradient, jax.random.key(0))


def test_numbers_of_numpy_promote_nothing():
    """A NumPy float is of 64 bits, and what it multiplies becomes so."""
    plain: list[Any] = [cls(0.1) for cls in CODES]
    plain += [cls.demo() for cls in EFFECTS] + [CLOCK, Analog()]
    for each in plain:
        for field in fields(each):
            value = getattr(each, field.name)
            if isinstance(value, float):
                again = replace(each, **{field.name: np.float64(value)})
                assert again == each
                assert type(getattr(again, field.name)) is float


@pytest.mark.parametrize("key", [0, 5])
def test_seeds_codes_and_samples_are_the_same(key):
    run = run_of(DITHER, CLOCK, 8, key=key)
    found = []
    for wide in (False, True):
        with in_64_bits(wide):
            keys = run.named()
            numbers = jnp.arange(6, dtype=jnp.uint32)
            code = jax.tree.map(lambda key: key[0], keys)
            layout = Layout.of(run.chip.init(code.init))
            blocks = [cls(0.1).block(code.code, numbers, layout) for cls in CODES]
            found.append(
                jax.tree.leaves(
                    (
                        run.chip.init(code.init),
                        blocks,
                        run.order.indices(code.data, numbers),
                    )
                )
            )
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def recommended():
    chip = pg.chips.Quantised(pg.chips.CostNoise(CHIP, 1e-3), 8)
    found = tune(chip, XOR, estimator=pairs(DITHER.code), batch=4, budget=300)
    return found.amplitude, found.tau_theta, found.eta


def test_tuning_is_the_same():
    with in_64_bits():
        wide = recommended()
    np.testing.assert_allclose(wide, recommended(), rtol=1e-3)


def test_a_run_is_the_same():
    with in_64_bits():
        wide = trained(loop="jax", backpropagation=True, angles=True)
    narrow = trained(loop="jax", backpropagation=True, angles=True)
    for name, curve in narrow.curves.items():
        np.testing.assert_allclose(wide.curves[name], curve, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("cls", CODES)
def test_parameters_of_64_bits_have_such_a_gradient(cls):
    def cost(params):
        return jnp.sum(params["w"] ** 2)

    ask = pg.value_and_grad(cost, pairs(cls(1e-4)), slots=16)
    with in_64_bits():
        params = {"w": jnp.ones((3, 2), jnp.float64), "b": jnp.ones(2, jnp.float32)}
        _, found = jax.eval_shape(lambda: ask(params, key=jax.random.key(0)))
    assert (found["w"].dtype, found["b"].dtype) == (jnp.float64, jnp.float32)
