"""A perturbation is never lost in the floats of the parameters without a word."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout, cosine
from plexgrad.core.resolution import ROOM, refuse_lost
from plexgrad.core.spec import concrete
from tests.training.helpers import CHIP, DITHER, trained

CODES = list(concrete(pg.codes, AbstractCode))
KEY = jax.random.key(4)
PARAMS = {"w": jax.random.normal(KEY, (4, 3)), "b": jnp.zeros(3)}
X = jax.random.normal(jax.random.key(1), (8, 4))
Y = jnp.ones((8, 3))


def loss(params):
    return jnp.mean((jnp.tanh(X @ params["w"] + params["b"][None]) - Y) ** 2)


def pairs(code):
    return pg.estimators.WeightPerturbation(code, "antithetic")


def narrow(dtype):
    return jax.tree.map(lambda leaf: leaf.astype(dtype), PARAMS)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("cls", CODES)
def test_parameters_of_few_bits_have_the_gradient_of_float32(cls, dtype):
    params = narrow(dtype)
    ask = jax.jit(pg.value_and_grad(loss, pairs(cls(1e-4)), slots=2048))
    _, found = ask(params, key=KEY)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype(dtype)}
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), (found, params))
    assert cosine(wide[0], jax.grad(loss)(wide[1])) > 0.99


@pytest.mark.parametrize("cls", CODES)
def test_a_large_parameter_that_would_swallow_its_perturbation_is_refused(cls):
    large = {**PARAMS, "w": PARAMS["w"].at[1, 1].set(1e6)}
    said = r"\['w'\] holds 1e\+06, where float32 makes steps of 0.0625, got"
    with pytest.raises(ValueError, match=f"amplitude must move .*{said}"):
        pg.grad(loss, pairs(cls(1e-2)), slots=4)(large, key=KEY)
    refuse_lost(cls(10.0), large)


@pytest.mark.parametrize("cls", CODES)
def test_the_bar_is_at_a_few_steps_of_a_float(cls):
    params = {"w": np.full((2, 2), 3.0, np.float32)}
    unit = cls(1.0).offsets(Layout.of(params))[0]
    least = ROOM * float(np.spacing(np.float32(3))) / unit
    refuse_lost(cls(least * 1.01), params)
    with pytest.raises(ValueError, match="amplitude must move"):
        refuse_lost(cls(least * 0.99), params)


def test_traced_parameters_have_no_values_to_look_at():
    large = {**PARAMS, "w": PARAMS["w"] + 1e6}
    jax.jit(pg.grad(loss, pairs(pg.codes.Walsh(1e-2)), slots=4))(large, key=KEY)


def test_a_cost_of_few_bits_is_refused():
    def rounded(params):
        return loss(params).astype(jnp.bfloat16)

    with pytest.raises(ValueError, match="cost must be float32 at least, .*bfloat16"):
        pg.grad(rounded, DITHER, slots=4)(PARAMS, key=KEY)


@dataclass(frozen=True)
class Narrow(pg.chips.Simulated):
    """A chip that holds its parameters in bfloat16."""

    offset: float = 0.0

    def init(self, key):
        return jax.tree.map(
            lambda leaf: (leaf + self.offset).astype(jnp.bfloat16), super().init(key)
        )


@pytest.mark.parametrize("dynamics", ["discrete", "analog"])
def test_a_chip_of_few_bits_is_measured_in_float32(dynamics):
    code = pg.codes.Rademacher(1e-4)
    found = trained(
        chip=Narrow(CHIP.net),
        estimator=replace(DITHER, code=code),
        rule=pg.Rule("sgd", learning_rate=0.0),
        clock=pg.Clock(tau_x=60, tau_theta=60),
        dynamics=dynamics,
        slots=1200,
        points=[1200],
        angles=True,
    )
    assert found.curves["gradient_cosine"].min() > 0.7


def test_a_run_whose_parameters_swallow_the_perturbation_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\[0\].weight holds .* steps of"):
        trained(chip=Narrow(CHIP.net, offset=1e7), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
