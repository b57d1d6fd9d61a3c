"""The curves of a record as `metrics.csv`, one line per method, point and seed."""

import csv
import io
from pathlib import Path

import numpy as np

from plexgrad.core.files import write_atomically
from plexgrad.core.record import Record
from plexgrad.report.facts import axis, methods

AXES = ("slot", "evaluations")


def write_metrics(record: Record, folder: str | Path) -> Path:
    """Write `metrics.csv` into `folder`; a cell is empty where nothing was measured.

    Numbers are written so that reading them gives the same floats again.
    """
    columns = list(
        dict.fromkeys(
            name
            for _, each in methods(record)
            for name in each.curves
            if name not in AXES
        )
    )
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["method", "slot", "evaluations", "seed", *columns])
    for name, each in methods(record):
        table.writerows([name, *row] for row in _rows(each, columns))
    path = Path(folder) / "metrics.csv"
    write_atomically(path, text.getvalue().encode())
    return path


def _rows(record: Record, columns: list[str]) -> list[list[str]]:
    slots, spent = axis(record, "slot"), axis(record, "evaluations")
    curves = {
        name: np.asarray(record.curves[name], dtype=float)
        for name in columns
        if name in record.curves
    }
    seeds = max((c.shape[1] for c in curves.values() if c.ndim == 2), default=1)
    points = max(
        map(len, [*curves.values(), *(a for a in (slots, spent) if a is not None)]),
        default=0,
    )
    rows = []
    for point in range(points):
        place = [_cell(a, point, 0) for a in (slots, spent)]
        for seed in range(seeds):
            cells = [_cell(curves.get(name), point, seed) for name in columns]
            rows.append([*place, str(seed), *cells])
    return rows


def _cell(values: np.ndarray | None, point: int, seed: int) -> str:
    if values is None or point >= len(values):
        return ""
    value = float(values[point] if values.ndim == 1 else values[point, seed])
    if not np.isfinite(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
