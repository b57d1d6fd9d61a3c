r"""Integrating an estimate at fixed parameters, and watching its angle.

One cell of `studies.b_fig3`: the running sum of layerwise (or simultaneous) estimates
on one fixed batch, and after every iteration its cosine with the exact gradient. Slots
at fixed parameters are independent, so they are measured in large blocks, and sums are
accumulated over the block.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from plexgrad.codes import Layerwise
from plexgrad.core.layout import Layout
from plexgrad.core.probe import GradientProbe, Slots
from plexgrad.studies import paper_b
from plexgrad.studies.study import Desk
from plexgrad.training.devices import Split
from plexgrad.training.order import Order

BLOCK_FLOATS = 2**22
"""Pattern entries held at once: 16 MiB."""

BLOCK_SLOTS = 504


def integrate(settings: Mapping[str, Any], desk: Desk, degrees: float) -> dict:
    """Integrate until every seed is within `degrees`, or its slots are over.

    `settings` holds net, d, method, first (seed), seeds, slots.
    """
    s = settings
    kit = _kit(s["net"], s["d"], s["method"], s["seeds"])
    numbers = jnp.arange(s["first"], s["first"] + s["seeds"], dtype=jnp.uint32)
    state, shares = kit.start(numbers)
    limit, curves, done = math.cos(math.radians(degrees)), [], 0
    while done * kit.per < s["slots"]:
        state, cosines = kit.advance(state)
        done += kit.block
        curves.append(np.asarray(cosines))
        if np.all((np.concatenate(curves, axis=1) >= limit).any(axis=1)):
            break
        angle = float(np.degrees(np.arccos(curves[-1][:, -1].clip(-1, 1))).max())
        desk.tell(min(1.0, (degrees / angle) ** 2), f"iteration {done}, {angle:.1f}°")
    cosine = np.concatenate(curves, axis=1)
    there = cosine >= limit
    first = np.where(there.any(axis=1), there.argmax(axis=1) + 1, 0)
    shown = paper_b.spread_out(cosine.shape[1], 1.3)
    return {
        "iterations": [int(n) if n else None for n in first],
        "slots_each": kit.per,
        "parameters": kit.parameters,
        "sizes": kit.sizes,
        "shares": np.round(np.asarray(shares, float), 5).tolist(),
        "at": shown,
        "cosine": cosine[:, [n - 1 for n in shown]].astype(float).round(5).tolist(),
        "evaluations": int(s["seeds"] * (cosine.shape[1] * kit.per + 1)),
    }


@dataclass(frozen=True)
class _Kit:
    """Compiled steps for one network and method, on all seeds of a cell."""

    start: Any
    advance: Any
    per: int
    block: int
    parameters: int
    sizes: list[int]


@lru_cache(maxsize=2)
def _kit(net: str, d: int, method: str, seeds: int) -> _Kit:
    chip, data = paper_b.chip_and_data(net, d)
    estimator: Any = paper_b.estimator_of(method, chip)
    layout = Layout.of(jax.eval_shape(chip.init, jax.random.key(0)))
    per = paper_b.slots_of(method, chip)
    slots = min(BLOCK_SLOTS, BLOCK_FLOATS // layout.size)
    block = max(1, slots // per)
    code, order = estimator.code, Order(len(data.x_train), paper_b.BATCH, "replacement")
    sizes = np.asarray([span.stop - span.start for span in layout.spans()])
    powers = jnp.asarray(np.repeat(code.powers(layout), sizes), jnp.float32)
    groups = Layerwise(1.0)
    members, layer_sizes = groups.layers(layout), list(groups.sizes(layout))

    def drawn(seed: Array) -> Array:
        return jax.random.split(jax.random.fold_in(jax.random.key(3), seed), 3)

    def chosen(seed: Array) -> Array:
        return order.indices(drawn(seed)[1], jnp.zeros(1, jnp.uint32))

    def start(seed: Array, x: Array, y: Array) -> tuple[dict, Array]:
        keys, batch = drawn(seed), (x, y)
        params = chip.init(keys[0])
        exact = chip.measure(
            params, GradientProbe(Slots(jnp.uint32(0), 1)), batch, keys[2]
        ).gradient
        squares = [jnp.sum(leaf**2) for leaf in jax.tree.leaves(exact)]
        shares = jnp.stack([sum(squares[n] for n in layer) for layer in members])
        state = {
            "params": params,
            "batch": batch,
            "exact": layout.flatten(exact),
            "sum": jnp.zeros(layout.size),
            "slot": jnp.uint32(0),
            "key": jax.random.key_data(keys[2]),
        }
        return state, shares / jnp.sum(shares)

    def advance(state: dict) -> tuple[dict, Array]:
        key = jax.random.wrap_key_data(state["key"], impl="threefry2x32")
        probe = estimator.ask(key, Slots(state["slot"], block * per), state["params"])
        reading = chip.measure(state["params"], probe, state["batch"], key)
        told = (
            layout.flatten(probe.patterns())
            * jnp.asarray(reading.signal)[:, None]
            / powers[None]
        )
        each = jnp.sum(told.reshape(block, per, layout.size), axis=1)
        sums = state["sum"][None] + jnp.cumsum(each, axis=0)
        norms = jnp.linalg.norm(sums, axis=1) * jnp.linalg.norm(state["exact"])
        later = {"sum": sums[-1], "slot": state["slot"] + jnp.uint32(block * per)}
        return state | later, sums @ state["exact"] / norms

    split = Split.choose(seeds, None)
    begin, step = split.over_seeds(start, 3, 0), split.over_seeds(advance, 1, 0)
    which = jax.jit(jax.vmap(chosen))

    def started(numbers: Array) -> tuple[dict, Array]:
        # The rest of the data stays on the host.
        rows = np.asarray(which(numbers))
        return begin(numbers, data.x_train[rows], data.y_train[rows])

    return _Kit(started, step, per, block, layout.size, layer_sizes)
