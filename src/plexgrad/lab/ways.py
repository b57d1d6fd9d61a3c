r"""How a window of slots is measured and learnt from: what crosses the link decides.

- `updates`: a seed and a slot range go out, costs come back, and the device applies
  $\theta \mathrel{+}= \sum_k c_k \tilde\theta_k$ itself, with
  $c_k = -\eta s \tilde C_k / (\tau_\theta \Delta^2)$: plain SGD on the estimate of
  `estimators.weight_perturbation`, fused with the next measurement.
- `codes`: the device makes the patterns; the estimator and the rule run on the host,
  which writes the parameters.
- `arrays`: the patterns are sent too. Works with every device, code and rule.

What is learnt from is what `lab.doubts` believes.
"""

import abc
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from plexgrad.codes import Rademacher
from plexgrad.core import bits
from plexgrad.core.clock import Clock
from plexgrad.core.layout import Layout, add, scale_leaves
from plexgrad.core.probe import Reading, Slots
from plexgrad.estimators import WeightPerturbation
from plexgrad.lab import shares
from plexgrad.lab.doubts import Doubts
from plexgrad.lab.perturbations import Codes, Update, rows_of, signal_of
from plexgrad.lab.samples import Samples
from plexgrad.lab.team import AnyBench
from plexgrad.lab.windows import Batches, Piece, Windows
from plexgrad.training.costed import refuse_unserved
from plexgrad.training.discrete import Keys
from plexgrad.training.rule import Rule, build_rule

WAYS = ("updates", "codes", "arrays")
MOST_ROWS = 4096
MOST_FLOATS = 2**20


@dataclass
class Way(abc.ABC):
    """One way to train; `window` measures a window and learns from it.

    `share`: amplitude and step are shares of each group's range, see `lab.shares`.
    """

    bench: AnyBench
    samples: Samples
    batches: Batches
    estimator: WeightPerturbation
    rule: Any
    clock: Clock
    keys: Keys
    updates: int
    doubts: Doubts
    share: bool = False
    evaluations: int = field(default=0, init=False)

    name = ""
    sends_arrays = False

    @cached_property
    def windows(self) -> Windows:
        """How windows are cut into calls."""
        most = self.bench.can.max_rows or MOST_ROWS
        if self.sends_arrays:
            most = min(most, max(2, MOST_FLOATS // self.bench.can.parameters))
        return Windows(self.clock, self.estimator.reference, most)

    @cached_property
    def layout(self) -> Layout:
        """The device's parameters as leaves, in their flat order."""
        shapes = [group.shape for group in self.bench.can.groups]
        return Layout.of([np.zeros(shape, np.float32) for shape in shapes])

    @cached_property
    def words(self) -> tuple[int, int]:
        """The two words that a device makes its codes from."""
        one, other = np.asarray(bits.key_words(self.keys.code)).tolist()
        return one, other

    @cached_property
    def amplitude(self) -> np.ndarray:
        """The code's amplitude in the unit of each parameter (P,), or of all ()."""
        own = np.float32(self.estimator.code.amplitude)
        return np.asarray(own * shares.scale_of(self.bench.can) if self.share else own)

    def window(self, number: int) -> tuple[float, int | None]:
        """The mean cost in a window, and the first slot of those at which the run
        broke, if it did: nothing is learnt from a window that is doubted.
        """
        signals, costs, rest = [], [], 0.0
        extra = self.bench.extra
        for piece in self.windows.pieces(number):
            index = self.batches.indices(self.windows.batches(piece))
            groups = piece.groups if self.samples.split else 1
            measure = partial(self._measured, piece, index)
            found, measured = self.doubts.costs(measure, groups)
            self.evaluations += measured * self.samples.repeats
            reference = piece.reference(self.estimator.reference)
            signal, cost = signal_of(found, reference, piece.groups)
            if not piece.rest and self.estimator.reference == "baseline":
                signal = signal - np.float32(rest)
            else:
                rest = cost
                costs.append(cost)
            signals.append(signal)
        self.evaluations += self.bench.extra - extra
        signal = np.concatenate(signals) if len(signals) > 1 else signals[0]
        cost = float(np.mean(costs))
        taught = self.doubts.taken(signal, number)
        if taught is None:
            last = number == self.updates - 1
            return cost, self.doubts.broken(last)
        self._learn(number, taught, cost)
        return cost, None

    @abc.abstractmethod
    def _measured(self, piece: Piece, index: np.ndarray) -> np.ndarray:
        """The costs of a piece, row by row."""

    @abc.abstractmethod
    def _learn(self, number: int, signal: np.ndarray, cost: float) -> None:
        """Change the parameters by what a window's signal (tau_theta,) says.

        `cost` is the mean that was measured in it.
        """

    def flush(self) -> None:  # noqa: B027
        """Send what waits: the device then holds all that was learnt."""

    def believe(self) -> None:  # noqa: B027
        """Add what waits to the shadow alone: the device cannot be reached."""

    def state(self) -> Any:
        """What the rule and the doubts remember."""
        return {"rule": self.rule_state(), "doubts": self.doubts.state()}

    def rule_state(self) -> Any:
        """What the rule remembers."""
        return ()

    def restore(self, state: Any) -> None:
        """Go on with what was remembered."""
        self.doubts.restore(state["doubts"])

    @cached_property
    def code_amplitude(self) -> float | int:
        """The amplitude of codes that the device makes: one for all its parameters."""
        span = shares.even(self.bench.can) if self.share else None
        own = self.estimator.code.amplitude
        return own if span is None else own * span

    def _codes(self, piece: Piece) -> Codes:
        reference = piece.reference(self.estimator.reference)
        amplitude, hold = self.code_amplitude, self.clock.tau_p
        return Codes(self.words, piece.start, piece.count, amplitude, reference, hold)


class OnDevice(Way):
    """`updates`: seeds and costs only."""

    name = "updates"
    _pending: Update | None = None

    @cached_property
    def rates(self) -> np.ndarray:
        """What each update's signal is multiplied by."""
        rates = linear_rates(self.rule, self.updates)
        if rates is None:
            raise ValueError(f"rule must be plain sgd, got {self.rule!r}")
        code, clock = self.estimator.code, self.clock
        shrink = self.estimator.shrinkage(clock.patterns, self.layout)[0]
        return -rates * shrink / (clock.tau_theta * code.power(self.layout))

    def _measured(self, piece: Piece, index: np.ndarray) -> np.ndarray:
        if self.samples.repeats > 1:
            self.flush()
            return self.samples.measure(self._codes(piece), index)
        shown, made = self.samples.shown(index), self.bench.made
        try:
            found = self.bench.step(self._pending, self._codes(piece), shown)
        except BaseException:
            if self.bench.made > made:  # it was made, only the answer is no good
                self._pending = None
            raise
        self._pending = None
        return self.samples.costs(found)

    def _learn(self, number: int, signal: np.ndarray, cost: float) -> None:
        start, count = number * self.clock.tau_theta, self.clock.tau_theta
        codes = self._codes(Piece(start, count, 1, True))
        coefficients = (self.rates[number] * signal).astype(np.float32)
        self._pending = Update(codes, coefficients)

    def flush(self) -> None:
        if self._pending is not None:
            self.bench.update(self._pending)
            self._pending = None

    def believe(self) -> None:
        if self._pending is not None:
            self.bench.believe(self._pending)
            self._pending = None


class OnHost(Way):
    """`codes`: the device makes patterns, the host does the rest."""

    name = "codes"
    _state: Any = None

    @cached_property
    def _optimiser(self) -> Any:
        return build_rule(self.rule, self.updates)

    @cached_property
    def scale(self) -> np.ndarray | None:
        """What a unit of the rule's parameters is in the device's, if not the same."""
        return shares.scale_of(self.bench.can) if self.share else None

    def seen(self) -> Array:
        """The parameters as estimator and rule see them."""
        theta = self.bench.shadow
        return jnp.asarray(theta if self.scale is None else theta / self.scale)

    def rule_state(self) -> Any:
        if self._state is None:
            self._state = self._optimiser.init(self.layout.unflatten(self.seen()))
        return self._state

    def restore(self, state: Any) -> None:
        super().restore(state)
        self._state = jax.tree.map(jnp.asarray, state["rule"])

    def _measured(self, piece: Piece, index: np.ndarray) -> np.ndarray:
        return self.samples.measure(self._codes(piece), index)

    def _learn(self, number: int, signal: np.ndarray, cost: float) -> None:
        can, start = self.bench.can, jnp.uint32(number * self.clock.tau_theta)
        told, state = self._step(
            self.seen(),
            self.rule_state(),
            jnp.asarray(signal),
            start,
            jnp.float32(cost),
        )
        theta = np.asarray(told)
        theta = theta if self.scale is None else theta * self.scale
        # Room for the perturbation: a pattern that is cut off at a rail misleads.
        room = self.amplitude
        room = np.where(can.high - can.low > 4 * room, room, np.float32(0))
        self.bench.write(np.clip(theta, can.low + room, can.high - room))
        # After the write: an error in it must leave what belongs together.
        self._state = state

    @cached_property
    def _step(self) -> Callable[..., tuple[Array, Any]]:
        """Estimator and rule, compiled: new parameters and the rule's new state."""
        shrinkage = self.estimator.shrinkage(self.clock.patterns, self.layout)

        def step(
            theta: Array, state: Any, signal: Array, start: Array, cost: Array
        ) -> tuple[Array, Any]:
            params = self.layout.unflatten(theta)
            slots = Slots(start, self.clock.tau_theta, self.clock.tau_p, self.clock)
            probe = self.estimator.ask(self.keys.code, slots, params)
            told = self.estimator.tell(probe, Reading(cost, signal))
            gradient = scale_leaves(told, shrinkage)
            update, state = self._optimiser.update(gradient, state, params, value=cost)
            return self.layout.flatten(add(params, update)), state

        return jax.jit(step)


class ByArrays(OnHost):
    """`arrays`: the patterns themselves are sent."""

    name = "arrays"
    sends_arrays = True

    def _measured(self, piece: Piece, index: np.ndarray) -> np.ndarray:
        patterns = np.asarray(self._patterns(jnp.uint32(piece.start), piece.count))
        patterns = patterns if self.scale is None else patterns * self.scale
        reference = piece.reference(self.estimator.reference)
        return self.samples.measure(rows_of(patterns, reference, piece.groups), index)

    @cached_property
    def _patterns(self) -> Callable[[Array, int], Array]:
        def patterns(start: Array, count: int) -> Array:
            slots = Slots(start, count, self.clock.tau_p, self.clock)
            probe = self.estimator.ask(self.keys.code, slots, self.like)
            return self.layout.flatten(probe.patterns())

        return jax.jit(patterns, static_argnums=1)

    @cached_property
    def like(self) -> Any:
        """Parameters of the layout, of any value."""
        return self.layout.unflatten(jnp.zeros(self.layout.size, jnp.float32))


def linear_rates(rule: Any, updates: int) -> np.ndarray | None:
    """The learning rate of every update if the rule is plain SGD, else None."""
    if not isinstance(rule, Rule) or rule.name != "sgd":
        return None
    options = dict(rule.options)
    if options.keys() != {"learning_rate"}:
        return None
    # One parameter, at gradient 1: what SGD takes away is its rate, schedule included.
    optimiser = rule.build(updates)
    one = jnp.ones(1, jnp.float32)

    def turn(state: Any, _: None) -> tuple[Any, Array]:
        change, state = optimiser.update(one, state, one)
        return state, -jnp.asarray(change)[0]

    _, rates = jax.lax.scan(turn, optimiser.init(one), None, length=updates)
    return np.asarray(rates)


def chosen(
    wanted: str,
    bench: AnyBench,
    estimator: WeightPerturbation,
    rule: Any,
    share: bool = False,
) -> type:
    """The way that sends least, or the one that is wanted.

    Raises ValueError, saying why, if the device cannot go that way, and for a rule that
    asks for more than is measured.
    """
    can, code = bench.can, estimator.code
    like = [jax.ShapeDtypeStruct(group.shape, jnp.float32) for group in can.groups]
    refuse_unserved(build_rule(rule, 1), like, rule)
    reasons: dict[str, str] = {"arrays": ""}
    reasons["codes"] = (
        f"it needs a Rademacher code, got {type(code).__name__}"
        if type(code) is not Rademacher
        else "the device makes no rademacher codes"
        if "rademacher" not in can.makes_codes
        else "its patterns are one amplitude for all, but shares of different ranges"
        if share and shares.even(can) is None
        else ""
    )
    reasons["updates"] = reasons["codes"] or (
        "the device applies no updates"
        if not can.applies_updates
        else "the device gives outputs, not costs"
        if "cost" not in can.returns
        else "it needs the rule sgd without momentum"
        if linear_rates(rule, 1) is None
        else ""
    )
    ways = {way.name: way for way in (OnDevice, OnHost, ByArrays)}
    if wanted != "auto":
        if reasons[wanted]:
            raise ValueError(f"crossing must not be {wanted!r}: {reasons[wanted]}")
        return ways[wanted]
    return next(way for name, way in ways.items() if not reasons[name])
