r"""A chip on the bench: readings of its cost, writes, and a count of what they took.

All that is asked of the chip is `measure` and `write`. A reading is the cost at
$\theta + m\,\tilde\theta_k$, read as it is (reference "direct"), where $\tilde\theta_k$
is a pattern of the code and m one of a few multiples, 0 for the cost at rest.
Directions are the code's own, so what is found is true for that code.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PyTree, UInt32

from plexgrad.codes import Rademacher
from plexgrad.core.code import BLOCK_FLOATS, AbstractCode
from plexgrad.core.contracts import AbstractTrainable
from plexgrad.core.layout import Layout, scale
from plexgrad.core.probe import Moment, Slots, WeightProbe
from plexgrad.core.resolution import widened
from plexgrad.data import Dataset
from plexgrad.training.discrete import Keys
from plexgrad.training.order import Order

PAIR = (0.0, 1.0, -1.0)
"""At rest, and both ways along a pattern."""

AMPLITUDES = tuple(float(a) for a in np.geomspace(1e-4, 1.0, 9))
"""Perturbations that are scanned, where the chip says nothing else."""


@dataclass(frozen=True)
class Multiples(AbstractCode):
    """Every pattern of `code` in turn at several `multiples` of itself."""

    code: AbstractCode
    multiples: tuple[float, ...]
    amplitude: float = 1.0

    def block(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> PyTree:
        turns = jnp.uint32(len(self.multiples))
        patterns = self.code.block(key, slots // turns, like)
        factor = jnp.asarray(self.multiples, jnp.float32)[slots % turns]

        def scaled(leaf: Array) -> Array:
            return leaf * factor.astype(leaf.dtype).reshape(-1, *(1,) * (leaf.ndim - 1))

        return jax.tree.map(scaled, patterns)

    @classmethod
    def demo(cls) -> "Multiples":
        return cls(Rademacher.demo(), PAIR)


class Window(NamedTuple):
    """What one window of a descent measured, in every slot of it.

    `rest` is the cost at rest, `odd` half the difference of both ways along the
    pattern, `even` their mean less the rest; arrays of (slots,).
    """

    rest: np.ndarray
    odd: np.ndarray
    even: np.ndarray


@runtime_checkable
class Probing(Protocol):
    """What `tune` needs of a chip: a simulated one's `Bench`, or a device's.

    `levels` are the amplitudes to scan, growing, 3 at least; `spent` counts evaluations
    and only grows. The rest is as in `Bench`.
    """

    @property
    def layout(self) -> Layout: ...

    @property
    def order(self) -> Order: ...

    @property
    def spent(self) -> int: ...

    @property
    def levels(self) -> tuple[float, ...]: ...

    def nearest(self, amplitude: float) -> float: ...

    def show(self, count: int) -> np.ndarray: ...

    def readings(
        self, code: AbstractCode, multiples: Sequence[float], batches: np.ndarray
    ) -> np.ndarray: ...

    def direction(self, code: AbstractCode, turns: int) -> PyTree: ...

    def write(self, update: PyTree, times: int) -> None: ...

    def shake(self, update: PyTree, times: int) -> None: ...

    def window(
        self, code: AbstractCode, slots: int, tau_x: int, eta: float
    ) -> Window: ...


@dataclass
class Bench:
    """A chip, the data it is shown, and where the readings stand.

    `slot` counts measurements as a run's slots do, so noise is new in each; `batches`
    counts the batches shown, `descended` the slots of windows, `spent` the evaluations,
    `writes` the writes.
    """

    chip: AbstractTrainable
    data: Dataset
    order: Order
    keys: Keys
    slot: int = 0
    batches: int = 0
    descended: int = 0
    spent: int = 0
    writes: int = 0
    compiled: dict[Any, Callable] = field(default_factory=dict)

    def __post_init__(self) -> None:
        params = self.chip.init(self.keys.init)
        self.layout = Layout.of(params).widened()
        self.params = self.chip.settle(params, self.keys.noise)

    @property
    def levels(self) -> tuple[float, ...]:
        """Amplitudes to scan."""
        return AMPLITUDES

    def nearest(self, amplitude: float) -> float:
        """The amplitude that the chip makes of one that is asked for."""
        return amplitude

    @cached_property
    def samples(self) -> tuple[Array, Array]:
        """The training set."""
        return jnp.asarray(self.data.x_train), jnp.asarray(self.data.y_train)

    def show(self, count: int) -> np.ndarray:
        """The numbers of so many new batches."""
        first, self.batches = self.batches, self.batches + count
        return np.arange(first, first + count, dtype=np.uint32)

    def readings(
        self,
        code: AbstractCode,
        multiples: Sequence[float],
        batches: np.ndarray,
    ) -> np.ndarray:
        """Costs (batches, multiples): every batch at all multiples of a new pattern."""
        turns = len(multiples)
        most = max(1, 4 * BLOCK_FLOATS // (self.layout.size * turns))
        parts = []
        self._aligned(turns)
        for start in range(0, len(batches), most):
            part = batches[start : start + most]
            ask = self._reading(code, tuple(map(float, multiples)), len(part))
            parts.append(ask(self.params, np.uint32(self.slot), part, self.samples))
            self.slot += len(part) * turns
            self.spent += len(part) * turns
        return np.concatenate([np.asarray(part, float) for part in parts])

    def direction(self, code: AbstractCode, turns: int) -> PyTree:
        """The pattern that the next readings of so many multiples go along."""
        number = np.array([self._aligned(turns) // turns], np.uint32)

        def first(number: Array) -> PyTree:
            block = code.block(self.keys.code, number, self.layout)
            return jax.tree.map(lambda leaf: leaf[0], block)

        return self._once(("direction", code), lambda: jax.jit(first))(number)

    def write(self, update: PyTree, times: int) -> None:
        """Write an update so many times over."""
        self._write(update, times, 1.0)

    def shake(self, update: PyTree, times: int) -> None:
        """Write an update and its opposite in turn, so many writes in all."""
        self._write(update, times, -1.0)

    def _write(self, update: PyTree, times: int, turn: float) -> None:
        def write(params: PyTree, update: PyTree, first: Array, last: Array) -> PyTree:
            update = Layout.of(params).cast(update)

            def once(number: Array, held: tuple) -> tuple:
                params, update = held
                at = Moment(number, jnp.uint32(1), 1)
                params = self.chip.write(params, update, self.keys.noise, at)
                return params, scale(update, turn)

            return jax.lax.fori_loop(first, last, once, (params, update))[0]

        made = self._once(("write", turn), lambda: jax.jit(write))
        bounds = np.uint32(self.slot), np.uint32(self.slot + times)
        self.params = made(self.params, update, *bounds)
        self.slot += times
        self.writes += times

    def window(self, code: AbstractCode, slots: int, tau_x: int, eta: float) -> Window:
        """Measure a window of so many slots, both ways and at rest, and descend once.

        A batch is shown for `tau_x` slots, and may go on into the next window; one must
        be a multiple of the other.
        """
        made = self._once(
            ("window", code, slots, tau_x), lambda: self._descent(code, slots, tau_x)
        )
        start = np.uint32(self._aligned(3))
        shown = np.uint32(self.batches)
        self.params, told = made(
            self.params, start, shown, np.float32(eta), self.samples
        )
        self.slot += 3 * slots
        self.spent += 3 * slots
        before, self.descended = self.descended, self.descended + slots
        self.batches += self.descended // tau_x - before // tau_x
        self.writes += 1
        return Window(*(np.asarray(part, float) for part in told))

    def _descent(self, code: AbstractCode, slots: int, tau_x: int) -> Callable:
        shown = max(1, slots // tau_x)

        def step(
            params: PyTree, start: Array, first: Array, eta: Array, samples: tuple
        ) -> tuple:
            batches = first + jnp.arange(shown, dtype=jnp.uint32)
            costs = self._costs(code, PAIR, slots, params, start, batches, samples)
            rest, up, down = costs[:, 0], costs[:, 1], costs[:, 2]
            odd, even = (up - down) / 2, (up + down) / 2 - rest
            numbers = start // jnp.uint32(3) + jnp.arange(slots, dtype=jnp.uint32)
            estimate = code.demodulate(self.keys.code, numbers, odd, self.layout)
            at = Moment(start + jnp.uint32(3 * slots), jnp.uint32(slots), slots)
            update = Layout.of(params).cast(scale(estimate, -eta))
            params = self.chip.write(params, update, self.keys.noise, at)
            return params, (rest, odd, even)

        return jax.jit(step)

    def _reading(
        self, code: AbstractCode, multiples: tuple[float, ...], count: int
    ) -> Callable:
        def ask(params: PyTree, start: Array, batches: Array, samples: tuple) -> Array:
            return self._costs(code, multiples, count, params, start, batches, samples)

        return self._once(("read", code, multiples, count), lambda: jax.jit(ask))

    def _costs(
        self,
        code: AbstractCode,
        multiples: tuple[float, ...],
        directions: int,
        params: PyTree,
        start: Array,
        batches: Array,
        samples: tuple,
    ) -> Array:
        turns = len(multiples)
        slots = Slots(start, directions * turns)
        along = Multiples(code, multiples)
        probe = WeightProbe(self.keys.code, slots, along, self.layout, "direct")
        chosen = self.order.indices(self.keys.data, batches)
        batch = jax.tree.map(lambda leaf: leaf[chosen], samples)
        reading = self.chip.measure(widened(params), probe, batch, self.keys.noise)
        if reading.signal is None:
            raise ValueError("the chip must answer with a signal, got none")
        return reading.signal.reshape(directions, turns)

    def _aligned(self, turns: int) -> int:
        self.slot = -(-self.slot // turns) * turns
        return self.slot

    def _once(self, name: Any, make: Callable[[], Callable]) -> Callable:
        if name not in self.compiled:
            self.compiled[name] = make()
        return self.compiled[name]
