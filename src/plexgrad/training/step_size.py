r"""How fast descent by perturbation goes, from a few numbers that a chip can tell.

One update $\theta \leftarrow \theta - \eta\hat g$ changes the cost, on average, by
$-\eta G + \frac12\eta^2 A + \frac12 w^2\,\mathrm{tr}H$, with $G = |\nabla C|^2$, w the
error of a write per parameter and $A = E[\hat g^T H \hat g]$. An estimate from N slots
and S = N / tau_x batches is the gradient, plus what batches differ by (power V / S),
plus crosstalk of the code and noise of the measurement, which spread evenly over the P
parameters and have the power

$n = x_N (G + V) + P \sigma_s^2 / (N p)$,  so  $A = \lambda (G + V / S) +
\mathrm{tr}H\, n / P$

with $x_N$ the code's excess ((P - 1) / N for random signs: McCaughan et al. 2023,
doi:10.1063/5.0157645; Oripov et al. 2025, doi:10.1063/5.0258271), p its power,
$\sigma_s^2$ the variance of one signal, and $\lambda = |H|^2 / \mathrm{tr}H$, the mean
curvature weighted by itself. The step that gains most is $\eta = G / A$; twice that
step gains nothing.

G is that of today, and the step has to serve until the end. Two amendments:

- The gradient fades while noise and V stay: the step is planned for `FADE` times G.
- What gains most today is too small a step for what comes (the short-horizon bias of
  Wu et al. 2018, arXiv 1803.02021), and on a plateau, where G cannot be told from zero,
  it says nothing. In the end steps of constant size hold the cost up by
  $\eta (n + V / S) / 4$ at most, whatever the curvature. The step by which that is a
  share `HELD` of the cost, but no more than a share `CALM` of the stable limit, is
  `lasting`: it is taken on a plateau, and recommended wherever it is the larger one.

All of this is true near by only: no update goes beyond the amplitudes at which slopes
hold (`leap`), unless a pilot went further and got down.
"""

import math
from dataclasses import dataclass, replace

from plexgrad.core.clock import Clock
from plexgrad.core.layout import Layout
from plexgrad.core.probe import Reference
from plexgrad.estimators import WeightPerturbation

FADE = 0.5
"""The share of the gradient's power that a step is planned for."""

LATE = 0.1
"""The share of the gradient's power that a window still has to serve."""

HELD = 0.15
"""The share of the cost that the noise of the steps may hold up on a plateau."""

CALM = 0.9
"""The share of the largest stable step that is taken there, at most."""

LONGEST = 1024
"""Samples in a window, at most."""

CLOSE = 0.9
"""A shorter window is taken if it is at least so fast, relative to the best one."""


@dataclass(frozen=True)
class Terrain:
    """What was measured of a chip and its task; powers are sums over parameters.

    `noise` is the standard deviation of one reading, `level` the cost now; `total` is
    the gradient power of one batch, `gradient` that of the mean over all; `trace` and
    `bend` are the trace and the root sum of squares of the curvature; `cubic` is E, the
    departure from linearity (see `amplitude_scan`). The trace and bend are the mean and
    scatter of so many `readings` of variance `scatter`; slopes hold up to amplitudes of
    `linear`. A write of an update u per
    parameter has the variance write^2 + write_rate u; updates below `least_update` are
    lost. On a `plateau` the cost was not seen to fall.
    """

    noise: float
    level: float
    total: float
    gradient: float
    trace: float
    bend: float
    cubic: float
    write: float = 0.0
    write_rate: float = 0.0
    least_update: float = 0.0
    plateau: bool = False
    linear: float = math.inf
    scatter: float = 0.0
    readings: int = 0

    @property
    def spread(self) -> float:
        """V, the power by which the gradients of batches differ."""
        return self.total - self.gradient

    @property
    def slope(self) -> float:
        """The trace that noise meets; never less than what bends, up or down."""
        return max(self.trace, self.bend)

    @property
    def steepest(self) -> float:
        """The curvature that the gradient meets."""
        return self.bend**2 / self.slope if self.slope > 0 else 0.0

    def no_flatter(self, other: "Terrain") -> "Terrain":
        """With the curvature of the other one if that is larger: it may come again."""
        if other.slope <= self.slope:
            return self
        return replace(self, trace=other.trace, bend=other.bend)

    def signal_noise(self, power: float, reference: Reference) -> float:
        """Variance of one signal that is not the gradient's, at a code's power."""
        bent = self.cubic * power**3
        if reference == "antithetic":
            return self.noise**2 / 2 + bent
        squares = self.trace**2 + 2 * self.bend**2
        return 2 * self.noise**2 + squares * power**2 / 4 + bent

    def write_variance(self, update: float) -> float:
        """Variance of a write of an update of this root mean square."""
        return self.write**2 + self.write_rate * update


@dataclass(frozen=True)
class Method:
    """An estimator and a clock but for tau_theta, on so many parameters."""

    estimator: WeightPerturbation
    clock: Clock
    layout: Layout

    def windowed(self, slots: int) -> Clock:
        """The clock with so many slots to an update."""
        return Clock(self.clock.tau_p, self.clock.tau_x, slots)

    def evaluations(self, slots: int) -> float:
        """Cost evaluations of one update from so many slots."""
        whole = math.lcm(slots, self.clock.tau_x)
        made = self.estimator.evaluations(self.windowed(slots), whole)
        return made / whole * slots

    def noise(self, terrain: Terrain, slots: int, gradient: float) -> float:
        """n, the power of crosstalk and measuring noise in an estimate."""
        code, patterns = self.estimator.code, self.windowed(slots).patterns
        power = code.power(self.layout)
        signal = terrain.signal_noise(power, self.estimator.reference)
        crosstalk = code.excess(patterns, self.layout) * (gradient + terrain.spread)
        return crosstalk + self.layout.size * signal / (slots * power)

    def shown(self, terrain: Terrain, slots: int, gradient: float) -> float:
        """G + V / S, the gradient power of the batches shown in a window."""
        return gradient + terrain.spread * self.clock.tau_x / slots

    def bending(self, terrain: Terrain, slots: int, gradient: float) -> float:
        """A, half of which the squared step costs."""
        noise = self.noise(terrain, slots, gradient)
        along = terrain.steepest * self.shown(terrain, slots, gradient)
        return along + terrain.slope * noise / self.layout.size

    def rms(self, terrain: Terrain, slots: int, gradient: float) -> float:
        """Root mean square of one parameter's estimate."""
        power = self.shown(terrain, slots, gradient)
        power += self.noise(terrain, slots, gradient)
        return math.sqrt(power / self.layout.size)

    def planned(self, terrain: Terrain) -> float:
        """The gradient power that steps are planned for; on a plateau, their own."""
        if not terrain.plateau:
            return FADE * terrain.gradient
        slots = self.clock.tau_x
        fixed = self.bending(terrain, slots, 0.0)
        growing = self.bending(terrain, slots, 1.0) - fixed
        step = self.step(terrain, slots)
        return max(FADE * terrain.gradient, step * fixed / max(1 - step * growing, 0.1))

    def step(self, terrain: Terrain, slots: int) -> float:
        """The step to take with windows of so many slots."""
        if not terrain.plateau:
            planned = self.planned(terrain)
            bending = self.bending(terrain, slots, planned)
            return planned / bending if bending > 0 else math.inf
        return min(self.lasting(terrain, slots), self.leap(terrain, slots))

    def lasting(self, terrain: Terrain, slots: int) -> float:
        """The step that noise and stability allow, whatever the gradient is now."""
        noise = self.noise(terrain, slots, 0.0) + self.shown(terrain, slots, 0.0)
        held = 4 * HELD * terrain.level / noise if noise > 0 else math.inf
        return min(held, CALM * self.limit(terrain, slots))

    def leap(self, terrain: Terrain, slots: int) -> float:
        """The step beyond which updates leave the range where slopes hold."""
        update = self.rms(terrain, slots, terrain.gradient)
        return terrain.linear / update if update > 0 else math.inf

    def limit(self, terrain: Terrain, slots: int) -> float:
        """The step beyond which the cost rises even without noise."""
        steady = Terrain(0.0, 0.0, 1.0, 1.0, terrain.trace, terrain.bend, 0.0)
        bending = self.bending(steady, slots, 1.0)
        return 2 / bending if bending > 0 else math.inf

    def gain(self, terrain: Terrain, slots: int, gradient: float, eta: float) -> float:
        """By how much one update lowers the cost."""
        bending = self.bending(terrain, slots, gradient)
        update = eta * self.rms(terrain, slots, gradient)
        lost = terrain.slope * terrain.write_variance(update) / 2
        return eta * gradient - eta**2 * bending / 2 - lost

    def rates(
        self, terrain: Terrain, write_cost: float = 0.0, longest: int = LONGEST
    ) -> dict[int, float]:
        """Gain per evaluation for every window; a write counts `write_cost` of them.

        Windows whose updates would be lost are left out, unless all would be.
        """
        late = replace(
            terrain,
            total=terrain.total * LATE / FADE,
            gradient=terrain.gradient * LATE / FADE,
        )
        now, gradient = self.planned(terrain), self.planned(late)
        found, lost = {}, {}
        for double in range(max(1, longest).bit_length()):
            slots = self.clock.tau_x << double
            eta = self.step(late, slots)
            gain = self.gain(late, slots, gradient, eta)
            rate = gain / (self.evaluations(slots) + write_cost)
            update = self.step(terrain, slots) * self.rms(terrain, slots, now)
            (found if update >= terrain.least_update else lost)[slots] = rate
        return found or dict(list(lost.items())[-1:])

    def window(
        self, terrain: Terrain, write_cost: float = 0.0, longest: int = LONGEST
    ) -> int:
        """tau_theta: the shortest window that is nearly as fast as the fastest."""
        rates = self.rates(terrain, write_cost, longest)
        best = max(rates.values())
        near = [
            n for n, rate in rates.items() if rate >= best - (1 - CLOSE) * abs(best)
        ]
        return min(near)
