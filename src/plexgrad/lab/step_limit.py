r"""A limit on what one slot can do to the parameters, in units of the usual.

A slot pushes the parameters by its signal s times its pattern. The usual signal is a
mean of |s| over the last hundred windows; what is beyond `most` times it is cut to it,
and is remembered as cut. The first windows have their median, and a wider limit.
The limit lies before the rule, so that all ways of a device cut alike, a schedule of
the learning rate is no surprise, and the moments of Adam do not remember a glitch.
"""

import math
from typing import Any

import numpy as np

from plexgrad.core.validate import at_least

MEMORY = 100
"""Windows that the usual is a mean of."""

KNOWN, FEW = 8, 2
"""Windows from which the usual is known, and those before anything is cut."""

WIDER = 10.0
"""How much wider the limit is before the usual is known."""

ALONE, SHOWN = 10.0, 100.0
"""The usual limit of a device that shows no samples, and of one that does: there, one
that is still wrong may push 50 times as much as the many that are learnt."""


class StepLimit:
    """`most` times the usual push; 0 is no limit. Raises ValueError below 1."""

    def __init__(self, most: float | int) -> None:
        self.most = float(at_least("step_limit", most, 1.0) if most else math.inf)
        self.usual, self.windows = 0.0, 0
        self.first: list[float] = []  # the means of the first windows

    @property
    def told(self) -> float:
        """As it was asked for: 0 is no limit."""
        return self.most if math.isfinite(self.most) else 0.0

    def __call__(self, signal: np.ndarray) -> tuple[np.ndarray, int]:
        """A window's signal (tau_theta,), and in how many slots it was cut."""
        size, cut = np.abs(signal), 0
        limit = self._limit()
        if float(size.max()) > limit:
            cut = int((size > limit).sum())
            signal = np.clip(signal, -limit, limit).astype(signal.dtype)
            size = np.abs(signal)
        # A window in which nothing moved, on a coarse meter, says nothing of the usual.
        if (mean := float(size.sum()) / len(size)) > 0:
            self._learn(mean)
        return signal, cut

    def _limit(self) -> float:
        if self.windows >= KNOWN:
            return self.most * self.usual
        if len(self.first) < FEW:
            return math.inf
        return WIDER * self.most * float(np.median(self.first))

    def _learn(self, mean: float) -> None:
        self.windows += 1
        if self.windows <= KNOWN:
            # A glitch among the first must not make the limit loose for long.
            self.first.append(mean)
            most = self.most * float(np.median(self.first))
            self.usual = float(np.minimum(self.first, most).mean())
        else:
            self.usual += (mean - self.usual) / min(self.windows, MEMORY)

    def state(self) -> np.ndarray:
        """What is remembered."""
        first = self.first + [math.nan] * (KNOWN - len(self.first))
        return np.array([self.usual, self.windows, *first], np.float64)

    def restore(self, state: Any) -> None:
        """Go on with what was remembered."""
        self.usual, self.windows = float(state[0]), int(state[1])
        self.first = [float(mean) for mean in state[2:] if math.isfinite(mean)]
