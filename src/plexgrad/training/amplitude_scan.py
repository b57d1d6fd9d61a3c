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

besides crosstalk, which no amplitude changes. E counts twice: as noise, and as the bias
that all of it may be. For pairs the least error is at $p^3 = \sigma^2 / 8E$, so the
amplitude goes as $\sigma^{1/3}$; for a baseline, where curvature sets in before, as
$\sigma^{1/2}$.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from plexgrad.core.probe import Reference

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
    are tr H and |H|, `cubic` is E (the most that may be there, unless `departs`).
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
    cubic: float
    departs: bool
    least: float
    most: float
    dead: float

    def best_power(self, noise: float, reference: Reference) -> float:
        """The power of the least error, among those of amplitudes that were tried."""
        low, high = self.powers[0], self.powers[-1]
        if self.dead:
            low = low * (self.dead / self.amplitudes[0]) ** 2
        tried = np.geomspace(low, high, FINE)
        return float(tried[np.argmin(self.error(tried, noise, reference))])

    def error(
        self, power: Float[np.ndarray, " n"], noise: float, reference: Reference
    ) -> Float[np.ndarray, " n"]:
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
    # Where noise is no excuse, a small amplitude can fail only in a dead zone.
    excused = floor[:low] + SURE * unsure[:low] > total / 2
    dead = bool(low) and not excused.all()
    cubic, departs = _cubic(powers, departure, unsure, best, total)
    trace, bend = _curvature(powers, even, noise, slice(low, high + 1))
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
        cubic,
        departs,
        float(amplitudes[low]),
        float(amplitudes[high]),
        float(amplitudes[low]) if dead else 0.0,
    )


def _pair(slopes: np.ndarray, powers: np.ndarray, noise: float) -> tuple[int, bool]:
    """The first of the two amplitudes that agree best, and whether any was seen."""
    bar = 1 + SURE * np.sqrt(2 / len(slopes))
    best, least = len(powers) - 2, np.inf
    for first in range(len(powers) - 1):
        pair = slice(first, first + 2)
        line = slopes[:, pair] @ (powers[pair] / powers[pair].sum())
        if np.mean(line**2) <= bar * noise**2 / (2 * powers[pair].sum()):
            continue
        apart = np.mean((slopes[:, first + 1] - slopes[:, first]) ** 2)
        apart = apart / np.mean(slopes[:, pair] ** 2)
        if apart < least:
            best, least = first, apart
    return best, bool(np.isfinite(least))


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
) -> tuple[float, float]:
    """tr H and |H|, from linear amplitudes, weighted by how well they are read."""
    weight = powers[linear] ** 2 / np.sum(powers[linear] ** 2)
    bends = (2 * even[:, linear] / powers[linear]) @ weight
    blur = float(np.sum(weight**2 * 6 * noise**2 / powers[linear] ** 2))
    spread = max(0.0, float(np.var(bends, ddof=1)) - blur)
    return float(np.mean(bends)), float(np.sqrt(spread / 2))
