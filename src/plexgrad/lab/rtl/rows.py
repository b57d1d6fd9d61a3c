"""Rows of a measurement: weights to write to the chip, or codes for it to add."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from plexgrad.lab import shifts
from plexgrad.lab.device import Refused, Shown
from plexgrad.lab.perturbations import Codes
from plexgrad.lab.rtl.data import Data
from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.engine import Engine
from plexgrad.lab.rtl.model import Settings


@dataclass(frozen=True, eq=False)
class Row:
    """One cost: with `weights` (P,) written first, or a register's codes added."""

    weights: np.ndarray | None = None
    register: int = 1
    amplitude: int = 0
    negative: bool = False


def by_arrays(
    design: Design, weights: Int64[np.ndarray, " P"], offsets: np.ndarray
) -> tuple[list[Row], Bool[np.ndarray, " P"]]:
    """A row for each of `offsets` (rows, P), and which weights meet the word's end.

    Raises Refused for rows of another length.
    """
    if offsets.shape[1:] != weights.shape:
        raise Refused(
            f"perturbations must have {len(weights)} columns, got {offsets.shape}"
        )
    wanted = weights + np.rint(offsets * np.float64(design.one)).astype(np.int64)
    written = np.clip(wanted, -design.largest, design.largest)
    return [Row(row) for row in written], (written != wanted).any(axis=0)


def by_codes(design: Design, codes: Codes, groups: int) -> list[Row]:
    """The rows of codes in the order of measuring.

    Raises Refused for a kind that the chip does not make.
    """
    if codes.kind != design.code:
        raise Refused(f"this chip makes {design.code} codes, got {codes.kind}")
    if codes.count % groups:
        raise Refused(f"slots must be dealt to {groups} groups, got {codes.count}")
    amplitude = amplitude_of(design, codes.amplitude)
    rows, each = [], codes.count // groups
    for slot, pattern in enumerate(codes.slots):
        if codes.reference == "baseline" and slot % each == 0:
            rows.append(Row())
        where = codes.kind, codes.key, int(pattern), design.synapses
        register = shifts.register_at(*where)
        rows.append(Row(None, register, amplitude))
        if codes.reference == "antithetic":
            rows.append(Row(None, register, amplitude, True))
    return rows


def amplitude_of(design: Design, amplitude: float | int) -> int:
    """An amplitude in steps of a weight. Raises Refused if there is none such."""
    made = round(amplitude * design.one)
    if not 1 <= made <= design.limit:
        low, high = 1 / design.one, design.limit / design.one
        raise Refused(f"amplitude must be in [{low:g}, {high:g}], got {amplitude:g}")
    return made


def measured(
    engine: Engine, data: Data, rows: list[Row], shown: Shown, want: str
) -> np.ndarray:
    """The mean cost of every row (rows,), or its outputs (rows, batch, outputs)."""
    if len(rows) % shown.groups:
        raise Refused(f"rows must be dealt to {shown.groups} groups, got {len(rows)}")
    design, each = data.design, len(rows) // shown.groups
    total = np.zeros(len(rows), np.int64)
    told = np.zeros((len(rows), shown.batch, design.outputs), np.int64)
    for group in range(shown.groups):
        seen = 0
        for window, count in data.windows(engine, shown, group):
            for number in range(group * each, (group + 1) * each):
                row = rows[number]
                if row.weights is not None:
                    engine.load(0, row.weights)
                if want == "cost":
                    total[number] += _probed(engine, row, window, count)
                    continue
                for n in range(count):
                    _probed(engine, row, window + n, 1)
                    told[number, seen + n] = engine.said()
            seen += count
    if want == "outputs":
        return data.levels.told(told / design.one).astype(np.float32)
    return (total * data.scale(shown.batch)).astype(np.float32)


def _probed(engine: Engine, row: Row, window: int, count: int) -> int:
    engine.configure(Settings(row.amplitude, batch=count))
    return engine.probe(row.register, row.negative, window)
