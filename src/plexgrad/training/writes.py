r"""What a write leaves besides what it was told to, found from the cost alone.

Two questions, each asked along a few random sign patterns of root mean square u, the
size of a typical update:

- *Does an update arrive?* It is written a few times over; the change of the cost is
  set against that under a perturbation of the same size. A memory that rounds to the
  nearest level loses updates below half a level; then a larger u is tried.
- *What does a write add?* Updates that cancel, +u and -u in turn, are written m times,
  with a `SMALLER` u, since updates shrink as the gradient fades.
  Errors of variance w^2 per parameter change the cost by $x |\nabla C|^2$ in variance
  and by $x\, \mathrm{tr}H / 2$ on average, $x = m w^2$, on top of the readings' noise.
  m grows until that shows, or until w is too small to matter. If it shows, the same
  writes of nothing tell which part grows with u.
"""

import math
from dataclasses import replace

import numpy as np

from plexgrad.codes import Rademacher
from plexgrad.core.layout import scale
from plexgrad.training.probing import Probing
from plexgrad.training.step_size import Terrain

SIGNS = Rademacher(1.0)
TRIALS = 6
READS = 4
FORWARD = 16
"""Writes in one direction, at most."""

SHAKES = (8, 32, 128, 512)
"""Writes that cancel, in turn until their error shows."""

SURE = 3.0
"""Standard errors by which an error must stand out of the noise."""

MATTERS = 0.25
"""Errors below this share of an update do not matter."""

ARRIVES = 0.5
"""The share of an update that must arrive."""

SMALLER = 0.25
"""The updates whose errors are sought, relative to today's: the gradient fades."""

LARGER = 4.0
"""By how much a larger update is tried, so many times at most:"""
LARGER_TRIES = 3


def with_writes(
    bench: Probing, terrain: Terrain, update: float, most: float
) -> Terrain:
    """The terrain with what was found of writes of updates of size `update`.

    `most` is the largest displacement per parameter that is still linear.
    """
    for _ in range(LARGER_TRIES):
        share, sure = arriving(bench, update, most, terrain.noise)
        if share >= ARRIVES or not sure:
            break
        update *= LARGER
        terrain = replace(terrain, least_update=update)
    update *= SMALLER
    busy, times = 0.0, 1
    for times in SHAKES:
        busy, least = shaken(bench, terrain, update, times)
        if busy > 0 or least < (MATTERS * update) ** 2:
            break
    if not busy:
        return terrain
    still = shaken(bench, terrain, 0.0, times)[0]
    if busy < SURE * still:
        # Six trials tell a variance to within a factor of two: the two are one.
        busy = still = (busy + still) / 2
    rate = (busy - still) / update
    return replace(terrain, write=math.sqrt(still), write_rate=rate)


def arriving(
    bench: Probing, update: float, most: float, noise: float
) -> tuple[float, bool]:
    """The share of an update that arrives, and whether the noise allows to say so."""
    times = int(np.clip(most / update, 1, FORWARD))
    far = Rademacher(times * update)
    wanted, made = np.zeros(TRIALS), np.zeros(TRIALS)
    for trial in range(TRIALS):
        shown = bench.show(1)
        turns = (0.0,) * READS + (1.0,) * READS
        along = bench.direction(far, len(turns))
        costs = bench.readings(far, turns, shown)[0]
        rest, told = costs[:READS].mean(), costs[READS:].mean()
        bench.write(scale(along, 1 / times), times)
        wanted[trial] = told - rest
        made[trial] = _cost(bench, shown) - rest
        bench.write(scale(along, -1 / times), times)
    power = float(wanted @ wanted)
    blur = noise * math.sqrt(2 / READS / power) if power > 0 else math.inf
    share = float(made @ wanted) / power if power > 0 else 1.0
    return share, blur < (1 - ARRIVES) / 2


def shaken(
    bench: Probing, terrain: Terrain, size: float, times: int
) -> tuple[float, float]:
    """The variance that a write adds (0 if none is seen), and the least to be seen.

    Writes of +size and -size in turn, so many times in each of the trials.
    """
    shown = bench.show(1)
    costs = [_cost(bench, shown)]
    for _ in range(TRIALS):
        bench.shake(scale(bench.direction(SIGNS, READS), size), times)
        costs.append(_cost(bench, shown))
    blur = 2 * terrain.noise**2 / READS
    bar = 1 + SURE * math.sqrt(2 / TRIALS)
    seen = float(np.mean(np.diff(costs) ** 2))
    found = _moved(terrain, seen - blur) / times if seen > bar * blur else 0.0
    return found, _moved(terrain, (bar - 1) * blur) / times


def _cost(bench: Probing, shown: np.ndarray) -> float:
    return float(bench.readings(SIGNS, (0.0,) * READS, shown).mean())


def _moved(terrain: Terrain, square: float) -> float:
    """The squared displacement x that changes the cost by so much, in mean square."""
    bent = terrain.slope**2 / 4
    root = math.sqrt(terrain.total**2 + 4 * bent * square)
    return 2 * square / (terrain.total + root)
