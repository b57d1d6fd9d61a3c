"""What every chip promises, each promise once. `LAWS` is applied to whatever is found.

A law reads what a chip can do from its type: `accepts`, its fields, whether its writes
are its own.
"""

from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plexgrad.codes
import plexgrad.estimators
from plexgrad.codes import Rademacher, RankOne
from plexgrad.core.code import AbstractCode
from plexgrad.core.contracts import AbstractChip, AbstractEstimator
from plexgrad.core.layout import Layout
from plexgrad.core.probe import Moment, Slots, WeightProbe
from plexgrad.core.spec import concrete, from_spec, to_spec
from plexgrad.estimators import WeightPerturbation
from plexgrad.training.specs import kinds

KEY, NOISE = jax.random.key(2), jax.random.key(3)
SAMPLES, EACH = 3, 4

SAME_RESULTS = {
    "lanes": (1, 3, None),
    "vectorize": (True, False),
    "engine": ("auto", "materialised", "shared"),
}
"""Fields that say how a chip is simulated, which must not show in what it answers."""


@dataclass(frozen=True)
class ForeignProbe:
    """Something no chip has heard of."""


@dataclass(frozen=True)
class Foreigner(AbstractEstimator):
    """An estimator that asks with it."""

    probe: ClassVar[type] = ForeignProbe

    def ask(self, key, slots, params) -> Any:
        return ForeignProbe()

    def tell(self, probe, reading):
        raise AssertionError

    def evaluations(self, clock, slots):
        return 0

    @classmethod
    def demo(cls):
        return cls()


def material(chip):
    """Parameters of a chip and a batch of samples, which differ."""
    draw = np.random.default_rng(4)

    def normal(*shape):
        return jnp.asarray(draw.normal(size=shape), jnp.float32)

    if not hasattr(chip, "net"):
        return {"0": normal(6)}, {"x": normal(SAMPLES, 2)}
    x = normal(SAMPLES, 5, chip.net.inputs)
    return chip.init(jax.random.key(1)), (x, normal(SAMPLES, 5, chip.net.outputs))


@partial(jax.jit, static_argnums=(0, 1, 2))
def measured(chip, estimator, slots, params, batch):
    here = Slots(jnp.uint32(7), slots, 2)
    return chip.measure(params, estimator.ask(KEY, here, params), batch, NOISE)


def answerable(chip):
    """Every estimator that the chip does not refuse, in both references."""
    for cls in concrete(plexgrad.estimators, AbstractEstimator):
        if issubclass(cls.probe, chip.accepts):
            yield cls.demo()
    if issubclass(WeightProbe, chip.accepts):
        for code in (Rademacher(0.3), RankOne(0.3)):
            yield WeightPerturbation(code, "baseline")
            yield WeightPerturbation(code, "antithetic")


def same(one, two):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)


def law_the_cost_is_a_finite_scalar(chip):
    params, batch = material(chip)
    for estimator in answerable(chip):
        reading = measured(chip, estimator, SAMPLES * EACH, params, batch)
        assert (reading.cost.shape, reading.cost.dtype) == ((), jnp.float32)
        assert np.isfinite(reading.cost)
        if reading.signal is not None:
            assert reading.signal.shape == (SAMPLES * EACH,)
            assert np.isfinite(reading.signal).all()


def law_a_foreign_probe_is_refused_with_both_names(chip):
    params, batch = material(chip)
    names = f"{type(chip).__name__} accepts .*Foreigner asks with a ForeignProbe"
    with pytest.raises(TypeError, match=names):
        chip.refuse_foreign(Foreigner())
    with pytest.raises(TypeError, match=names):
        chip.gradient(params, batch, Foreigner(), 3, KEY)


def law_every_estimator_is_answered_or_refused(chip):
    for cls in concrete(plexgrad.estimators, AbstractEstimator):
        if issubclass(cls.probe, chip.accepts):
            chip.refuse_foreign(cls.demo())
        else:
            with pytest.raises(TypeError, match=cls.probe.__name__):
                chip.refuse_foreign(cls.demo())


def law_how_it_is_simulated_does_not_show(chip):
    params, batch = material(chip)
    own = {field.name for field in fields(chip)}
    for estimator in answerable(chip):
        plain = measured(chip, estimator, SAMPLES * EACH, params, batch)
        for name in own & set(SAME_RESULTS):
            for value in SAME_RESULTS[name]:
                other = replace(chip, **{name: value})
                found = measured(other, estimator, SAMPLES * EACH, params, batch)
                same(found, plain)


def law_the_signal_is_the_cost_difference_of_each_samples_slots(chip):
    params, batch = material(chip)
    cost = jax.jit(chip.loss)
    for estimator in answerable(chip):
        if not issubclass(estimator.probe, WeightProbe):
            continue
        reading = measured(chip, estimator, SAMPLES * EACH, params, batch)
        probe = estimator.ask(KEY, Slots(jnp.uint32(7), SAMPLES * EACH, 2), params)
        patterns, signals, levels = probe.patterns(), [], []
        for slot in range(SAMPLES * EACH):
            sample = jax.tree.map(lambda leaf, n=slot // EACH: leaf[n], batch)
            offset = jax.tree.map(lambda leaf, n=slot: leaf[n], patterns)
            up = cost(jax.tree.map(jnp.add, params, offset), sample)
            down = cost(jax.tree.map(jnp.subtract, params, offset), sample)
            rest = cost(params, sample)
            pair = estimator.reference == "antithetic"
            signals.append((up - down) / 2 if pair else up - rest)
            levels.append((up + down) / 2 if pair else rest)
        np.testing.assert_allclose(reading.signal, signals, rtol=1e-4, atol=2e-6)
        np.testing.assert_allclose(reading.cost, np.mean(levels), rtol=1e-5)


def law_the_exact_gradient_is_the_mean_over_samples(chip):
    params, batch = material(chip)
    for estimator in answerable(chip):
        if issubclass(estimator.probe, WeightProbe):
            continue
        reading = measured(chip, estimator, SAMPLES, params, batch)
        exact = jax.jit(jax.value_and_grad(chip.loss))
        costs = [
            exact(params, jax.tree.map(lambda leaf, n=n: leaf[n], batch))
            for n in range(SAMPLES)
        ]
        mean = jax.tree.map(lambda *leaves: sum(leaves) / SAMPLES, *costs)
        same((reading.cost, reading.gradient), mean)


def law_evaluations_are_what_the_probe_says(chip):
    params, batch = material(chip)
    for estimator in answerable(chip):
        reading = measured(chip, estimator, SAMPLES * EACH, params, batch)
        probe = estimator.ask(KEY, Slots.range(SAMPLES * EACH), params)
        assert reading.evaluations == probe.evaluations(SAMPLES)


def law_slots_that_cannot_be_dealt_evenly_are_refused(chip):
    params, batch = material(chip)
    probe = WeightPerturbation(Rademacher()).ask(KEY, Slots.range(7), params)
    with pytest.raises(ValueError, match="dealt evenly .* got 7 slots and 3 samples"):
        chip.measure(params, probe, batch, NOISE)


def law_samples_that_disagree_in_number_are_refused(chip):
    params, batch = material(chip)
    leaves, tree = jax.tree.flatten(batch)
    uneven = tree.unflatten([leaf[n:] for n, leaf in enumerate(leaves)])
    if len(leaves) == 1:
        return
    probe = WeightPerturbation(Rademacher()).ask(KEY, Slots.range(6), params)
    with pytest.raises(ValueError, match="must agree in samples, got"):
        chip.measure(params, probe, uneven, NOISE)


def law_an_ideal_write_is_the_sum(chip):
    if type(chip).write is not AbstractChip.write:
        return
    params, _ = material(chip)
    layout = Layout.of(params)
    update = layout.unflatten(jnp.arange(layout.size, dtype=jnp.float32))
    at = Moment(jnp.uint32(1), jnp.uint32(1))
    written = layout.flatten(chip.write(params, update, KEY, at))
    expected = np.asarray(layout.flatten(params)) + np.arange(layout.size)
    np.testing.assert_array_equal(written, expected.astype(np.float32))


def law_another_slot_does_not_trace_again(chip):
    params, batch = material(chip)
    estimator, traces = WeightPerturbation(Rademacher()), []

    @jax.jit
    def step(start):
        traces.append(1)
        probe = estimator.ask(KEY, Slots(start, SAMPLES), params)
        return chip.measure(params, probe, batch, NOISE)

    step(jnp.uint32(0))
    step(jnp.uint32(50))
    assert len(traces) == 1


def law_every_code_can_be_asked_with(chip):
    params, batch = material(chip)
    for cls in concrete(plexgrad.codes, AbstractCode):
        estimator = WeightPerturbation(cls.demo(), "antithetic")
        probe = estimator.ask(KEY, Slots.range(SAMPLES), params)
        found = jax.eval_shape(
            lambda probe: chip.measure(params, probe, batch, NOISE).signal, probe
        )
        assert found == jax.ShapeDtypeStruct((SAMPLES,), jnp.float32)


def law_a_chip_is_a_static_argument_and_survives_its_spec_if_it_is_data(chip):
    assert hash(replace(chip)) == hash(chip)
    assert replace(chip) == chip
    if any(callable(getattr(chip, f.name)) and f.name == "loss" for f in fields(chip)):
        with pytest.raises(TypeError, match="a spec holds plain data"):
            to_spec(chip)
        return
    assert from_spec(to_spec(chip), kinds()) == chip


LAWS = [law for name, law in sorted(globals().items()) if name.startswith("law_")]
