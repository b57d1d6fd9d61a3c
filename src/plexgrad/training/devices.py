"""Which devices do what: seeds are dealt to them, and spare ones share slots.

The mesh has the axes ("seeds", "slots"). Workers along "seeds" exchange nothing. Those
along "slots" hold the same parameters, measure a share of every chunk each, exchange
the measured signal (one number per slot) and make the same update from it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree, UInt32

from plexgrad.core.validate import one_of
from plexgrad.training.discrete import SLOTS
from plexgrad.training.plan import Plan
from plexgrad.training.processes import fetch
from plexgrad.training.programs import kept

SEEDS = "seeds"

Shard = Literal["auto", "seeds", "slots"]
"""What devices may share: "seeds" only, or also the "slots" of a seed.

"auto" shares slots on accelerators; on CPU only as far as processes need it, because
XLA already spreads large products over the cores.
"""


@dataclass(frozen=True)
class Split:
    """`seeds` x `slots` devices of those `available`, the same number per process.

    `shared` says whether the devices along "slots" share the slots of a chunk, or
    repeat the same work because the processes need it. `limit` is what keeps more
    devices from being used.
    """

    seeds: int = 1
    slots: int = 1
    available: int = 1
    processes: int = 1
    shared: bool = True
    limit: str = ""

    @classmethod
    def choose(cls, seeds: int, plan: Plan | None, shard: Shard = "auto") -> "Split":
        """The split of a run on the devices that JAX has now.

        `plan` is None where an estimator has no slots to share (an exact gradient).
        """
        devices, processes = len(jax.devices()), jax.process_count()
        if shard == "auto":
            shard = "seeds" if jax.default_backend() == "cpu" else "slots"
            needed = shard == "seeds" and processes > 1
        else:
            needed = False
        return cls.of(devices, processes, seeds, plan, shard, needed)

    @classmethod
    def of(
        cls,
        devices: int,
        processes: int,
        seeds: int,
        plan: Plan | None,
        shard: Shard,
        needed: bool = False,
    ) -> "Split":
        """The split of `seeds` over so many devices of so many processes.

        `needed` lets "seeds" share slots where processes would have no work otherwise.
        """
        one_of("shard", shard, get_args(Shard))
        if plan is None:
            limit = "an exact gradient has no slots to share"
        elif shard == "seeds":
            limit = "a seed's slots are not shared unless asked for"
        else:
            limit = f"{seeds} seed(s), in chunks of {plan.chunk} slots, can use no more"

        def fits(dealt: int, workers: int) -> bool:
            return dealt * workers % processes == 0

        dealt = [n for n in range(min(devices, seeds), 0, -1) if seeds % n == 0]
        for n in dealt:
            room = range(devices // n, 0, -1)
            if shard == "seeds":
                room = reversed(room) if needed else (1,)
            for workers in room:
                able = workers == 1 or (plan is not None and plan.share(workers))
                if able and fits(n, workers):
                    return cls(n, workers, devices, processes, limit=limit)
        for n in dealt:
            for workers in range(1, devices // n + 1):
                if fits(n, workers):
                    return cls(n, workers, devices, processes, False, limit)
        raise ValueError(
            "devices must be shared evenly by the processes, got "
            f"{devices} devices and {processes} processes"
        )

    @property
    def used(self) -> int:
        """Devices that work."""
        return self.seeds * self.slots

    @property
    def workers(self) -> int:
        """Devices that share the slots of a chunk."""
        return self.slots if self.shared else 1

    def explain(self) -> str:
        """The split in plain words."""
        parts = [f"{self.used} of {self.available} device(s) used"]
        if self.processes > 1:
            parts[0] += f", in {self.processes} processes"
        if self.seeds > 1:
            parts.append(f"seeds dealt to {self.seeds}")
        if self.workers > 1:
            parts.append(f"the slots of a seed shared by {self.slots}")
        elif self.slots > 1:
            parts.append(f"the same work repeated by {self.slots}")
        if self.used < self.available or self.workers < self.slots:
            parts.append(self.limit)
        return "; ".join(parts)

    @cached_property
    def mesh(self) -> Mesh:
        """The devices; those that share slots are neighbours, in one process if few."""
        each = self.used // self.processes
        chosen: list[Any] = []
        for process in range(self.processes):
            mine = [d for d in jax.devices() if d.process_index == process]
            chosen += mine[:each]
        return Mesh(np.array(chosen).reshape(self.seeds, self.slots), (SEEDS, SLOTS))

    def over_seeds(
        self, function: Callable, mapped: int, shared: int, donate: bool = False
    ) -> Any:
        """`function` of one seed, over all of them, on all devices.

        Its first `mapped` arguments have a leading axis of seeds; `shared` more do not.
        Compiled programs of an equal function are used again (see `programs`).
        """
        parts = function, mapped, shared, donate, self._place
        return kept(parts, lambda: self._over_seeds(function, mapped, shared, donate))

    @property
    def _place(self) -> Any:
        return None if self.used == 1 else self.mesh

    def _over_seeds(
        self, function: Callable, mapped: int, shared: int, donate: bool
    ) -> Any:
        many = jax.vmap(function, in_axes=(0,) * mapped + (None,) * shared)
        if self.used > 1:
            dealt, same = PartitionSpec(SEEDS), PartitionSpec()
            many = jax.shard_map(
                many,
                mesh=self.mesh,
                in_specs=(dealt,) * mapped + (same,) * shared,
                out_specs=dealt,
                check_vma=False,
            )
        return jax.jit(many, donate_argnums=(0,) if donate else ())

    def dealt(self, make: Callable, *arguments: Any) -> PyTree:
        """What `make` makes, jitted, with its leading axis of seeds dealt out."""
        place: dict[str, Any] = {}
        if self.used > 1:
            place["out_shardings"] = self._sharding(SEEDS)
        parts = "dealt", make, self._place
        return kept(parts, lambda: jax.jit(make, **place))(*arguments)

    def same(self, tree: PyTree) -> PyTree:
        """A tree of host arrays with a copy on every device."""
        return self._placed(tree, ())

    def again(self, tree: PyTree) -> PyTree:
        """A tree of host arrays whose leading axis of seeds is dealt to the devices."""
        return self._placed(tree, (SEEDS,))

    def _placed(self, tree: PyTree, axes: tuple[str, ...]) -> PyTree:
        if self.used == 1:
            return jax.tree.map(jnp.asarray, tree)
        sharding = self._sharding(*axes)

        def place(leaf: np.ndarray) -> Array:
            return jax.make_array_from_callback(
                leaf.shape, sharding, lambda index: leaf[index]
            )

        return jax.tree.map(place, tree)

    def _sharding(self, *axes: str) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec(*axes))

    @property
    def _sums(self) -> Any:
        """A compiled checksum of every worker's own copy of a tree."""

        def make() -> Any:
            many = jax.shard_map(
                _sums,
                mesh=self.mesh,
                in_specs=PartitionSpec(SEEDS),
                out_specs=PartitionSpec(SEEDS, SLOTS),
                check_vma=False,
            )
            return jax.jit(many)

        return kept(("sums", self._place), make)

    def refuse_drift(self, params: PyTree) -> None:
        """Raise RuntimeError unless all that share a seed hold the same parameters.

        Every worker sends one number per array. Copies that ran on different hardware
        could come to differ in their last bits, and nothing else would tell.
        """
        if self.slots == 1:
            return
        sums = fetch(self._sums(params))
        if (sums != sums[:, :1]).any():
            raise RuntimeError(
                "workers that share a seed must hold the same parameters, but their "
                "bits differ: do all run the same JAX on the same kind of device?"
            )


def _words(tree: PyTree) -> Iterator[UInt32[Array, ""]]:
    for leaf in jax.tree.leaves(tree):
        bits = leaf.astype(jnp.float32).view(jnp.uint32)
        place = jnp.arange(bits.size, dtype=jnp.uint32)
        odd = 2 * place.reshape(bits.shape) + 1
        yield jnp.sum(bits * odd, dtype=jnp.uint32)


def _sums(tree: PyTree) -> UInt32[Array, "1 1 leaves"]:
    return jnp.stack(list(_words(tree)))[None, None]
