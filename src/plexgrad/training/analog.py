r"""Continuous time: the parameters move in every slot, and nothing is reset.

Algorithm 2 of McCaughan et al. 2023 (doi:10.1063/5.0157645), in slots (dt = 1):

    C  = cost(theta + theta~)            a = tau_hp / (tau_hp + 1)
    C~ = a C~' + a (C - C')              C' = C in a slot that shows a new sample
    G  = e / (tau_theta + 1) + G' tau_theta / (tau_theta + 1),   e = C~ theta~ / Delta^2
    theta = theta - eta G                before the next slot's perturbation

with primes for the slot before. An RC high-pass takes the place of the baseline, an RC
low-pass that of the window: no cost at rest is measured, one evaluation per slot. Here
Delta^2 is the code's power, so G estimates the gradient whatever the code; the paper
divides by M^2, and eta(M^2) = P eta(Delta^2).

The high-pass passes a component of the cost at omega radians per slot with the real
gain $H = a (1+a) (1-\cos\omega) / (1 - 2a\cos\omega + a^2)$, on average a for a white
code: a code is read more softly at low frequencies, never with the wrong sign.

**Limit.** With the parameters at rest and one sample, as $a \to 1$, C~ becomes C less a
constant; a code that sums to zero over T slots does not see constants, so the mean of e
over T slots is the discrete estimate of a window of T slots, whatever its baseline, up
to O(T / tau_hp). The low-pass has a gain of 1 at rest: it delays the sum of G, and
changes it by no more than what it still holds. So parameters that move by O(eta) per
slot follow the discrete loop with tau_theta = T and the learning rate eta T, at a
distance of O(eta T) (averaging).
"""

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree, UInt32

from plexgrad.core.clock import Clock
from plexgrad.core.contracts import AbstractEstimator, AbstractTrainable
from plexgrad.core.layout import Layout, add, cosine, scale
from plexgrad.core.probe import Moment, Slots, WeightProbe
from plexgrad.core.resolution import widened
from plexgrad.core.validate import int_at_least, plain_numbers, positive
from plexgrad.training.discrete import NEVER, Keys, Loop
from plexgrad.training.order import Order
from plexgrad.training.plan import Plan

MEMORY = 4
"""Time constants of the low-pass after which a sample is forgotten (2 %)."""

MOST_SEEN = 100
"""Samples of which a gradient is taken, at most, to compare an estimate with."""


@dataclass(frozen=True)
class Analog:
    """The filters of the analog loop: the high-pass's time constant, in slots.

    The low-pass has the clock's tau_theta, the perturbation its tau_p, a sample its
    tau_x. Raises ValueError unless `tau_hp` is above 0.
    """

    tau_hp: float | int = 1.6

    def __post_init__(self) -> None:
        positive("tau_hp", self.tau_hp)
        plain_numbers(self)


def resolved(
    dynamics: Any, estimator: AbstractEstimator, clock: Clock
) -> tuple[Analog | None, AbstractEstimator]:
    """The filters that `train`'s argument means (None: discrete), and the estimator.

    In analog time the estimator's reference becomes "direct". Raises ValueError for
    anything that has no meaning there.
    """
    if dynamics == "discrete":
        return None, estimator
    filters = Analog() if dynamics == "analog" else dynamics
    if not isinstance(filters, Analog):
        raise ValueError(
            f"dynamics must be 'discrete', 'analog' or an Analog, got {dynamics!r}"
        )
    found: Any = estimator
    if not issubclass(found.probe, WeightProbe):
        raise ValueError(f"analog dynamics must perturb weights, got {estimator!r}")
    if found.reference == "antithetic" or found.shrink != "none":
        raise ValueError(
            "analog dynamics take the cost as it is, so the estimator must have the "
            f"reference 'direct' or 'baseline' and shrink 'none', got {estimator!r}"
        )
    # In a slot that shows a new sample the change of the cost is blanked.
    int_at_least("tau_x of analog dynamics", clock.tau_x, 2)
    return filters, replace(found, reference="direct")


class AnalogState(NamedTuple):
    """All that a run needs to go on; `cost` is that of the slot before."""

    params: PyTree
    rule: PyTree
    gradient: PyTree
    cost: Float[Array, ""]
    diverged: UInt32[Array, ""]
    modulation: Float[Array, ""]


def high_pass(
    before: Float[Array, "*n"], step: Float[Array, "*n"], tau: float
) -> Float[Array, "*n"]:
    """The RC high-pass's next output, after its last and the step of its input."""
    return jnp.float32(tau / (tau + 1)) * (before + step)


def low_pass(
    before: Float[Array, "*n"], new: Float[Array, "*n"], tau: float
) -> Float[Array, "*n"]:
    """The RC low-pass's next output, after its last and its input."""
    return new * (1 / (tau + 1)) + before * (tau / (tau + 1))


@dataclass(frozen=True)
class AnalogLoop:
    """The loop of one seed, slot by slot; what `discrete.Loop` is to windows.

    `plan` has chunks of one slot, each written: its tau_theta is 1, and that of the
    low-pass is a field here.
    """

    chip: AbstractTrainable
    estimator: AbstractEstimator
    rule: optax.GradientTransformationExtraArgs
    order: Order
    plan: Plan
    tau_hp: float
    tau_theta: float

    @property
    def workers(self) -> int:
        """Devices that share a slot: one."""
        return 1

    def init(self, keys: Keys, start: PyTree | None = None) -> AnalogState:
        """The state before the first slot, from these parameters or from new ones."""
        first = self.chip.init(keys.init) if start is None else start
        params = self.chip.settle(first, keys.noise)
        zero = jax.tree.map(jnp.zeros_like, widened(params))
        nan = jnp.float32(jnp.nan)
        none = jnp.float32(0.0)
        rule = self.rule.init(params)
        return AnalogState(params, rule, zero, nan, jnp.uint32(NEVER), none)

    def run(
        self,
        state: AnalogState,
        keys: Keys,
        data: tuple[Array, Array],
        first: UInt32[Array, ""],
        last: UInt32[Array, ""],
    ) -> AnalogState:
        """The state after slots `first` to `last` (not included)."""

        def body(slot: Array, state: AnalogState) -> AnalogState:
            return self.step(slot.astype(jnp.uint32), state, keys, data)

        return jax.lax.fori_loop(first, last, body, state)

    def step(
        self, slot: UInt32[Array, ""], state: AnalogState, keys: Keys, data: tuple
    ) -> AnalogState:
        """The state after one slot, its write included."""
        clock = self.plan.clock
        tau_x = jnp.uint32(clock.tau_x)
        here, params = Slots(slot, 1, clock.tau_p, clock), widened(state.params)
        probe = self.estimator.ask(keys.code, here, params)
        chosen = self.order.indices(keys.data, (slot // tau_x)[None])
        batch = data[0][chosen], data[1][chosen]
        reading = self.chip.measure(params, probe, batch, keys.noise)
        if reading.signal is None:
            raise ValueError("reading must hold a signal, got none")
        cost = reading.signal[0]
        change = jnp.where(slot % tau_x == 0, jnp.float32(0.0), cost - state.cost)
        modulation = high_pass(state.modulation, change, self.tau_hp)
        error = self.estimator.tell(probe, replace(reading, signal=modulation[None]))
        gradient = jax.tree.map(
            lambda before, new: low_pass(before, new, self.tau_theta),
            state.gradient,
            error,
        )
        told = Layout.of(state.params).cast(gradient)
        update, rule = self.rule.update(told, state.rule, state.params, value=cost)
        at = Moment(slot + jnp.uint32(1), jnp.uint32(1))
        params = self.chip.write(state.params, update, keys.noise, at)
        wrong = jnp.where(jnp.isfinite(cost), jnp.uint32(NEVER), slot)
        diverged = jnp.minimum(state.diverged, wrong)
        return AnalogState(params, rule, gradient, cost, diverged, modulation)

    def cosine(
        self,
        exact: Loop,
        state: AnalogState,
        slot: UInt32[Array, ""],
        keys: Keys,
        data: tuple,
    ) -> Float[Array, ""]:
        """How far the running estimate before `slot` points wrong.

        Its cosine to the exact gradient, at the parameters of now, of the samples that
        it has seen, weighted as the low-pass does; NaN before the first slot.
        """
        tau_x = jnp.uint32(self.plan.clock.tau_x)
        last = (slot - jnp.uint32(1)) // tau_x
        kept = jnp.float32(self.tau_theta / (self.tau_theta + 1))

        def body(back: Array, total: PyTree) -> PyTree:
            back = back.astype(jnp.uint32)
            first = (last - back) * tau_x
            ages = jnp.stack([slot - jnp.minimum(first + tau_x, slot), slot - first])
            newest, oldest = kept ** ages.astype(jnp.float32)
            weight = jnp.where(back <= last, newest - oldest, 0.0)
            gradient = exact.window_gradient(state.params, first, keys, data)
            return add(total, scale(gradient, weight))

        zero = jax.tree.map(jnp.zeros_like, widened(state.params))
        seen = 1 + math.ceil(MEMORY * self.tau_theta / self.plan.clock.tau_x)
        found = jax.lax.fori_loop(0, min(seen, MOST_SEEN), body, zero)
        return jnp.where(slot == 0, jnp.nan, cosine(state.gradient, found))
