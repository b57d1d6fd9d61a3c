"""The contracts of an estimator and a chip; that of a code is in `core.code`.

A subclass is a frozen dataclass whose fields say everything about it, so it is
hashable (a static argument of jit), comparable, and can be written to a record.
Classes are abstract or final. `demo()` gives a small valid instance, by which the laws
in `tests/laws` find and check every class.
"""

import abc
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree, Shaped, UInt32

from plexgrad.core.clock import MAX_SLOTS, Clock
from plexgrad.core.code import BLOCK_FLOATS
from plexgrad.core.layout import Layout, add, scale, scale_leaves
from plexgrad.core.probe import Moment, Probe, Reading, Slots
from plexgrad.core.resolution import widened
from plexgrad.core.validate import positive_int


class AbstractEstimator(abc.ABC):
    """Proposes a probe, learns from the reading. Never holds the chip."""

    probe: ClassVar[type]

    @abc.abstractmethod
    def ask(self, key: Key[Array, ""], slots: Slots, params: PyTree) -> Probe:
        """What to measure in these slots."""

    @abc.abstractmethod
    def tell(self, probe: Any, reading: Reading) -> PyTree:
        """The gradient, as a mean over the probe's slots, before `shrinkage`."""

    def refuse_lost(self, params: PyTree) -> None:  # noqa: B027
        """Raise ValueError if the parameters' floats would swallow what is added.

        Arrays that are being traced have no values, and are not looked at.
        """

    def shrinkage(self, patterns: int, like: PyTree | Layout) -> tuple[float, ...]:
        """Factor on every leaf of an estimate that averaged this many patterns."""
        return (1.0,) * len(Layout.of(like).shapes)

    @abc.abstractmethod
    def evaluations(self, clock: Clock, slots: int) -> int:
        """Cost evaluations a chip makes in the first `slots` slots of a run."""

    @classmethod
    @abc.abstractmethod
    def demo(cls) -> "AbstractEstimator":
        """A small valid instance, for laws and examples."""


class AbstractChip(abc.ABC):
    """Something with parameters and a cost: silicon, or a model of it."""

    accepts: ClassVar[tuple[type, ...]]

    @abc.abstractmethod
    def measure(
        self, params: PyTree, probe: Any, batch: PyTree, key: Key[Array, ""]
    ) -> Reading:
        """The answer to a probe.

        Leaves of `batch` have a leading axis of samples; the probe's slots are dealt
        evenly to them, in order. `key` names the chip: the same in every call, it gives
        the same flaws of the device; what is random in a slot folds in the slot.
        """

    def floats(
        self,
        estimator: AbstractEstimator,
        like: PyTree | Layout,
        slots: int,
        samples: int,
        size: int,
    ) -> int:
        """Numbers that measuring one slot keeps in memory; it bounds a probe's slots.

        For a probe of `slots` on `samples` batches of `size` examples. Here: its whole
        pattern.
        """
        return Layout.of(like).size

    def settle(self, params: PyTree, key: Key[Array, ""]) -> PyTree:
        """The parameters as the chip `key` holds them, before the first write."""
        return params

    def write(
        self, params: PyTree, update: PyTree, key: Key[Array, ""], at: Moment
    ) -> PyTree:
        """The parameters after an update is written. Ideal here: their sum.

        `key` names the chip, as in `measure`; `at` is the slot of the write, and for
        how many slots the parameters were held.
        """
        return add(params, update)

    @classmethod
    @abc.abstractmethod
    def demo(cls) -> "AbstractChip":
        """A small valid instance, for laws and examples."""

    def refuse_foreign(self, estimator: AbstractEstimator) -> None:
        """Raise TypeError, naming both, if this chip cannot answer the estimator."""
        if not issubclass(estimator.probe, self.accepts):
            mine = ", ".join(kind.__name__ for kind in self.accepts)
            raise TypeError(
                f"{type(self).__name__} accepts {mine}, but "
                f"{type(estimator).__name__} asks with a {estimator.probe.__name__}"
            )

    def value_and_gradient(
        self,
        params: PyTree,
        batch: PyTree,
        estimator: AbstractEstimator,
        slots: int,
        key: Key[Array, ""],
        start: int | UInt32[Array, ""] = 0,
    ) -> tuple[Float[Array, ""], PyTree]:
        """Cost at rest and one gradient estimate on one batch. Can be jitted.

        Memory stays bounded: slots are measured block by block. Leaves of fewer bits
        than float32 are measured as float32; the gradient has their own dtype. Raises
        ValueError if a perturbation is lost in the floats of the parameters, unless
        they are being traced.
        """
        slots = positive_int("slots", slots, MAX_SLOTS)
        self.refuse_foreign(estimator)
        estimator.refuse_lost(params)
        layout, params = Layout.of(params), widened(params)
        key_code, key_noise = jax.random.split(key)
        held = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], batch)
        first = jnp.asarray(start, jnp.uint32)

        def measured(offset: Array | int, count: int) -> tuple[Array, PyTree]:
            here = Slots(first + jnp.asarray(offset, jnp.uint32), count)
            probe = estimator.ask(key_code, here, params)
            reading = self.measure(params, probe, held, key_noise)
            share = count / slots
            return reading.cost * share, scale(estimator.tell(probe, reading), share)

        leaves = jax.tree.leaves(held)
        size = leaves[0].shape[1] if leaves and leaves[0].ndim > 1 else 1
        each = self.floats(estimator, layout, slots, 1, size)
        width = max(1, min(slots, 4 * BLOCK_FLOATS // each))
        blocks, rest = divmod(slots, width)
        none = jnp.zeros(layout.size, jnp.float32)
        total = (jnp.float32(0.0), layout.widened().unflatten(none))
        if blocks:

            def step(carry: PyTree, offset: Array) -> tuple[PyTree, None]:
                return add(carry, measured(offset, width)), None

            offsets = jnp.arange(blocks, dtype=jnp.uint32) * jnp.uint32(width)
            total, _ = jax.lax.scan(step, total, offsets)
        if rest:
            total = add(total, measured(blocks * width, rest))
        value, gradient = total
        shrunk = scale_leaves(gradient, estimator.shrinkage(slots, layout))
        return value, layout.cast(shrunk)

    def gradient(
        self,
        params: PyTree,
        batch: PyTree,
        estimator: AbstractEstimator,
        slots: int,
        key: Key[Array, ""],
        start: int | UInt32[Array, ""] = 0,
    ) -> PyTree:
        """One gradient estimate on one batch, as `value_and_gradient` makes it."""
        return self.value_and_gradient(params, batch, estimator, slots, key, start)[1]


class AbstractTrainable(AbstractChip):
    """A chip that the training loop can start, show a data set, and score."""

    @property
    @abc.abstractmethod
    def inputs(self) -> int:
        """Features of one sample."""

    @property
    @abc.abstractmethod
    def outputs(self) -> int:
        """Outputs for one sample."""

    @abc.abstractmethod
    def init(self, key: Key[Array, ""]) -> PyTree:
        """Parameters to start from."""

    @abc.abstractmethod
    def predict(
        self,
        params: PyTree,
        x: Shaped[Array | np.ndarray, "batch ..."],
        key: Key[Array, ""] | None = None,
        through: tuple = (),
    ) -> Float[Array, "batch outputs"]:
        """The outputs at rest.

        `key` names the chip, as in `measure`; an ideal one needs no name. `through`
        are the effects around this chip, outermost first.
        """

    @abc.abstractmethod
    def score(
        self,
        params: PyTree,
        x: Shaped[Array | np.ndarray, "batch ..."],
        y: Any,
        key: Key[Array, ""] | None = None,
        through: tuple = (),
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Cost and accuracy at rest on one batch; `key`, `through` as in `predict`."""
