"""A measurement dealt to several devices: every row once, in parts that stand alone.

Groups of samples are dealt whole where there are enough; else the slots of a group are
cut, never between a pair. A part that is cut off from its group's rest gets a rest of
its own, on the device that measures it: chips differ, and so do their costs at rest.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from plexgrad.core.validate import positive_int
from plexgrad.lab.device import Measurement, Shown
from plexgrad.lab.perturbations import Codes, Perturbations


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a measurement, and how it goes back.

    `rows` of the whole come from here; with `own_rest` one more, the first, is measured
    so that the others can be moved to the rest at row `rest_at` of the whole.
    """

    perturbations: Perturbations
    shown: Shown
    rows: int
    own_rest: bool = False
    rest_at: int = 0


def deal(what: Perturbations, shown: Shown, shares: int) -> list[Part]:
    """At most so many parts, in the order of the rows. Raises ValueError for no row."""
    positive_int("shares", shares)
    groups = shown.groups
    if groups >= shares:
        ends = [round(n * groups / shares) for n in range(shares + 1)]
        pairs = zip(ends[:-1], ends[1:], strict=True)
        return [_groups(what, shown, groups, low, high) for low, high in pairs]
    parts: list[Part] = []
    for group in range(groups):
        whole = _groups(what, shown, groups, group, group + 1)
        count = shares // groups + (group < shares % groups)
        first = sum(part.rows for part in parts)
        parts += (
            replace(part, rest_at=first) if part.own_rest else part
            for part in _cut(whole, count)
        )
    return parts


def in_calls(what: Perturbations, shown: Shown, most: int) -> list[Part]:
    """Parts of at most so many rows each (0: any number), for one device."""
    whole = _groups(what, shown, shown.groups, 0, shown.groups)
    if not most or whole.rows <= most:
        return [whole]
    shares = math.ceil(whole.rows / most)
    while True:
        parts = deal(what, shown, shares)
        if all(part.rows + part.own_rest <= most for part in parts):
            return parts
        if len(parts) < shares:
            raise ValueError(f"rows must be {most} at most, and cannot be cut to that")
        shares += 1


def gathered(parts: Sequence[Part], found: Sequence[Measurement]) -> Measurement:
    """The measurement of the whole from those of its parts, row by row."""
    if len(found) == 1:
        return found[0]
    cost, outputs, hits = (
        _joined(parts, [getattr(each, name) for each in found], name)
        for name in ("cost", "outputs", "hits")
    )
    marks = [each.saturated for each in found if each.saturated is not None]
    return Measurement(
        cost=cost,
        outputs=outputs,
        hits=hits,
        timestamp=max(each.timestamp for each in found),
        device_seconds=sum(each.device_seconds for each in found),
        clock=found[0].clock,
        settle_ok=all(each.settle_ok for each in found),
        saturated=np.any(marks, axis=0) if marks else None,
    )


def _joined(
    parts: Sequence[Part], arrays: Sequence[np.ndarray | None], name: str
) -> np.ndarray | None:
    rows: list[np.ndarray] = []
    for part, array in zip(parts, arrays, strict=True):
        if array is None:
            return None
        if not part.own_rest:
            rows.append(array)
            continue
        moved = array[1:]
        if name == "cost":
            before = np.concatenate(rows)
            moved = (before[part.rest_at] + (moved - array[0])).astype(array.dtype)
        rows.append(moved)
    return np.concatenate(rows)


def _groups(
    what: Perturbations, shown: Shown, groups: int, low: int, high: int
) -> Part:
    """The part of the groups from `low` to `high`."""
    if isinstance(what, Codes):
        each = what.count // groups
        start, count = what.start + low * each, (high - low) * each
        cut: Perturbations = replace(what, start=start, count=count)
        rows = cut.count_rows(high - low)
    else:
        each = len(what) // groups
        cut = what[low * each : high * each]
        rows = len(cut)
    seen = shown
    if high - low < groups:
        names = ("x", "y", "index")
        arrays = {name: getattr(shown, name) for name in names}
        some = {k: None if a is None else a[low:high] for k, a in arrays.items()}
        seen = replace(shown, **some)
    return Part(cut, seen, rows)


def _cut(whole: Part, count: int) -> Iterator[Part]:
    """A part of one group in at most `count` parts of its slots."""
    what = whole.perturbations
    if isinstance(what, Codes):
        slots, rest = what.count, what.reference == "baseline"
    else:
        rest = len(what) > 1 and not what[0].any()
        slots = (len(what) - rest) // _each(what, rest)
    count = min(count, slots)
    ends = [round(n * slots / count) for n in range(count + 1)]
    for low, high in zip(ends[:-1], ends[1:], strict=True):
        own = bool(rest and low)
        if isinstance(what, Codes):
            cut: Perturbations = replace(what, start=what.start + low, count=high - low)
            rows = cut.count_rows() - own
        else:
            each = _each(what, rest)
            cut = what[rest + low * each : rest + high * each]
            rows = len(cut) + (rest and not own)
            cut = np.concatenate([what[:1], cut]) if rest else cut
        yield Part(cut, whole.shown, int(rows), own)


def _each(rows: np.ndarray, rest: bool) -> int:
    """Rows of a slot: two for pairs side by side."""
    if rest or len(rows) % 2 or not np.array_equal(rows[::2], -rows[1::2]):
        return 1
    return 2
