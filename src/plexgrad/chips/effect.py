"""The contract of an effect: one imperfection of hardware, wrapped around any chip.

An effect says only what it changes, by overriding some of the hooks below; what it
leaves alone is handed to the chip inside. Hooks on what goes in (`knobs`, `show`) act
from the outermost effect to the innermost, hooks on what comes out (`fire`, `emit`,
`read`) the other way. At strength 0 (`ideal`) an effect is its chip, bit for bit.

Random flaws of a device come from its key alone, so they are the same in every call;
what is random in a slot comes from the key and the slot (see `chips.draws`).
"""

import abc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Array, Float, Key, PyTree, Shaped

from plexgrad.chips.hiding import Hidden
from plexgrad.chips.measuring import samples_of
from plexgrad.core.contracts import AbstractChip, AbstractEstimator, AbstractTrainable
from plexgrad.core.layout import Layout, add, subtract
from plexgrad.core.probe import Moment, Probe, Reading, WeightProbe
from plexgrad.core.validate import plain_numbers
from plexgrad.nets import AbstractLayered

NEURONS = ("drive", "fire")
NETWORK = ("show", "emit", *NEURONS)
"""Hooks that act inside a network, which a chip must have for them."""


@dataclass(frozen=True)
class AbstractEffect(AbstractTrainable):
    """One imperfection around `chip`. Raises TypeError if there is nothing to act on.

    The first field after `chip` is the strength, and its default is none of it.
    """

    chip: AbstractChip

    unit: ClassVar[str]
    """What the strength is, and its unit, in a few words."""
    random: ClassVar[bool] = True
    """Whether two devices differ, or two slots."""

    def __post_init__(self) -> None:
        plain_numbers(self)
        name = type(self).__name__
        if not isinstance(self.chip, AbstractChip):
            raise TypeError(f"{name} must wrap a chip, got {self.chip!r}")
        object.__setattr__(self, "accepts", self.chip.accepts)
        core = self.core
        if any(map(self.changes, NETWORK)) and not hasattr(core, "net"):
            raise TypeError(
                f"{name} acts inside a network, but {type(core).__name__} has none"
            )
        neurons = any(map(self.changes, NEURONS))
        if neurons and not isinstance(self.net, AbstractLayered):
            raise TypeError(
                f"{name} must have a network that uses each layer once, got {self.net}"
            )

    @property
    @abc.abstractmethod
    def ideal(self) -> bool:
        """Whether the strength is zero, so that nothing is changed."""

    def knobs(
        self, params: PyTree, offset: PyTree, now: Moment, key: Key[Array, ""]
    ) -> tuple[PyTree, PyTree]:
        """What the device holds, and what is added to it, for what was commanded."""
        return params, offset

    def show(self, x: Array, key: Key[Array, ""]) -> Array:
        """The input (batch, ...) that the network sees."""
        return x

    def drive(self, layer: int, z: Array, key: Key[Array, ""]) -> Array:
        """The pre-activations (batch, ...) of a layer, before its neurons."""
        return z

    def fire(self, layer: int, a: Array, key: Key[Array, ""]) -> Array:
        """The activations (batch, ...) of a layer, as the next layer sees them."""
        return a

    def emit(self, outputs: Array, key: Key[Array, ""]) -> Array:
        """The outputs (batch, outputs) that the cost is made of."""
        return outputs

    def read(
        self,
        signal: Float[Array, " slots"],
        cost: Float[Array, ""],
        probe: WeightProbe,
        samples: int,
        key: Key[Array, ""],
    ) -> tuple[Float[Array, " slots"], Float[Array, ""]]:
        """The signal and cost of a `Reading` of so many samples, as they are read."""
        return signal, cost

    def respond(self, response: tuple) -> tuple:
        """The response of the perturbation (see `WeightProbe`), after this effect."""
        return response

    def settled(self, params: PyTree, key: Key[Array, ""]) -> PyTree:
        """The parameters as they are held before the first write."""
        return params

    def written(
        self, held: PyTree, wanted: PyTree, key: Key[Array, ""], at: Moment
    ) -> PyTree:
        """What is held after the chip inside has written `wanted` over `held`."""
        return wanted

    def updated(
        self, params: PyTree, update: PyTree, key: Key[Array, ""], at: Moment
    ) -> tuple[PyTree, PyTree]:
        """The parameters just before a write, and the update that arrives."""
        return params, update

    def hides(self) -> Hidden:
        """What this effect hides, if it is not ideal (see `chips.hiding`)."""
        return Hidden()

    @classmethod
    def changes(cls, hook: str) -> bool:
        """Whether this effect overrides a hook."""
        return getattr(cls, hook) is not getattr(AbstractEffect, hook)

    @property
    def core(self) -> AbstractChip:
        """The chip inside all effects."""
        return self.chip.core if isinstance(self.chip, AbstractEffect) else self.chip

    @property
    def alters(self) -> bool:
        """Whether the perturbed network is not the one inside plus the code's pattern.

        Then it is simulated by writing out every pattern, whatever the chip's engine.
        """
        hooks = ("knobs", "respond", *NETWORK)
        return not self.ideal and any(map(self.changes, hooks))

    @property
    def depth(self) -> int:
        """Effects from here inwards; it tells equal effects in one stack apart."""
        return 1 + (self.chip.depth if isinstance(self.chip, AbstractEffect) else 0)

    def own(self, key: Key[Array, ""]) -> Key[Array, ""]:
        """This effect's key, from the chip's."""
        return jax.random.fold_in(key, self.depth)

    def measure(
        self, params: PyTree, probe: Probe, batch: PyTree, key: Key[Array, ""]
    ) -> Reading:
        if self.ideal:
            return self.chip.measure(params, probe, batch, key)
        passes = replace(probe, through=self._through(probe.through, key))
        if isinstance(probe, WeightProbe):
            passes = replace(passes, response=self.respond(probe.response))
        reading = self.chip.measure(params, passes, batch, key)
        signal, cost = reading.signal, reading.cost
        if signal is None or not isinstance(probe, WeightProbe):
            return reading
        samples = samples_of(batch)
        signal, cost = self.read(signal, cost, probe, samples, self.own(key))
        return replace(reading, signal=signal, cost=cost)

    def _through(self, before: tuple, key: Key[Array, ""]) -> tuple:
        if any(map(self.changes, ("knobs", *NETWORK))):
            return (*before, Behind(self, self.own(key)))
        return before

    def settle(self, params: PyTree, key: Key[Array, ""]) -> PyTree:
        params = self.chip.settle(params, key)
        return params if self.ideal else self.settled(params, self.own(key))

    def write(
        self, params: PyTree, update: PyTree, key: Key[Array, ""], at: Moment
    ) -> PyTree:
        if self.ideal:
            return self.chip.write(params, update, key, at)
        params, update = self.updated(params, update, self.own(key), at)
        wanted = self.chip.write(params, update, key, at)
        return self.written(params, wanted, self.own(key), at)

    def floats(
        self,
        estimator: AbstractEstimator,
        like: PyTree | Layout,
        slots: int,
        samples: int,
        size: int,
    ) -> int:
        inside = self.chip.floats(estimator, like, slots, samples, size)
        return inside if self.ideal else max(inside, Layout.of(like).size)

    def loss(self, params: PyTree, sample: PyTree) -> Float[Array, ""]:
        """The cost at rest of the chip inside, without any effect."""
        return self.core.loss(params, sample)  # type: ignore[attr-defined]

    @property
    def net(self) -> Any:
        """The network of the chip inside. Raises AttributeError if it has none."""
        return self.core.net  # type: ignore[attr-defined]

    @property
    def inputs(self) -> int:
        return self._trainable.inputs

    @property
    def outputs(self) -> int:
        return self._trainable.outputs

    def init(self, key: Key[Array, ""]) -> PyTree:
        return self._trainable.init(key)

    def predict(
        self,
        params: PyTree,
        x: Shaped[Array | np.ndarray, "batch ..."],
        key: Key[Array, ""] | None = None,
        through: tuple = (),
    ) -> Float[Array, "batch outputs"]:
        through = self._named(key, through)
        return self._trainable.predict(params, x, key, through)

    def score(
        self,
        params: PyTree,
        x: Shaped[Array | np.ndarray, "batch ..."],
        y: Any,
        key: Key[Array, ""] | None = None,
        through: tuple = (),
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        through = self._named(key, through)
        return self._trainable.score(params, x, y, key, through)

    def _named(self, key: Key[Array, ""] | None, through: tuple) -> tuple:
        if self.ideal:
            return through
        if key is None:
            raise ValueError(
                f"key must name the chip whose {type(self).__name__} is meant, got None"
            )
        return self._through(through, key)

    @property
    def _trainable(self) -> AbstractTrainable:
        if not isinstance(self.chip, AbstractTrainable):
            raise TypeError(f"chip must be one that can be trained, got {self.chip!r}")
        return self.chip


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Behind:
    """An effect that a probe has passed, with the effect's own key."""

    effect: AbstractEffect = field(metadata={"static": True})
    key: Key[Array, ""]

    def knobs(
        self, params: PyTree, offset: PyTree, now: Moment
    ) -> tuple[PyTree, PyTree]:
        """`AbstractEffect.knobs` of this device."""
        return self.effect.knobs(params, offset, now, self.key)


def effects(chip: Any) -> list[AbstractEffect]:
    """The effects around a chip, innermost first; empty for a bare one."""
    found = []
    while isinstance(chip, AbstractEffect):
        found.append(chip)
        chip = chip.chip
    return found[::-1]


def of_sum(
    function: Callable[[PyTree], PyTree], params: PyTree, offset: PyTree
) -> tuple[PyTree, PyTree]:
    """Parameters and offset after a function that acts on their sum."""
    held = function(params)
    return held, subtract(function(add(params, offset)), held)
