"""Any function of a pytree as a chip, and drop-in twins of JAX's gradients.

The function may have no derivative: rounding, argmax, a host callback.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, PyTree

from plexgrad.chips.measuring import measure
from plexgrad.core.clock import MAX_SLOTS
from plexgrad.core.contracts import AbstractChip, AbstractEstimator
from plexgrad.core.keys import as_key
from plexgrad.core.probe import Reading, WeightProbe
from plexgrad.core.validate import function, instance, positive_int

UNTRACED = (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError)
"""What JAX raises where a function asks for numbers while it is traced."""


@dataclass(frozen=True)
class Function(AbstractChip):
    """A chip whose cost is `loss(params, sample)`, a scalar.

    `vectorize=False` calls the function once per slot, one after another, for functions
    that cannot be vmapped (host callbacks, instruments).
    """

    loss: Callable[..., Any]
    vectorize: bool = True

    accepts: ClassVar[tuple[type, ...]] = (WeightProbe,)

    def measure(
        self, params: PyTree, probe: WeightProbe, batch: PyTree, key: Key[Array, ""]
    ) -> Reading:
        lanes = None if self.vectorize else 1
        return measure(self.loss, params, probe, batch, lanes)

    @classmethod
    def demo(cls) -> "Function":
        return cls(_demo_loss)


def _demo_loss(params: PyTree, sample: PyTree) -> Array:
    return jnp.sum(jnp.round(params["0"] * 8) ** 2) / 64


def value_and_grad(
    loss: Callable[..., Any],
    estimator: AbstractEstimator,
    slots: int,
    *,
    vectorize: bool = True,
) -> Callable[..., tuple[Array, PyTree]]:
    """Drop-in for `jax.value_and_grad` that never differentiates `loss`.

    Returns `grad_fn(params, *args, key=key, slot=0, **kwargs)`, which gives the value
    and the gradient with respect to `params`, estimated from `slots` slots. Pass a new
    key in every step; or keep one key and advance `slot` by `slots`, so that the code
    goes on where it stopped. With antithetic pairs the value is the mean over all
    pairs, which costs no further evaluation. `vectorize=False` evaluates one slot after
    another; wrap what is not JAX in `jax.pure_callback`. Wrap the result in `jax.jit`,
    or every call compiles anew. Gradients are taken of the first argument only.
    """
    positive_int("slots", slots, MAX_SLOTS)
    function("loss", loss)
    such = "estimator, such as WeightPerturbation(Rademacher(0.01))"
    instance("estimator", estimator, AbstractEstimator, such)

    def grad_fn(
        params: PyTree,
        *args: Any,
        key: Any,
        slot: Any = 0,
        **kwargs: Any,
    ) -> tuple[Array, PyTree]:
        def at(params: PyTree, _: PyTree) -> Any:
            return loss(params, *args, **kwargs)

        chip, here = Function(at, vectorize), as_key(key)
        try:
            return chip.value_and_gradient(params, (), estimator, slots, here, slot)
        except UNTRACED as error:
            raise TypeError(
                "loss must be a function of JAX, with a derivative or without: other "
                "code goes into jax.pure_callback, knobs into lab.Wrapped; got "
                f"{str(error).splitlines()[0]}"
            ) from error

    return grad_fn


def grad(
    loss: Callable[..., Any],
    estimator: AbstractEstimator,
    slots: int,
    *,
    vectorize: bool = True,
) -> Callable[..., PyTree]:
    """Drop-in for `jax.grad`: the gradient that `value_and_grad` estimates."""
    both = value_and_grad(loss, estimator, slots, vectorize=vectorize)

    def grad_fn(
        params: PyTree,
        *args: Any,
        key: Any,
        slot: Any = 0,
        **kwargs: Any,
    ) -> PyTree:
        return both(params, *args, key=key, slot=slot, **kwargs)[1]

    return grad_fn
