"""Which samples are shown when: a pure function of (key, batch number).

So a run can go on from any slot, and no permutation is ever stored. "epoch" reshuffles
the data every epoch, as paper A does (McCaughan et al. 2023); "replacement" draws every
batch anew, as paper B does (Oripov et al. 2025).
"""

from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Key, UInt32

from plexgrad.core import bits
from plexgrad.core.validate import one_of, positive_int

Sampling = Literal["epoch", "replacement"]


@dataclass(frozen=True)
class Order:
    """Batches of `batch` out of `size` samples.

    An epoch has `size // batch` batches; the few samples left over differ from epoch to
    epoch. Raises ValueError unless 1 <= batch <= size.
    """

    size: int
    batch: int
    sampling: Sampling = "epoch"

    def __post_init__(self) -> None:
        positive_int("size", self.size)
        positive_int("batch", self.batch, self.size)
        one_of("sampling", self.sampling, ("epoch", "replacement"))

    def indices(
        self, key: Key[Array, ""], numbers: UInt32[Array, " batches"]
    ) -> UInt32[Array, "batches {self.batch}"]:
        """The samples of the batches with these numbers."""
        low, high = bits.key_words(key)
        lane = jnp.arange(self.batch, dtype=jnp.uint32)[None, :]
        if self.sampling == "replacement":
            drawn = bits.words(key, numbers, self.batch)
            return drawn % jnp.uint32(self.size)
        per_epoch = jnp.uint32(self.size // self.batch)
        epoch, place = numbers // per_epoch, numbers % per_epoch
        position = place[:, None] * jnp.uint32(self.batch) + lane
        seed = bits.mix(low ^ bits.mix(epoch)), bits.mix(high + bits.mix(~epoch))
        return bits.shuffle(position, self.size, (seed[0][:, None], seed[1][:, None]))
