"""What every estimator promises, and what weight perturbation promises with any code.

`LAWS` is applied to every estimator that is found, `CODE_LAWS` to weight perturbation
with every code that is found. A law says for itself where a promise is conditional, by
what a type says (`probe`, `period`), never by a name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plexgrad.chips.measuring import measure
from plexgrad.core.clock import Clock
from plexgrad.core.contracts import AbstractChip
from plexgrad.core.layout import Layout, dot
from plexgrad.core.probe import GradientProbe, Slots, WeightProbe
from plexgrad.core.spec import from_spec, to_spec
from plexgrad.estimators import WeightPerturbation
from plexgrad.training.specs import kinds
from tests.laws.quickly import quickly

KEY = jax.random.key(5)
ZERO = jnp.uint32(0)
PARAMS = {
    "dense": (jnp.full((5, 3), 0.2), jnp.zeros(3)),
    "out": (jnp.full((3, 2), -0.1), jnp.zeros(2)),
    "scale": jnp.ones(()),
}
LAYOUT = Layout.of(PARAMS)
SLOPE = np.random.default_rng(3).normal(size=LAYOUT.size).astype(np.float32)
TREE = LAYOUT.unflatten(jnp.asarray(SLOPE))
MANY, FEW = 600, 20
"""Estimates, and the slots of each: fewer than any code's period."""


@dataclass(frozen=True)
class Told(AbstractChip):
    """A chip with any cost, which also answers what only a simulation can."""

    loss: Callable

    accepts: ClassVar[tuple] = (WeightProbe, GradientProbe)

    def measure(self, params, probe, batch, key):
        return measure(self.loss, params, probe, batch)

    @classmethod
    def demo(cls):
        return cls(linear)


@dataclass(frozen=True)
class Deaf(Told):
    """A chip that answers nothing."""

    accepts: ClassVar[tuple] = ()


def linear(params, sample):
    return dot(params, TREE)


def curved(params, sample):
    return jnp.sin(dot(params, TREE)) + dot(params, params)


def shifted(params, sample):
    return curved(params, sample) + 4


@partial(quickly, static_argnums=(0, 1, 2))
def estimated(chip, estimator, slots, key=KEY, start=ZERO, params=PARAMS):
    return chip.value_and_gradient(params, (), estimator, slots, key, start)


def flat(chip, estimator, slots, **more):
    return np.asarray(LAYOUT.flatten(estimated(chip, estimator, slots, **more)[1]))


@partial(quickly, static_argnums=0)
def _many(code):
    keys = jax.random.split(jax.random.key(11), MANY)
    starts = jax.random.bits(jax.random.key(1), (MANY,), jnp.uint32)
    estimator, chip = WeightPerturbation(code), Told(linear)

    def one(key, start):
        found = chip.gradient(PARAMS, (), estimator, FEW, key, start)
        return LAYOUT.flatten(found)

    return jax.vmap(one)(keys, starts % jnp.uint32(2**20))


@cache
def many(code):
    """Estimates on the linear cost for many keys, each from its own slot."""
    return np.asarray(_many(code))


def shrunk(code, how):
    """The factor on every parameter, in flat order; None if it is refused."""
    if not code.shrinkable:
        with pytest.raises(ValueError, match="shrink must be 'none' with the code"):
            WeightPerturbation(code, shrink=how)
        return None
    factors = WeightPerturbation(code, shrink=how).shrinkage(FEW, LAYOUT)
    sizes = [np.prod(shape, dtype=int) for shape in LAYOUT.shapes]
    return np.repeat(factors, sizes)


def shapes_of(estimator, params, slots):
    """Shapes and dtypes of a value and a gradient, without computing them."""
    chip = Told(lambda params, sample: dot(params, params))

    def both(params, key):
        return chip.value_and_gradient(params, (), estimator, slots, key)

    return jax.eval_shape(both, params, KEY)


def law_a_gradient_has_the_tree_shapes_and_dtypes_of_the_parameters(estimator):
    for dtype in (jnp.float32, jnp.bfloat16):
        params = jax.tree.map(lambda leaf, dtype=dtype: leaf.astype(dtype), PARAMS)
        value, found = shapes_of(estimator, params, 300)
        assert value == jax.ShapeDtypeStruct((), jnp.float32)
        assert found == jax.eval_shape(lambda params: params, params)


def law_the_value_is_the_cost_at_rest(estimator):
    value, _ = estimated(Told(curved), estimator, 64)
    rest = float(curved(PARAMS, ()))
    assert float(value) == pytest.approx(rest, abs=0.02)


def law_another_slot_does_not_trace_again(estimator):
    traces = []

    @jax.jit
    def step(key, start):
        traces.append(1)
        return Told(curved).gradient(PARAMS, (), estimator, 4, key, start)

    step(KEY, jnp.uint32(0))
    step(KEY, jnp.uint32(400))
    step(jax.random.key(6), jnp.uint32(2**32 - 20))
    assert len(traces) == 1


def law_a_chip_that_cannot_answer_is_refused_with_both_names(estimator):
    names = f"Deaf accepts .*{type(estimator).__name__} asks with a .*Probe"
    with pytest.raises(TypeError, match=names):
        Deaf(linear).refuse_foreign(estimator)
    with pytest.raises(TypeError, match=names):
        Deaf(linear).gradient(PARAMS, (), estimator, 4, KEY)


def law_a_constant_added_to_the_cost_moves_nothing(estimator):
    if getattr(estimator, "reference", "") == "direct":
        return  # it reads the cost as it is; a filter takes the constant away
    rounding = 30 * 4 * np.finfo(np.float32).eps / 1e-2
    plain, raised = (flat(Told(cost), estimator, 48) for cost in (curved, shifted))
    assert np.abs(plain).max() > 0.1
    np.testing.assert_allclose(raised, plain, atol=rounding)


def law_an_estimator_survives_its_spec_and_can_be_a_static_argument(estimator):
    again = from_spec(to_spec(estimator), kinds())
    assert again == estimator
    assert hash(again) == hash(estimator)


def law_evaluations_are_those_of_algorithm_1(estimator):
    tau = st.integers(1, 12)

    @given(tau, tau, tau, st.integers(0, 80))
    @settings(deadline=None, max_examples=25)
    def check(tau_p, tau_x, tau_theta, slots):
        counted = 0
        for n in range(slots):
            new_sample = n % tau_x == 0
            new_parameters = n % tau_theta == 0 and n > 0
            probe = estimator.ask(KEY, Slots.range(1, n, tau_p), PARAMS)
            counted += probe.evaluations(int(new_sample or new_parameters))
        clock = Clock(tau_p, tau_x, tau_theta)
        assert estimator.evaluations(clock, slots) == counted

    check()


def law_a_bad_number_of_slots_is_refused(estimator):
    for bad in (0, -3):
        with pytest.raises(ValueError, match=f"slots must be .*{bad}"):
            Told(linear).gradient(PARAMS, (), estimator, bad, KEY)


def law_a_code_reads_a_linear_cost_right(code):
    estimator, period = WeightPerturbation(code), code.period(LAYOUT)
    if period is not None:
        for start in (0, 13):
            exact = flat(Told(linear), estimator, period, start=jnp.uint32(start))
            np.testing.assert_allclose(exact, SLOPE, atol=3e-3)
        return
    found = many(code)
    error = found.std(axis=0) / MANY**0.5
    assert (np.abs(found.mean(axis=0) - SLOPE) < 5 * error).all()


def law_both_references_agree_on_a_linear_cost(code):
    one, two = (WeightPerturbation(code, ref) for ref in ("baseline", "antithetic"))
    found = flat(Told(linear), one, FEW)
    np.testing.assert_allclose(found, flat(Told(linear), two, FEW), atol=1e-2)


def law_antithetic_pairs_cancel_the_curvature(code):
    def bowl(params, sample):
        return 20 * dot(params, params) ** 2

    estimator = WeightPerturbation(code, "antithetic")
    centre = jax.tree.map(jnp.zeros_like, PARAMS)
    found = estimated(Told(bowl), estimator, FEW, params=centre)[1]
    assert np.abs(LAYOUT.flatten(found)).max() < 1e-6


def law_references_count_their_evaluations(code):
    for reference, count in {"baseline": 12 + 3, "antithetic": 2 * 12}.items():
        probe = WeightPerturbation(code, reference).ask(KEY, Slots.range(12), PARAMS)
        assert probe.evaluations(samples=3) == count


def law_shrunk_by_norm_the_power_is_that_of_the_gradient(code):
    factors = shrunk(code, "norm")
    if factors is None:
        return
    power = np.sum((factors * many(code)) ** 2, axis=1) / np.sum(SLOPE**2)
    error = 5 * power.std() / MANY**0.5
    # Within a period the error power is known on average over all gradients only.
    assert abs(power.mean() - 1) < error + (0.1 if code.period(LAYOUT) else 0)


def law_shrunk_by_mmse_the_error_is_least(code):
    factors = shrunk(code, "mmse")
    if factors is None:
        return
    for factor in np.unique(factors):
        here = factors == factor
        raw = many(code)[:, here]
        best = np.mean(raw @ SLOPE[here]) / np.mean(np.sum(raw**2, axis=1))
        assert factor == pytest.approx(best, rel=0.1)


def law_no_number_of_slots_changes_the_dtypes(code):
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), PARAMS)
    for slots in (1, 12 * (code.period(LAYOUT) or LAYOUT.size)):
        _, found = shapes_of(WeightPerturbation(code), params, slots)
        assert found == jax.eval_shape(lambda params: params, params)


ALL = [law for name, law in sorted(globals().items()) if name.startswith("law_")]
LAWS = [law for law in ALL if law.__code__.co_varnames[0] == "estimator"]
CODE_LAWS = [law for law in ALL if law.__code__.co_varnames[0] == "code"]
