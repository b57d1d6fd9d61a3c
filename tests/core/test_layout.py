"""The flat parameter order and the arithmetic of trees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from plexgrad.core.layout import Layout, add, cosine, dot, scale, subtract

shapes = st.lists(st.integers(1, 3), max_size=3).map(tuple)
trees_of_shapes = st.recursive(
    shapes.map(lambda shape: ("leaf", shape)),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: ("list", parts))
        | st.dictionaries(st.sampled_from("abcd"), inner, min_size=1, max_size=3).map(
            lambda parts: ("dict", parts)
        )
    ),
    max_leaves=5,
)


@st.composite
def trees(draw):
    """Nested lists and dicts of float32 arrays, numbered so that order shows."""
    random = np.random.default_rng(draw(st.integers(0, 2**16)))

    def grow(plan):
        kind, content = plan
        if kind == "leaf":
            return random.normal(size=content).astype(np.float32)
        if kind == "list":
            return [grow(part) for part in content]
        return {name: grow(part) for name, part in content.items()}

    return grow(draw(trees_of_shapes))


@given(trees())
@settings(deadline=None, max_examples=20)
def test_flat_order_is_that_of_ravel_pytree(tree):
    flat = Layout.of(tree).flatten(tree)
    np.testing.assert_array_equal(flat, ravel_pytree(tree)[0])


@given(trees())
@settings(deadline=None, max_examples=20)
def test_flatten_and_unflatten_are_inverses(tree):
    layout = Layout.of(tree)
    back = layout.unflatten(layout.flatten(tree))
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    jax.tree.map(np.testing.assert_array_equal, back, tree)
    assert layout.size == sum(leaf.size for leaf in jax.tree.leaves(tree))


@given(trees())
@settings(deadline=None, max_examples=20)
def test_spans_cut_the_flat_order_into_leaves(tree):
    layout = Layout.of(tree)
    flat = np.asarray(layout.flatten(tree))
    for span, leaf in zip(layout.spans(), jax.tree.leaves(tree), strict=True):
        np.testing.assert_array_equal(flat[span], leaf.ravel())


def test_stacks_keep_their_leading_axes():
    layout = Layout.of({"w": jnp.zeros((2, 3)), "b": jnp.zeros(())})
    stack = jnp.arange(4 * 5 * 7, dtype=jnp.float32).reshape(4, 5, 7)
    tree = layout.unflatten(stack)
    assert tree["w"].shape == (4, 5, 2, 3)
    assert tree["b"].shape == (4, 5)
    np.testing.assert_array_equal(layout.flatten(tree), stack)


def test_a_leaf_is_a_matrix_by_its_last_axis():
    like = [jnp.zeros(shape) for shape in [(), (5,), (4, 3), (3, 3, 2, 8)]]
    assert Layout.of(like).matrices == ((1, 1), (1, 5), (4, 3), (18, 8))


def test_layout_is_a_static_argument():
    like = {"w": jnp.zeros((2, 3)), "b": jnp.zeros(3)}
    layout, again = Layout.of(like), Layout.of(jax.tree.map(jnp.ones_like, like))
    assert layout == again
    assert hash(layout) == hash(again)
    assert Layout.of(layout) is layout
    assert layout != Layout.of({"w": jnp.zeros((3, 2)), "b": jnp.zeros(3)})


def test_layout_can_be_made_from_shapes_alone():
    like = {"w": jnp.zeros((2, 3)), "b": jnp.zeros(3)}
    assert Layout.of(jax.eval_shape(lambda: like)) == Layout.of(like)


def test_unflatten_gives_each_leaf_its_own_type():
    like = {"a": jnp.zeros(2, jnp.float16), "b": jnp.zeros(2, jnp.float32)}
    tree = Layout.of(like).unflatten(jnp.arange(4.0))
    assert (tree["a"].dtype, tree["b"].dtype) == (jnp.float16, jnp.float32)


def test_plain_numbers_are_parameters_too():
    layout = Layout.of({"gain": 2.0, "offset": -1.0})
    np.testing.assert_array_equal(
        layout.flatten({"gain": 2.0, "offset": -1.0}), [2.0, -1.0]
    )


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.uint8, jnp.bool_, jnp.complex64])
def test_parameters_that_are_not_real_numbers_are_refused(dtype):
    with pytest.raises(ValueError, match=f"floating point, got {jnp.dtype(dtype)}"):
        Layout.of({"w": jnp.zeros(2), "n": jnp.zeros(2, dtype)})


@pytest.mark.parametrize("tree", [{}, [], None, {"w": jnp.zeros((0, 3))}])
def test_trees_without_parameters_are_refused(tree):
    with pytest.raises(ValueError, match="params must hold at least one number"):
        Layout.of(tree)


def test_arithmetic_is_that_of_the_flat_vectors():
    random = np.random.default_rng(0)
    one, two = (
        {"w": jnp.asarray(random.normal(size=(3, 2)), jnp.float32), "b": jnp.ones(4)}
        for _ in range(2)
    )
    a, b = ravel_pytree(one)[0], ravel_pytree(two)[0]
    for made, expected in [
        (add(one, two), a + b),
        (subtract(one, two), a - b),
        (scale(one, -0.5), -0.5 * a),
    ]:
        np.testing.assert_array_equal(ravel_pytree(made)[0], expected)
    assert float(dot(one, two)) == pytest.approx(float(a @ b), rel=1e-6)
    norms = float(jnp.linalg.norm(a) * jnp.linalg.norm(b))
    assert float(cosine(one, two)) == pytest.approx(float(a @ b) / norms, rel=1e-6)


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_cosine_does_not_depend_on_size(size):
    tree = {"w": jnp.array([3.0, 4.0])}
    other = {"w": jnp.array([4.0, 3.0])}
    found = cosine(scale(tree, size), scale(other, size))
    assert float(found) == pytest.approx(24 / 25, rel=1e-5)
    assert float(cosine(tree, scale(tree, -size))) == pytest.approx(-1, rel=1e-5)


def test_cosine_with_nothing_is_0():
    tree = {"w": jnp.array([3.0, 4.0])}
    assert float(cosine(tree, scale(tree, 0.0))) == 0.0
