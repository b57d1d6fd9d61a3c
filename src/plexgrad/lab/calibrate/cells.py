r"""Which cells do not hold what is written: found by halving, in a few writes.

A cell that works costs the same whether it is written to $\theta + \delta$, or stays at
$\theta$ and is perturbed by $\delta$. All cells are moved together; if both costs
differ, either half is asked, and so down to single cells: about $2 \log_2 P$ writes for
each bad one, none more for the good. What is read back is compared on the way.
"""

from dataclasses import dataclass

import numpy as np

from plexgrad.lab.calibrate.meter import Meter
from plexgrad.lab.capabilities import Capabilities

MOVES = (1.0, 0.25, 1.0, 0.25)
"""How far cells are moved, by other random signs each time.

By one pattern a stuck cell may stay where it is; far away neurons may be silent.
"""

REPEATS = 8
SURE = 5.0
ROUNDING = 2.0**-20


@dataclass(frozen=True)
class Cells:
    """`stuck` cells do not follow their writes; `unread` ones do not read as written.

    `checked` is how many cells were told to be good or bad; the others were in sets
    that differ, but for which no writes were left. `why` says so if none was.
    """

    stuck: tuple[int, ...]
    unread: tuple[int, ...]
    checked: int
    writes: int
    evaluations: int
    why: str = ""


def followed(
    meter: Meter,
    index: np.ndarray,
    key: str,
    amplitude: float | int,
    noise: float | int,
    most: int,
) -> Cells:
    """Compare writes with perturbations of `amplitude`, with at most so many writes."""
    bench, can = meter.bench, meter.bench.can
    theta, begun = bench.shadow.copy(), meter.spent
    if why := _impossible(can):
        return Cells((), (), 0, 0, 0, why)
    random, writes = np.random.default_rng(3), 0
    unread: set[int] = set()

    def differs(cells: np.ndarray) -> bool:
        nonlocal writes
        for move in MOVES:
            size = _in_steps(move * amplitude, can)
            signs = np.where(random.random(len(cells)) < 0.5, -1.0, 1.0)
            signs = np.where(theta[cells] + size > can.high[cells], -1.0, signs)
            signs = np.where(theta[cells] - size < can.low[cells], 1.0, signs)
            wanted = theta.copy()
            wanted[cells] += np.float32(size) * signs.astype(np.float32)
            held = can.held(wanted)
            row = np.repeat((held - theta)[None], REPEATS, axis=0)
            told = meter.cost(row, index, key).mean()
            meter.write(held)
            writes += 1
            unread.update(_unread(meter, held))
            made = meter.rest(index, key, REPEATS).mean()
            meter.write(theta)
            bar = SURE * noise * np.sqrt(2 / REPEATS) + ROUNDING * abs(told)
            if abs(made - told) > bar:
                return True
        return False

    asked, stuck, unsure = [np.arange(can.parameters)], [], 0
    while asked:
        cells = asked.pop()
        if writes + len(MOVES) > most:
            unsure += len(cells)
        elif differs(cells):
            if len(cells) == 1:
                stuck.append(int(cells[0]))
            else:
                asked += np.array_split(cells, 2)
    return Cells(
        tuple(sorted(stuck)),
        tuple(sorted(unread)),
        can.parameters - unsure,
        writes,
        meter.spent - begun,
    )


def _impossible(can: Capabilities) -> str:
    """Why writes cannot be compared with perturbations, or nothing."""
    if can.perturbs_by_writing:
        return "perturbations are writes on this device"
    both = np.stack([can.step, np.full_like(can.step, can.amplitude_step)])
    places = both.max(axis=0) / np.where(both.min(axis=0) > 0, both.min(axis=0), np.inf)
    if np.abs(places - np.rint(places)).max() > 1e-3:
        return (
            f"perturbations are on steps of {can.amplitude_step:g}, parameters on "
            f"steps of {can.step.max():g}, and neither is a multiple of the other"
        )
    return ""


def _in_steps(size: float | int, can: Capabilities) -> float:
    """The nearest size that a perturbation can have too; one step at least."""
    if not can.amplitude_step:
        return float(size)
    return max(1, round(size / can.amplitude_step)) * float(can.amplitude_step)


def _unread(meter: Meter, held: np.ndarray) -> list[int]:
    """The cells that do not read as they were written, where they should."""
    can = meter.bench.can
    if not can.exact_writes:
        return []
    seen = meter.read()
    slack = np.maximum(can.step, 1e-5 * (can.high - can.low))
    return np.flatnonzero(np.abs(seen - held) > slack).tolist()
