r"""Optimisers as the published runs used them, where optax has none like it.

Oripov et al. 2025 (doi:10.1063/5.0258271): Adam **without bias correction**,
$m \leftarrow \beta_1 m + (1-\beta_1) g$, $v \leftarrow \beta_2 v + (1-\beta_2) g^2$,
$\theta \leftarrow \theta - \eta\,m / (\sqrt v + \epsilon)$, after a dead time in which
$\eta = 0$ while the moments fill.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int32, PyTree

from plexgrad.core.validate import in_range, int_at_least, positive


class _Moments(NamedTuple):
    mean: PyTree
    square: PyTree


def uncorrected_adam(
    learning_rate: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """Adam without bias correction: its first steps are up to 3.2 times as long."""
    in_range("b1", b1, 0.0, 1.0)
    in_range("b2", b2, 0.0, 1.0)
    positive("eps", eps)

    def init(params: PyTree) -> _Moments:
        zero = jax.tree.map(jnp.zeros_like, params)
        return _Moments(zero, zero)

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None
    ) -> tuple[PyTree, Any]:
        mean = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mean, updates)
        square = jax.tree.map(
            lambda v, g: b2 * v + (1 - b2) * g * g, state.square, updates
        )
        steps = jax.tree.map(lambda m, v: m / (jnp.sqrt(v) + eps), mean, square)
        return steps, _Moments(mean, square)

    moments: Any = optax.GradientTransformation(init, update)
    return optax.chain(moments, optax.scale_by_learning_rate(learning_rate))


def after_dead_time(
    rule: optax.GradientTransformation, updates: Any
) -> optax.GradientTransformation:
    """`rule`, whose first so many updates change its state but no parameter."""
    dead = int_at_least("dead_updates", updates, 0)

    def init(params: PyTree) -> Int32[Array, ""]:
        return jnp.int32(0)

    def update(
        updates: PyTree, state: Any, params: PyTree | None = None
    ) -> tuple[PyTree, Any]:
        awake = state >= jnp.int32(dead)
        return (
            jax.tree.map(lambda u: jnp.where(awake, u, jnp.zeros_like(u)), updates),
            jnp.minimum(state + jnp.int32(1), jnp.int32(dead)),
        )

    silence: Any = optax.GradientTransformation(init, update)
    return optax.chain(rule, silence)


RULES = {"uncorrected_adam": uncorrected_adam}
"""Rules by name beside those of optax."""
