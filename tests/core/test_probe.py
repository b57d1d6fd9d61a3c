"""Probes are descriptions: small, static where shapes depend on them, and countable."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout
from plexgrad.core.probe import GradientProbe, Slots, WeightProbe

LAYOUT = Layout.of({"w": jnp.zeros((3, 2)), "b": jnp.zeros(2)})


@dataclass(frozen=True)
class Numbered(AbstractCode):
    """Every offset of a slot is the slot's own number."""

    amplitude: float = 1.0

    def block(self, key, slots, like):
        flat = jnp.repeat(slots.astype(jnp.float32)[:, None], like.size, axis=1)
        return like.unflatten(flat)

    @classmethod
    def demo(cls):
        return cls()


def weight_probe(slots, reference="baseline"):
    return WeightProbe(jax.random.key(0), slots, Numbered(), LAYOUT, reference)


@pytest.mark.parametrize("hold", [1, 2, 5])
@pytest.mark.parametrize("start", [0, 3, 2**32 - 20])
def test_a_pattern_is_held_for_whole_slots(start, hold):
    slots = Slots.range(12, start, hold)
    expected = [(start + number) // hold for number in range(12)]
    assert slots.patterns.dtype == jnp.uint32
    np.testing.assert_array_equal(slots.patterns, np.array(expected, np.uint32))


def test_the_patterns_of_a_probe_are_those_its_code_makes():
    made = weight_probe(Slots.range(4, 6, 2)).patterns()
    assert made["w"].shape == (4, 3, 2)
    np.testing.assert_array_equal(made["b"][:, 0], [3, 3, 4, 4])


def test_evaluations_count_baselines_or_pairs():
    slots = Slots.range(10)
    assert weight_probe(slots).evaluations(samples=3) == 13
    assert weight_probe(slots, "antithetic").evaluations(samples=3) == 20
    assert GradientProbe(slots).evaluations(samples=3) == 3


def test_probes_that_differ_in_numbers_only_share_one_trace():
    code, traces = Numbered(), 0

    @jax.jit
    def total(probe):
        nonlocal traces
        traces += 1
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(probe.patterns()))

    for seed, start in enumerate((0, 7, 100)):
        slots = Slots.range(3, start)
        probe = WeightProbe(jax.random.key(seed), slots, code, LAYOUT, "baseline")
        assert float(total(probe)) == 8 * (3 * start + 3)
    assert traces == 1
