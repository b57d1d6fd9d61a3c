"""Training under every effect: resumed bit for bit, each seed on its own device."""

from dataclasses import replace
from functools import cache

import jax
import numpy as np
import pytest

import plexgrad as pg
from plexgrad.chips import AbstractEffect
from plexgrad.core.spec import concrete
from plexgrad.training import checkpoint, fused
from tests.laws.quickly import quickly

from .helpers import CHIP, DITHER, SGD, XOR, run_of

CLOCK = pg.Clock(tau_x=2, tau_theta=4)
SLOTS, SEEDS, DATA = 40, 3, (XOR.x_train, XOR.y_train)
CHUNKS = SLOTS // CLOCK.tau_theta
EFFECTS = list(concrete(pg.chips, AbstractEffect))
STACKS = [tuple(EFFECTS[n::3]) for n in range(3)]
# Compiling is most of the time, so several are trained together.
every_stack = pytest.mark.parametrize(
    "stack", STACKS, ids=lambda stack: "-".join(cls.__name__ for cls in stack)
)


def around(stack):
    """The smallest chip in effects."""
    chip = CHIP
    for cls in stack:
        chip = replace(cls.demo(), chip=chip)
    return chip


@cache
def training(stack):
    """The start of all seeds, a compiled step, and keys that differ in the device."""
    run = run_of(DITHER, CLOCK, SLOTS, chip=around(stack), seeds=SEEDS)
    loop, keys = run.loop(DITHER), run.named()
    same = jax.tree.map(lambda leaf: leaf[np.zeros(SEEDS, int)], keys)
    keys = same._replace(noise=keys.noise)
    axes = (0, 0, None, None, None)
    step = quickly(jax.vmap(loop.run, in_axes=axes))

    def steps(state, first, last):
        return step(state, keys, DATA, np.uint32(first), np.uint32(last))

    return quickly(jax.vmap(loop.init))(keys), steps


@every_stack
def test_a_run_that_was_killed_ends_bit_for_bit_as_if_it_was_not(stack, tmp_path):
    start, steps = training(stack)
    whole = steps(start, 0, CHUNKS)
    file = tmp_path / "checkpoint.npz"
    checkpoint.save(file, steps(start, 0, 3), {})
    kept, _ = checkpoint.load(file, start)
    found = steps(kept, 3, CHUNKS)
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(whole), strict=True)
    assert all(np.array_equal(mine, theirs) for mine, theirs in pairs)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(whole.params))


@every_stack
def test_every_seed_has_a_device_of_its_own(stack):
    start, steps = training(stack)
    weight = np.asarray(steps(start, 0, CHUNKS).params[0].weight)
    assert len(np.unique(weight, axis=0)) == SEEDS
    assert any(cls.random for cls in stack)


@pytest.mark.parametrize("cls", EFFECTS)
def test_the_fused_loop_leaves_effects_to_the_general_one(cls):
    loop = run_of(DITHER, CLOCK, SLOTS, chip=around([cls])).loop(DITHER)
    assert "a Simulated chip" in str(fused.obstacle(loop, SGD, 8))
