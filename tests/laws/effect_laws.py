"""What every effect promises, each promise once: `LAWS`.

`cls(chip)` is at strength 0; `demo()` is not.
"""

import re
from dataclasses import fields, replace
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from plexgrad.chips import Simulated
from plexgrad.codes import Rademacher
from plexgrad.core.clock import Clock
from plexgrad.core.layout import Layout
from plexgrad.core.probe import GradientProbe, Moment, Slots, WeightProbe
from plexgrad.core.spec import from_spec, to_spec
from plexgrad.nets import MLP
from plexgrad.training.specs import kinds
from tests.laws.chip_laws import material
from tests.laws.quickly import quickly

CHIP = Simulated(MLP([3, 4, 2], initial=(-0.5, 0.5)))
CODE, KEY = Rademacher(0.3), jax.random.key(2)
DEVICE, OTHER = jax.random.key(3), jax.random.key(4)
CLOCK = Clock(tau_x=4, tau_theta=12)
START, SLOTS, SAMPLES = 12, 12, 3
AT = Moment(jnp.uint32(24), jnp.uint32(12), 12)
REFERENCES = ("baseline", "antithetic", "direct", None)


def reading(chip, reference, params, batch, key, start=START, count=SLOTS):
    """What a chip answers to a probe of these slots; without a reference, exactly."""
    slots = Slots(jnp.asarray(start, jnp.uint32), count, 1, CLOCK)
    probe = GradientProbe(slots)
    if reference is not None:
        probe = WeightProbe(KEY, slots, CODE, Layout.of(params), reference)
    return chip.measure(params, probe, batch, key)


PARAMS, BATCH = material(CHIP)
X, Y = (part[0] for part in BATCH)


def everything(chip, references, key):
    """All that a chip does: what it holds, tells, and answers to probes."""
    params = chip.settle(PARAMS, key)
    update = jax.tree.map(lambda leaf: 0.1 * jnp.ones_like(leaf), params)
    told = [reading(chip, ref, params, BATCH, key) for ref in references]
    return {
        "held": (params, chip.write(params, update, key, AT)),
        "outputs": chip.predict(params, X, key),
        "readings": [dict(vars(each)) for each in told],
    }


@cache
def doing(chip, references=("baseline", None)):
    """`everything`, as a function of the key: traced, and compiled when called."""
    return quickly(partial(everything, chip, references))


@cache
def traced(chip, references=REFERENCES):
    """The program of `everything` as text, and the shapes of what it gives."""
    found = doing(chip, references).trace(DEVICE)
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), found.out_info)
    return re.sub(r"0x[0-9a-f]+", "", str(found.jaxpr)), shapes


def equal(one, two):
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True)
    return all(np.array_equal(a, b) for a, b in leaves)


def law_at_strength_zero_it_is_the_chip_bit_for_bit(cls):
    assert cls(CHIP).ideal
    assert traced(cls(CHIP)) == traced(CHIP)


def law_the_demo_changes_something(cls):
    chip = cls.demo()
    assert not chip.ideal
    assert not equal(doing(replace(chip, chip=CHIP))(DEVICE), doing(CHIP)(DEVICE))


def law_the_key_names_the_device(cls):
    does = doing(replace(cls.demo(), chip=CHIP))
    once, again, other = does(DEVICE), does(DEVICE), does(OTHER)
    assert equal(once, again)
    assert equal(once, other) is not cls.random
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((once, other)))


def law_how_slots_are_cut_does_not_show(cls):
    chip = replace(cls.demo(), chip=CHIP)
    whole, each = doing(chip)(DEVICE), SLOTS // SAMPLES

    @quickly
    def half(start):
        sample = (start - START) // each
        batch = tuple(part[sample, None] for part in BATCH)
        told = reading(chip, REFERENCES[0], whole["held"][0], batch, DEVICE, start, 2)
        return told.signal

    halves = [half(jnp.int32(START + n)) for n in range(0, SLOTS, 2)]
    signal = whole["readings"][0]["signal"]
    np.testing.assert_allclose(np.concatenate(halves), signal, rtol=1e-4, atol=2e-6)


def law_shapes_and_evaluations_are_those_of_the_chip(cls):
    chip = replace(cls.demo(), chip=CHIP)
    assert traced(chip)[1] == traced(CHIP)[1]
    found = doing(chip)(DEVICE)["readings"]
    assert [each["evaluations"] for each in found] == [15, 3]


def law_it_survives_its_spec(cls):
    chip = cls.demo()
    assert hash(replace(chip)) == hash(chip)
    assert from_spec(to_spec(chip), kinds()) == chip


def law_its_first_field_is_its_strength(cls):
    chip, strength, *_ = fields(cls)
    assert chip.name == "chip"
    assert cls(CHIP, getattr(cls.demo(), strength.name)).ideal is False
    assert cls.unit


LAWS = [law for name, law in sorted(globals().items()) if name.startswith("law_")]
