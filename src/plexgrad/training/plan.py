"""How a run is cut into chunks: the geometry of slots, samples and updates.

Between two writes all slots are independent, so a window of tau_theta slots is measured
chunk by chunk, each chunk small enough for the memory, whatever the three time
constants are. `hold` = gcd(tau_x, tau_theta) slots never straddle a change of sample or
parameters. A chunk is either several whole holds (`groups`), or a part of one hold; a
window is made of `segments`, and a last chunk that overhangs its segment is masked.
"""

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Bool, UInt32

from plexgrad.core.clock import Clock


@dataclass(frozen=True)
class Plan:
    """Chunks of `chunk` slots in `groups` samples each, `per_segment` to a segment."""

    clock: Clock
    hold: int
    chunk: int
    groups: int
    segment: int
    per_segment: int

    @classmethod
    def make(cls, clock: Clock, most: int, whole: bool = False) -> "Plan":
        """The plan whose chunks have at most `most` slots.

        `whole` asks for chunks of whole holds that fill the window without overhang,
        as many holds as `most`; then `most` does not bound the slots.
        """
        hold = math.gcd(clock.tau_x, clock.tau_theta)
        holds = clock.tau_theta // hold
        if whole:
            groups = max(n for n in range(1, min(holds, most) + 1) if holds % n == 0)
            per_segment = holds // groups
            return cls(clock, hold, groups * hold, groups, clock.tau_theta, per_segment)
        if hold <= most:
            per_segment = math.ceil(holds / (most // hold))
            groups = math.ceil(holds / per_segment)
            return cls(clock, hold, groups * hold, groups, clock.tau_theta, per_segment)
        per_segment = math.ceil(hold / most)
        chunk = math.ceil(hold / per_segment)
        return cls(clock, hold, chunk, 1, hold, per_segment)

    @property
    def per_window(self) -> int:
        """Chunks between two parameter writes."""
        return self.clock.tau_theta // self.segment * self.per_segment

    @property
    def ragged(self) -> bool:
        """Whether the last chunk of a segment overhangs it."""
        return self.chunk * self.per_segment != self.segment

    def start(
        self, window: UInt32[Array, ""], number: UInt32[Array, ""]
    ) -> UInt32[Array, ""]:
        """First slot of chunk `number` of a window."""
        per_segment = jnp.uint32(self.per_segment)
        segment, inside = number // per_segment, number % per_segment
        offset = segment * jnp.uint32(self.segment) + inside * jnp.uint32(self.chunk)
        return window * jnp.uint32(self.clock.tau_theta) + offset

    def samples(
        self, start: UInt32[Array, ""], groups: int | None = None
    ) -> UInt32[Array, " groups"]:
        """Numbers of the samples (or batches) shown in the chunk from `start`.

        `groups` counts those of a part of the chunk; None means all.
        """
        count = self.groups if groups is None else groups
        first = start + jnp.arange(count, dtype=jnp.uint32) * jnp.uint32(self.hold)
        return first // jnp.uint32(self.clock.tau_x)

    def share(self, workers: int) -> tuple[int, int] | None:
        """Slots and samples of one worker, if so many can share a chunk, else None.

        Shares follow one another: whole samples, or equal parts of one sample's slots.
        The last share may overhang the chunk, but nobody's is empty.
        """
        each = self.chunk // self.groups
        if workers <= self.groups:
            samples = -(-self.groups // workers)
            slots = samples * each
        elif self.groups == 1:
            slots, samples = -(-self.chunk // workers), 1
        elif self.chunk % workers or each % (self.chunk // workers):
            return None
        else:
            slots, samples = self.chunk // workers, 1
        return (slots, samples) if slots * (workers - 1) < self.chunk else None

    def valid(self, number: UInt32[Array, ""]) -> Bool[Array, " slots"]:
        """Which slots of chunk `number` lie inside its segment."""
        inside = (number % jnp.uint32(self.per_segment)) * jnp.uint32(self.chunk)
        slots = inside + jnp.arange(self.chunk, dtype=jnp.uint32)
        return slots < jnp.uint32(self.segment)
