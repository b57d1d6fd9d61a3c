r"""How large a perturbation should be, from costs at many amplitudes.

Along a pattern $\tilde\theta$ half the difference of the costs at $\theta \pm
\tilde\theta$ is $\tilde\theta \cdot \nabla C$ plus a cubic departure, and their mean
less the cost at rest is $\frac12 \tilde\theta^T H \tilde\theta$. Over the root of the
code's power p (the mean square of one parameter's perturbation) the first has the power
$t = |\nabla C|^2$, noise of power $\sigma^2 / 2p$, and a departure of power $E p^2$;
2 / p times the second has the mean tr H and, for random signs, the variance $2 |H|^2$.

After as many slots as there are parameters the error power of an estimate is

$\epsilon(p) = \sigma_s^2 / p + 2 E p^2$, with $\sigma_s^2 = \sigma^2 / 2$ for
antithetic pairs, $2 \sigma^2 + \frac14 p^2 (\mathrm{tr}^2 H + 2 |H|^2)$ for a baseline,

besides crosstalk of power t, which no amplitude changes. E counts twice: as noise, and
as the bias that all of it may be. For pairs the least error is at $p^3 = \sigma^2/8E$,
so the amplitude goes as $\sigma^{1/3}$; for a baseline, where curvature sets in before,
as $\sigma^{1/2}$. But training makes departures grow, and error that is small beside
crosstalk is not worth lessening: the least p is best at which $\epsilon$ is a share
`ENOUGH` of what crosstalk will be later, `FADE` t.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from plexgrad.core.probe import Reference
from plexgrad.training.step_size import FADE

ENOUGH = 0.1
"""Noise is small at this share of the crosstalk, both after as many slots as P."""

MARGIN = 1 / 16
"""The least power, relative to that of least error: noise may have been missed."""

LINEAR = 0.1
"""The departure of a linear amplitude, at most, as a share of the gradient's power."""

SURE = 3.0
"""Standard errors by which something must stand out to be seen."""

FINE = 2001
"""Powers at which the error is compared."""


@dataclass(frozen=True)
class Scan:
    """What an amplitude scan tells; arrays have one value per amplitude.

    `odd` is the power of the slopes, `departure` that of their departure from the
    linear ones, `floor` that of noise, all three in units of `total`, the gradient
    power t. `seen` is whether that stands out of the noise at all. `trace` and `bend`
    are tr H and |H|, from readings of tr H whose variance is `scatter`, one for each of
    the `directions`; `cubic` is E (the most that may be there, unless `departs`).
    Amplitudes from `least` to `most` are linear and above the noise; smaller ones than
    `dead` do not move the cost as they should (0: there are none).
    """

    amplitudes: Float[np.ndarray, " levels"]
    powers: Float[np.ndarray, " levels"]
    odd: Float[np.ndarray, " levels"]
    departure: Float[np.ndarray, " levels"]
    floor: Float[np.ndarray, " levels"]
    total: float
    seen: bool
    trace: float
    bend: float
    scatter: float
    directions: int
    cubic: float
    departs: bool
    least: float
    most: float
    dead: float

    def best_power(self, noise: float, reference: Reference) -> float:
        """The least power with little noise, or where there is none, of least error.

        Among those of amplitudes that were tried, and not far from that of least error.
        """
        low, high = self.powers[0], self.powers[-1]
        if self.dead:
            low = low * (self.dead / self.amplitudes[0]) ** 2
        tried = np.geomspace(low, high, FINE)
        best = float(tried[np.argmin(self.error(tried, noise, reference))])
        near = tried[tried >= MARGIN * best]
        enough = near[self.is_enough(near, noise, reference)]
        return float(enough[0]) if len(enough) else best

    def is_enough(
        self,
        power: Float[np.ndarray, "*n"] | float,
        noise: float,
        reference: Reference,
    ) -> np.ndarray | np.bool_ | bool:
        """Whether the error at a power is small beside the crosstalk of the code."""
        return self.error(power, noise, reference) <= ENOUGH * FADE * self.total

    def error(
        self,
        power: Float[np.ndarray, "*n"] | float,
        noise: float,
        reference: Reference,
    ) -> Float[np.ndarray, "*n"] | float:
        """Error power of an estimate from P slots, by noise and departure."""
        signal = noise**2 / 2
        if reference != "antithetic":
            squares = self.trace**2 + 2 * self.bend**2
            signal = 2 * noise**2 + squares * power**2 / 4
        return signal / power + 2 * self.cubic * power**2


def scanned(
    amplitudes: Float[np.ndarray, " levels"],
    powers: Float[np.ndarray, " levels"],
    odd: Float[np.ndarray, "directions levels"],
    even: Float[np.ndarray, "directions levels"],
    noise: float,
) -> Scan:
    """Read a scan of growing amplitudes, at least 3; `powers` are the code's there.

    `noise`, above 0, is the standard deviation of one reading. A direction's linear
    slope is that of the two neighbouring amplitudes which agree best over all
    directions: noise, curvature and dead zones all spoil that.
    """
    slopes = odd / np.sqrt(powers)
    floor = noise**2 / (2 * powers)
    best, seen = _pair(slopes, powers, noise)
    pair = slice(best, best + 2)
    weight = powers[pair] / powers[pair].sum()
    line = slopes[:, pair] @ weight
    doubt = noise**2 / (2 * powers[pair].sum())
    total = max(float(np.mean(line**2)) - doubt, 0.0)
    share = np.zeros(len(powers))
    share[pair] = weight
    known = floor * (1 - 2 * share) + doubt
    departure = np.mean((slopes - line[:, None]) ** 2, 0) - known
    unsure = known * np.sqrt(2 / len(odd))
    linear = (departure - unsure < LINEAR * total) & (floor < total)
    low, high = best, best + 1
    while low and linear[low - 1]:
        low -= 1
    while high + 1 < len(powers) and linear[high + 1]:
        high += 1
    dead = bool(_dead(slopes, line, floor)[:low].any())
    cubic, departs = _cubic(powers, departure, unsure, best, total)
    trace, bend, scatter = _curvature(powers, even, noise, slice(low, high + 1))
    return Scan(
        amplitudes,
        powers,
        np.mean(slopes**2, 0),
        np.maximum(departure, 0.0),
        floor,
        total,
        seen,
        trace,
        bend,
        scatter,
        len(odd),
        cubic,
        departs,
        float(amplitudes[low]),
        float(amplitudes[high]),
        float(amplitudes[low]) if dead else 0.0,
    )


def roughness(
    powers: Float[np.ndarray, " levels"], even: Float[np.ndarray, "directions levels"]
) -> float:
    """The noise of a reading, as the two least amplitudes show it beside curvature.

    A cost that is rounded within has none at rest, and yet is not smooth.
    """
    share = powers[0] / powers[1]
    straight = even[:, 0] - share * even[:, 1]
    known = (1 + share**2) / 2 + (1 - share) ** 2
    return float(np.sqrt(np.mean(straight**2) / known))


def _pair(slopes: np.ndarray, powers: np.ndarray, noise: float) -> tuple[int, bool]:
    """The first of the two amplitudes that tell the slope, and whether any was seen.

    The two that agree best, among those that smaller ones do not speak against: at
    large amplitudes a cost may be straight again, with another slope.
    """
    few = np.sqrt(2 / len(slopes))
    floor = noise**2 / (2 * powers)
    found: list[tuple[bool, float, int]] = []
    for first in range(len(powers) - 1):
        pair, below = slice(first, first + 2), slice(0, first)
        line = slopes[:, pair] @ (powers[pair] / powers[pair].sum())
        power, doubt = np.mean(line**2), noise**2 / (2 * powers[pair].sum())
        if power <= (1 + SURE * few) * doubt:
            continue
        apart = np.mean((slopes[:, first + 1] - slopes[:, first]) ** 2)
        blur = floor[pair].sum()
        wrong = (max(apart - blur, 0.0) + few * blur + doubt) / power
        departure = np.mean((slopes[:, below] - line[:, None]) ** 2, 0)
        known = floor[below] + doubt
        bent = departure - known > LINEAR * power + SURE * few * known
        against = bent & ~_dead(slopes[:, below], line, floor[below])
        found.append((bool(against.any()), float(wrong), first))
    return (min(found)[2], True) if found else (len(powers) - 2, False)


def _dead(slopes: np.ndarray, line: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Where slopes are wrong by more than half, and noise is no excuse."""
    power = np.mean(line**2)
    wrong = np.abs(line @ slopes - line @ line) > 0.5 * (line @ line)
    return wrong & (floor * (1 + SURE * np.sqrt(2 / len(line))) < power / 2)


def _cubic(
    powers: np.ndarray,
    departure: np.ndarray,
    unsure: np.ndarray,
    best: int,
    total: float,
) -> tuple[float, bool]:
    """E, and whether a departure was seen; if not, the most that may be there."""
    middle = np.average(powers[best : best + 2], weights=powers[best : best + 2])
    above = np.arange(best + 2, len(powers))
    if not len(above):
        return float(LINEAR * total / powers[-1] ** 2), False
    laws = (powers[above] - middle) ** 2
    found = above[departure[above] > SURE * unsure[above]]
    if not len(found):
        return float(np.min(SURE * unsure[above] / laws)), False
    # The law is cubic only while the departure is small.
    small = found[departure[found] < total / 2]
    found = small if len(small) else found[:1]
    each = departure[found] / (powers[found] - middle) ** 2
    return float(np.exp(np.mean(np.log(each)))), True


def _curvature(
    powers: np.ndarray, even: np.ndarray, noise: float, linear: slice
) -> tuple[float, float, float]:
    """tr H and |H|, and the variance of what is read of tr H along one direction.

    From linear amplitudes, weighted by how well they are read.
    """
    weight = powers[linear] ** 2 / np.sum(powers[linear] ** 2)
    bends = (2 * even[:, linear] / powers[linear]) @ weight
    blur = float(np.sum(weight**2 * 6 * noise**2 / powers[linear] ** 2))
    scatter = float(np.var(bends, ddof=1))
    spread = max(0.0, scatter - blur)
    return float(np.mean(bends)), float(np.sqrt(spread / 2)), scatter
