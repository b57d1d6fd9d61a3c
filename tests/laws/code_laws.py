"""What every code promises, each promise once. `LAWS` is applied to whatever is found.

A law is a function of a code. It says for itself where a promise is conditional, by
what the code's own type says (`period`, `zero_mean`, `factors`), never by its name.
"""

from dataclasses import fields, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.core.code import LEAST, MOST
from plexgrad.core.layout import Layout
from plexgrad.core.spec import from_spec, name_of, to_spec
from tests.laws.quickly import quickly

LIKE = {
    "dense": (jnp.zeros((5, 3)), jnp.zeros(3)),
    "out": (jnp.zeros((3, 2)), jnp.zeros(2)),
    "scale": jnp.zeros(()),
}
LAYOUT = Layout.of(LIKE)
KEY = jax.random.key(7)


@partial(quickly, static_argnums=0)
def _flat(code, slots, key):
    return LAYOUT.flatten(code.block(key, slots, LIKE))


@partial(quickly, static_argnums=0)
def _demodulated(code, slots, signal):
    return LAYOUT.flatten(code.demodulate(KEY, slots, signal, LIKE))


def flat(code, slots, key=KEY):
    return np.asarray(_flat(code, slots, key))


def demodulated(code, slots, signal):
    return np.asarray(_demodulated(code, slots, jnp.asarray(signal, jnp.float32)))


def slots_of(start, count):
    return start + jnp.arange(count, dtype=jnp.uint32)


def powers(code):
    """The mean square of every parameter's code, in flat order."""
    sizes = [np.prod(shape, dtype=int) for shape in LAYOUT.shapes]
    return np.repeat(code.powers(LIKE), sizes)


def span(code):
    return code.period(LIKE) or 4096


def law_a_block_has_the_tree_shapes_and_dtypes_of_the_parameters(code):
    block = jax.eval_shape(lambda key: code.block(key, slots_of(3, 5), LIKE), KEY)
    assert jax.tree.structure(block) == jax.tree.structure(LIKE)
    for leaf, like in zip(jax.tree.leaves(block), jax.tree.leaves(LIKE), strict=True):
        assert leaf.shape == (5, *like.shape)
        assert leaf.dtype == like.dtype


def law_a_pattern_depends_on_key_and_slot_alone(code):
    slots = jnp.asarray([9, 2**31 + 5, 0, 70_000, 9], jnp.uint32)
    whole = flat(code, slots)
    np.testing.assert_array_equal(whole, flat(code, slots[::-1])[::-1])
    for n in range(len(slots)):
        np.testing.assert_array_equal(whole[n], flat(code, slots[n : n + 1])[0])


def law_blocks_of_any_size_join_without_a_seam(code):
    whole = flat(code, slots_of(11, 24))
    for size in (1, 5, 24):
        parts = [flat(code, slots_of(11, 24)[n : n + size]) for n in range(0, 24, size)]
        np.testing.assert_array_equal(whole, np.concatenate(parts))


def law_eager_and_compiled_patterns_agree(code):
    slots = slots_of(0, 16)
    eager = LAYOUT.flatten(code.block(KEY, slots, LIKE))
    np.testing.assert_allclose(eager, flat(code, slots), rtol=1e-5, atol=1e-7)


def law_another_key_gives_another_code(code):
    slots = slots_of(0, 64)
    assert np.any(flat(code, slots) != flat(code, slots, jax.random.key(8)))


def law_keys_can_be_mapped_over(code):
    keys, slots = jax.random.split(KEY, 3), slots_of(0, 4)
    many = quickly(jax.vmap(lambda key: LAYOUT.flatten(code.block(key, slots, LIKE))))
    for found, key in zip(many(keys), keys, strict=True):
        one = flat(code, slots, key)
        np.testing.assert_allclose(found, one, rtol=1e-5, atol=1e-7)


def law_offsets_average_to_zero_unless_one_sided(code):
    mean = np.abs(flat(code, slots_of(0, span(code))).mean(0)) / powers(code) ** 0.5
    small = 1e-4 if code.period(LIKE) else 5 / span(code) ** 0.5
    assert (mean.max() < small) == code.zero_mean


def law_power_is_the_mean_square(code):
    square = flat(code, slots_of(0, span(code))) ** 2
    assert square.mean() == pytest.approx(code.power(LIKE), rel=0.05)
    assert powers(code).mean() == pytest.approx(code.power(LIKE))
    np.testing.assert_allclose(square.mean(0), powers(code), rtol=0.15)


def law_codes_of_different_parameters_are_uncorrelated(code):
    patterns = flat(code, slots_of(5, span(code)))
    patterns = patterns / powers(code) ** 0.5
    gram = patterns.T @ patterns / span(code)
    atol = 0.15 if code.period(LIKE) is None else 1e-5
    np.testing.assert_allclose(gram, np.eye(LAYOUT.size), atol=atol)


def law_a_linear_cost_is_read_exactly_after_one_period(code):
    if code.period(LIKE) is None:
        return
    gradient = np.random.default_rng(0).normal(size=LAYOUT.size).astype(np.float32)
    for start in (0, 13):
        slots = slots_of(start, code.period(LIKE))
        found = demodulated(code, slots, flat(code, slots) @ gradient)
        np.testing.assert_allclose(found, gradient, atol=2e-5)


def law_demodulation_is_the_correlation(code):
    random = np.random.default_rng(1)
    for count in (1, 17, 12 * span(code)):
        chosen = random.integers(0, 2**32 - 2, count, dtype=np.uint32)
        slots = jnp.asarray(chosen) if count < 50 else slots_of(3, count)
        signal = random.normal(size=count).astype(np.float32)
        fast = demodulated(code, slots, signal)
        slow = flat(code, slots).T @ signal / (count * powers(code))
        scale = np.abs(slow).max() + 1e-3
        np.testing.assert_allclose(fast / scale, slow / scale, atol=3e-5)


def law_an_estimate_does_not_depend_on_how_slots_are_cut(code):
    count = 60
    slots = slots_of(2, count)
    signal = np.random.default_rng(2).normal(size=count)
    whole = demodulated(code, slots, signal)
    for size in (1, 7, 20):
        total = np.zeros(LAYOUT.size)
        for n in range(0, count, size):
            part = demodulated(code, slots[n : n + size], signal[n : n + size])
            total += part * len(slots[n : n + size]) / count
        np.testing.assert_allclose(
            total, whole, rtol=1e-4, atol=1e-5 * np.abs(whole).max()
        )


def law_excess_is_the_error_power_on_a_linear_cost(code):
    gradient = np.random.default_rng(3).normal(size=LAYOUT.size).astype(np.float32)
    shares = [np.sum(gradient[span] ** 2) for span in LAYOUT.spans()]
    shares = np.asarray(shares) / np.sum(gradient**2)
    keys = jax.random.split(jax.random.key(11), 1500)
    for count in (1, 9, LAYOUT.size + 2, 3 * LAYOUT.size):
        # Starts differ from key to key: a code fixed by its period is met all over it.
        starts = jax.random.bits(jax.random.key(count), (len(keys),), jnp.uint32)

        @quickly
        @jax.vmap
        def estimate(key, start, count=count):
            slots = start % jnp.uint32(2**20) + jnp.arange(count, dtype=jnp.uint32)
            patterns = LAYOUT.flatten(code.block(key, slots, LIKE))
            signal = patterns @ jnp.asarray(gradient)
            return LAYOUT.flatten(code.demodulate(key, slots, signal, LIKE))

        power = np.sum(np.asarray(estimate(keys, starts)) ** 2, axis=1)
        power = power / np.sum(gradient**2)
        error = 5 * power.std() / len(keys) ** 0.5
        expected = 1 + np.dot(shares, code.excesses(count, LIKE))
        assert abs(power.mean() - expected) < max(error, 0.12 * expected)


def law_factors_multiply_to_the_pattern(code):
    slots = slots_of(6, 9)
    factors = quickly(lambda key: code.factors(key, slots, LIKE))(KEY)
    if factors is None:
        return
    block = jax.tree.leaves(LAYOUT.unflatten(_flat(code, slots, KEY)))
    for (rows, columns), leaf in zip(factors, block, strict=True):
        outer = code.amplitude * rows[:, :, None] * columns[:, None, :]
        np.testing.assert_allclose(outer.reshape(leaf.shape), leaf, rtol=1e-6)


def law_amplitude_scales_the_pattern(code):
    double = replace(code, amplitude=2 * code.amplitude)
    np.testing.assert_allclose(
        flat(double, slots_of(0, 8)), 2 * flat(code, slots_of(0, 8)), rtol=1e-5
    )


def law_a_bad_amplitude_is_refused_by_name(code):
    for bad in (0.0, -1e-3, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="amplitude must be"):
            replace(code, amplitude=bad)


def law_an_amplitude_whose_square_leaves_float32_is_refused(code):
    for bad in (LEAST / 2, 1e-30, 2 * MOST, 1e25):
        with pytest.raises(ValueError, match="amplitude must be in .* float32, got"):
            replace(code, amplitude=bad)


def law_the_extreme_amplitudes_read_what_others_do(code):
    count = span(code) if code.period(LIKE) else 64
    slots = slots_of(0, count)
    plain = flat(code, slots) / code.amplitude
    gradient = np.random.default_rng(5).normal(size=LAYOUT.size).astype(np.float32)
    wanted = demodulated(code, slots, plain @ gradient * code.amplitude)
    for amplitude in (LEAST, MOST):
        other = replace(code, amplitude=amplitude)
        found = demodulated(other, slots, plain @ gradient * np.float32(amplitude))
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(found / scale, wanted / scale, atol=1e-4)


def law_offsets_are_those_of_a_parameter_that_is_moved(code):
    patterns = flat(code, slots_of(0, span(code)))
    for leaf, offset in zip(LAYOUT.spans(), code.offsets(LIKE), strict=True):
        moved = patterns[:, leaf][patterns[:, leaf] != 0]
        assert np.sqrt(np.mean(moved**2)) == pytest.approx(offset, rel=0.1)


def law_leaves_of_few_bits_are_read_as_float32(code):
    slots = slots_of(0, 64)
    signal = np.random.default_rng(6).normal(size=64).astype(np.float32) * 1e-4
    small = replace(code, amplitude=1e-4)
    wanted = demodulated(small, slots, signal)
    for dtype in (jnp.bfloat16, jnp.float16):
        like = jax.tree.map(lambda leaf, dtype=dtype: leaf.astype(dtype), LIKE)
        found = jax.jit(small.demodulate, static_argnums=3)(
            KEY, slots, jnp.asarray(signal), Layout.of(like)
        )
        assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype(dtype)}
        wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), found)
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(
            LAYOUT.flatten(wide) / scale, wanted / scale, atol=0.01
        )


def law_another_slot_does_not_compile_again(code):
    traces = []

    @jax.jit
    def block(slots):
        traces.append(1)
        return code.block(KEY, slots, LIKE)

    block(slots_of(0, 4))
    block(slots_of(400, 4))
    assert len(traces) == 1


def law_a_code_survives_its_spec_and_can_be_a_static_argument(code):
    kind, held = type(code), [getattr(code, each.name) for each in fields(code)]
    kinds = {name_of(type(each)): type(each) for each in (code, *held)}
    assert from_spec(to_spec(code), kinds) == code
    assert hash(code) == hash(
        kind(**{f.name: getattr(code, f.name) for f in fields(code)})
    )


LAWS = [law for name, law in sorted(globals().items()) if name.startswith("law_")]
