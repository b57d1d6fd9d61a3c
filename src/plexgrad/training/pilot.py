r"""A pilot descent: it tells the terrain along the way, and how fast it really goes.

Each segment is longer than the last and takes the step that was best by what was known
before it. Every slot tells gradient power and curvature. Costs of the same few batches
before and after a segment tell the descent; solved for G, the balance of `step_size`,

$-\Delta C = \eta G - \frac12 \eta^2 A - \frac12 w^2\,\mathrm{tr}H$ per update,

gives the gradient power that all batches share.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from plexgrad.training.probing import Probing
from plexgrad.training.step_size import Method, Terrain

CHECKED = 16
"""Batches whose costs are compared."""

SEGMENTS = (1, 2, 4, 8)
"""Lengths of the segments, relative to each other."""

SURE = 3.0
"""Standard errors by which the cost must have fallen, or this is a plateau."""

TINY = 1e-12
"""The least variance of a curvature."""

FAINT = 0.02
"""The least share of a batch's gradient power that is believed to be common to all."""


@dataclass(frozen=True)
class Segment:
    """One stretch of the pilot: its setting, and the terrain found along it.

    `cost` is that after it, `spread` its standard deviation over batches, `drop` by how
    much it fell, with its standard error.
    """

    slots: int
    tau_theta: int
    eta: float
    cost: float
    spread: float
    drop: float
    error: float
    terrain: Terrain


def descend(
    bench: Probing, method: Method, terrain: Terrain, slots: int, write_cost: float
) -> list[Segment]:
    """The segments of a descent of about so many slots.

    `method` takes antithetic pairs. Raises ValueError if the cost is no longer finite.
    """
    code, tau_x = method.estimator.code, method.clock.tau_x
    fixed = bench.show(CHECKED)

    def check() -> np.ndarray:
        return bench.readings(code, (0.0,), fixed)[:, 0]

    start = before = check()
    segments: list[Segment] = []
    first = terrain = replace(terrain, level=_level(start, terrain.noise))
    for part in SEGMENTS:
        length = max(1, slots * part // sum(SEGMENTS))
        window = method.window(terrain, write_cost, max(1, length // tau_x))
        updates = max(1, length // window)
        eta = method.step(terrain, window)
        told = [bench.window(code, window, tau_x, eta) for _ in range(updates)]
        after = check()
        if not np.isfinite(after).all():
            raise ValueError(
                f"the cost must stay finite, got {after.mean()} after {updates} "
                f"updates with eta = {eta:.3g}"
            )
        odd = np.concatenate([each.odd for each in told])
        even = np.concatenate([each.even for each in told])
        terrain = _seen(method, terrain, first, odd, even).no_flatter(first)
        terrain = replace(terrain, level=_level(after, terrain.noise))
        fallen, doubt = _mean(start - after)
        terrain = replace(terrain, plateau=fallen < SURE * doubt)
        drop, error = _mean(before - after)
        terrain = _shared(bench, method, terrain, window, eta, drop / updates)
        segments.append(
            Segment(
                updates * window,
                window,
                eta,
                terrain.level,
                float(np.std(after, ddof=1)),
                drop,
                error,
                terrain,
            )
        )
        before = after
    return segments


def proven(segments: list[Segment], slots: int) -> float:
    """The largest step that was seen to lower the cost with windows of so many slots.

    0 if none was.
    """
    etas = (
        each.eta
        for each in segments
        if each.tau_theta == slots and each.drop > SURE * each.error
    )
    return max(etas, default=0.0)


def _level(costs: np.ndarray, noise: float) -> float:
    """The mean cost; what noise hides, or makes negative, is taken to be its size."""
    return max(float(costs.mean()), noise / math.sqrt(costs.size))


def _mean(values: np.ndarray) -> tuple[float, float]:
    """The mean and its standard error."""
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    return float(np.mean(values)), float(error)


def _seen(
    method: Method, terrain: Terrain, known: Terrain, odd: np.ndarray, even: np.ndarray
) -> Terrain:
    """The terrain with the gradient power that slots have told, and the curvature.

    The latter with what was `known` before, each as it was sure: of n readings of
    variance s the mean has the variance s / n, and s itself about 2 s^2 / n.
    """
    power = method.estimator.code.power(method.layout)
    total = (float(np.mean(odd**2)) - terrain.noise**2 / 2) / power
    total = max(total, FAINT * terrain.total)
    terrain = replace(terrain, total=total, gradient=min(terrain.gradient, total))
    bends = 2 * even / power
    if len(bends) < 2:
        return terrain
    scatter = max(float(np.var(bends, ddof=1)), TINY)
    square = max(scatter - 6 * terrain.noise**2 / power**2, 0.0) / 2
    before, count = max(known.scatter, TINY), len(bends)
    means = count / scatter, known.readings / before
    squares = count / scatter**2, known.readings / before**2
    return replace(
        terrain,
        trace=float(np.average((bends.mean(), known.trace), weights=means)),
        bend=math.sqrt(np.average((square, known.bend**2), weights=squares)),
    )


def _shared(
    bench: Probing,
    method: Method,
    terrain: Terrain,
    window: int,
    eta: float,
    fall: float,
) -> Terrain:
    """The terrain with the gradient power that an update's mean fall tells."""
    if bench.order.batch == bench.order.size and bench.order.sampling == "epoch":
        return replace(terrain, gradient=terrain.total)
    bent = method.bending(terrain, window, terrain.gradient)
    update = eta * method.rms(terrain, window, terrain.gradient)
    lost = terrain.slope * terrain.write_variance(update)
    shared = (fall + eta**2 * bent / 2 + lost / 2) / eta
    share = np.clip(shared, FAINT * terrain.total, terrain.total)
    return replace(terrain, gradient=float(share))
