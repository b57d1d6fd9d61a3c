"""What an optax rule asks for beside the gradient: the cost, which runs measure.

Rules such as `reduce_on_plateau`, `polyak_sgd` and `momo` take the keyword `value`: the
mean cost of the window that the gradient comes from, as it was measured (in analog
time, of the slot). Rules that evaluate the cost themselves (a line search, as in
`lbfgs`) cannot be served: each evaluation is a measurement, which only the chip makes.
"""

import re
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

UNMET = re.compile(r"(\w+)(?:\.<locals>)?[.\w]*\(\) missing .* keyword-only argument")
"""How Python says that a rule's update was not given what it must have."""


def with_cost(rule: Any) -> optax.GradientTransformationExtraArgs:
    """The rule, whose `update` takes `value` and uses it if the rule does."""
    return optax.with_extra_args_support(rule)


def refuse_unserved(
    rule: optax.GradientTransformationExtraArgs, params: PyTree, given: Any
) -> None:
    """Raise ValueError, by name, if a rule asks for more than gradient and cost.

    It is tried on the shapes of `params`; nothing is computed. `given` is the rule as
    the user named it.
    """

    def once(params: PyTree) -> PyTree:
        state = rule.init(params)
        return rule.update(params, state, params, value=jnp.float32(0.0))[0]

    try:
        with jax.numpy_dtype_promotion("standard"):  # a schedule counts in integers
            jax.eval_shape(once, params)
    except TypeError as error:
        if (found := UNMET.search(str(error))) is None:
            raise
        wanted = " and ".join(re.findall(r"'(\w+)'", str(error)))
        name = getattr(given, "name", "an optax object")
        raise ValueError(
            "rule must need no more than a gradient and the cost measured with it; "
            f"{found[1]} asks for {wanted}, to evaluate the cost by itself, got {name}"
        ) from error
