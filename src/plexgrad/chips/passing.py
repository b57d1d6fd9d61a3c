"""The outputs of a network that stands behind effects: their hooks, put in place."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from plexgrad.nets import AbstractLayered, AbstractNet
from plexgrad.nets.net import Ask, drive


def outputs(
    net: AbstractNet,
    params: Any,
    x: Shaped[Array | np.ndarray, "batch ..."],
    through: tuple = (),
) -> Float[Array, "batch outputs"]:
    """What `net` puts out for a batch; `through` are effects, outermost first."""
    if not through:
        return net(params, x)
    floats = x.dtype if jnp.issubdtype(x.dtype, jnp.floating) else jnp.float32
    shown = jnp.asarray(x, floats)
    for behind in through:
        shown = behind.effect.show(shown, behind.key)
    told = _driven(net, params, shown, through)
    for behind in reversed(through):
        told = behind.effect.emit(told, behind.key)
    return told


def _driven(net: AbstractNet, params: Any, x: Any, through: tuple) -> Array:
    """The outputs before the last converter, with every neuron as it is."""
    inside = through[::-1]
    if not any(b.effect.changes(hook) for b in inside for hook in ("drive", "fire")):
        return net(params, x)
    if not isinstance(net, AbstractLayered):
        raise TypeError(f"net must use each layer once, got {net}")

    def answer(number: int, ask: Ask) -> Array:
        a = ask.a
        if number:
            for behind in inside:
                a = behind.effect.fire(number - 1, a, behind.key)
        z = ask._replace(a=a).plainly(params[number])
        for behind in inside:
            z = behind.effect.drive(number, z, behind.key)
        return z

    told = drive(net.forward(x), answer)
    for behind in inside:
        told = behind.effect.fire(len(params) - 1, told, behind.key)
    return told
