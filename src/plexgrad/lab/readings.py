"""One policy for what a device answers: checked once, here, whichever the driver.

An answer has the number of rows, the shapes and the kinds of numbers that were asked
for, or it is none. A row that is not finite, or holds an instrument's mark for "over
range" or "no number", was not read. Both are asked for again, a few times, and counted.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool

from plexgrad.lab.capabilities import Capabilities
from plexgrad.lab.device import Measurement, Shown

AGAIN = 3
"""Times that a reading which cannot be believed is measured again."""

MARK = 9.8e37
"""SCPI writes 9.9e37 for infinity and 9.91e37 for no number; nothing real is as far."""

CLOCKS = ("measured", "estimated", "none")
NUMBERS = "iuf"


class Misread(ValueError):
    """The device answered with something else than what was asked for."""


def sound(
    ask: Callable[[], Any],
    again: Callable[[], Any],
    checked: Callable[[Any], Measurement],
    count: Callable[[str, int], object],
) -> Measurement:
    """The answer to `ask`, as `checked` makes it, and of `again` where it was wrong.

    Rows that are never read stay NaN. `count` hears of each turn: why, and how many
    rows. Raises Misread if no turn brings an answer.
    """
    best: Measurement | None = None
    for turn in range(AGAIN + 1):
        call = again if turn else ask
        try:
            found = checked(call())
        except Misread as error:
            if turn == AGAIN and best is None:
                raise
            count(str(error), 0)
            continue
        best = found if best is None else patched(best, found)
        wrong = unread(best)
        if not wrong.any():
            return best
        if turn < AGAIN:
            count("not finite or over range", int(wrong.sum()))
    if best is None:
        raise Misread("the device must answer, got nothing")
    return best


def checked(
    found: Any, rows: int, shown: Shown, want: str, can: Capabilities
) -> Measurement:
    """An answer as float32 of the right shapes, marks as NaN.

    Raises Misread, with what must be and what came.
    """
    if not all(hasattr(found, name) for name in ("cost", "outputs", "hits")):
        raise Misread(f"an answer must be a Measurement, got {type(found).__name__}")
    batch = shown.batch
    cost = _array("cost", found.cost, (rows,))
    outputs = _array("outputs", found.outputs, (rows, batch or None, can.outputs))
    hits = _array("hits", found.hits, (rows,))
    given = {"cost": cost, "outputs": outputs}.get(want, cost)
    if given is None:
        raise Misread(f"an answer must hold {want} for {rows} rows, got none")
    if hits is not None and not ((hits >= 0) & (hits <= max(1, batch))).all():
        raise Misread(f"hits must be in [0, {max(1, batch)}], got {hits.tolist()[:4]}")
    _books(found, can.parameters)
    if not isinstance(found, Measurement):
        return Measurement(cost, outputs, hits)
    return replace(found, cost=cost, outputs=outputs, hits=hits)


def parameters(found: Any, count: int) -> np.ndarray:
    """Parameters (P,) as float32. Raises Misread if they are not P finite numbers."""
    theta = _array("parameters", found, (count,))
    if theta is None or not np.isfinite(theta).all():
        wrong = "none" if theta is None else "nan or over range"
        raise Misread(f"parameters must be {count} finite numbers, got {wrong}")
    return theta


def unread(found: Measurement) -> Bool[np.ndarray, " rows"]:
    """The rows that were not read."""
    arrays = [each for each in (found.cost, found.outputs) if each is not None]
    wrong = [~np.isfinite(each).reshape(len(each), -1) for each in arrays]
    return np.asarray(np.concatenate(wrong, axis=1).any(axis=1))


def patched(before: Measurement, after: Measurement) -> Measurement:
    """The measurement before, with the rows of the one after that were missing."""
    where = unread(before)
    arrays = {}
    for name in ("cost", "outputs", "hits"):
        old, new = getattr(before, name), getattr(after, name)
        if old is None or new is None:
            arrays[name] = old if new is None else new
            continue
        chosen = where.reshape(-1, *(1,) * (old.ndim - 1))
        arrays[name] = np.where(chosen, new, old)
    return replace(before, **arrays)


def _array(name: str, value: Any, shape: tuple[int | None, ...]) -> np.ndarray | None:
    """Numbers of a shape as float32, marks as NaN; None stays None.

    A size of None is any. What float32 cannot hold becomes infinite.
    """
    if value is None:
        return None
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise Misread(f"{name} must be an array of numbers: {error}") from None
    wanted = tuple("any" if size is None else size for size in shape)
    if array.dtype.kind not in NUMBERS:
        raise Misread(f"{name} must be real numbers, got {array.dtype}")
    alike = len(array.shape) == len(shape) and all(
        size in (None, here) for size, here in zip(shape, array.shape, strict=True)
    )
    if not alike:
        raise Misread(f"{name} must have shape {wanted}, got {array.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        array = array.astype(np.float32, copy=False)
        return np.where(np.abs(array) >= MARK, np.float32(np.nan), array)


def _books(found: Any, count: int) -> None:
    """Raise Misread unless what the device says beside its costs can be counted."""
    spent, clock = getattr(found, "device_seconds", 0.0), getattr(found, "clock", "")
    number = isinstance(spent, int | float | np.number) and not isinstance(spent, bool)
    if not (number and math.isfinite(spent) and spent >= 0):
        raise Misread(f"device_seconds must be at least 0, got {spent!r}")
    if clock and clock not in CLOCKS:
        raise Misread(f"clock must be one of {', '.join(CLOCKS)}; got {clock!r}")
    when = getattr(found, "timestamp", 0.0)
    if not isinstance(when, int | float | np.number) or not math.isfinite(when):
        raise Misread(f"timestamp must be seconds, got {when!r}")
    settled = getattr(found, "settle_ok", True)
    if not isinstance(settled, bool | np.bool_):
        raise Misread(f"settle_ok must be true or false, got {settled!r}")
    marks = getattr(found, "saturated", None)
    if marks is None:
        return
    kind = getattr(getattr(marks, "dtype", None), "kind", type(marks).__name__)
    if kind not in ("b", "i", "u") or marks.shape != (count,):
        shape = getattr(marks, "shape", "none")
        raise Misread(
            f"saturated must be {count} marks, true or false, got {kind} {shape}"
        )
