"""The confusion matrix: a heat map, and the mistakes that were made most often."""

from typing import Any

import numpy as np

from plexgrad.core.record import Record
from plexgrad.report import canvas
from plexgrad.report.numbers import short

MOST_LABELLED = 12
DARK = 0.55


def counts(record: Record) -> np.ndarray | None:
    """Test samples by true class (row) and predicted class (column), over all seeds.

    None unless the record holds such a square matrix with a sample in it.
    """
    try:
        matrix = np.asarray(record.extra.get("confusion"), dtype=float)
    except (TypeError, ValueError):
        return None
    if matrix.ndim != 2 or len(set(matrix.shape)) > 1 or len(matrix) < 2:
        return None
    matrix = np.clip(np.nan_to_num(matrix, posinf=0), 0, None)
    return matrix if matrix.any() else None


def classes(record: Record) -> list[str]:
    """Names of the classes; their indices where there are no names."""
    matrix = counts(record)
    size = 0 if matrix is None else len(matrix)
    names = record.extra.get("classes")
    if isinstance(names, list | tuple) and len(names) == size:
        return [str(name) for name in names]
    return [str(index) for index in range(size)]


def mistakes(record: Record, most: int = 6) -> list[tuple[str, str, float, float]]:
    """The commonest mistakes: true class, prediction, count, share of that class."""
    matrix, names = counts(record), classes(record)
    if matrix is None:
        return []
    share = _shares(matrix)
    size = len(matrix)
    wrong = [(i, j) for i in range(size) for j in range(size) if i != j]
    wrong.sort(key=lambda cell: -matrix[cell])
    return [
        (names[i], names[j], float(matrix[i, j]), float(share[i, j]))
        for i, j in wrong[:most]
        if matrix[i, j] > 0
    ]


def heat_map(record: Record) -> str | None:
    """Each true class as a row: shade and percentage are shares of that class."""
    matrix, names = counts(record), classes(record)
    if matrix is None:
        return None
    share = _shares(matrix)
    size = len(matrix)

    def paint(axes: Any) -> None:
        from matplotlib.patches import Rectangle

        for (row, column), part in np.ndenumerate(share):
            if size > MOST_LABELLED and not part:
                continue  # thousands of empty cells would only make the page heavy
            corner = (column - 0.47, row - 0.47)
            # A tint of the page's accent, so the map is right on a dark page as well.
            tint = {"facecolor": canvas.FIRST, "alpha": 0.05 + 0.95 * part, "lw": 0}
            axes.add_patch(Rectangle(corner, 0.94, 0.94, **tint))
            if size <= MOST_LABELLED and matrix[row, column] > 0:
                _cell_text(axes, row, column, float(matrix[row, column]), part)
        step = -(-size // 20)
        shown = [canvas.clip(name, 14) for name in names[::step]]
        axes.set_xticks(range(0, size, step), shown)
        axes.set_yticks(range(0, size, step), shown)
        if max(map(len, shown)) > 4:
            tilt = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
            for text in axes.get_xticklabels():
                text.set(**tilt)
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
        axes.set(xlabel="predicted class", ylabel="true class")
        axes.grid(False)
        axes.spines[:].set_visible(False)

    return canvas.draw(paint, "confusion", "Confusion matrix", size=(5.8, 5.5))


def _cell_text(axes: Any, row: int, column: int, count: float, part: float) -> None:
    colour = canvas.ON_FIRST if part > DARK else canvas.INK
    centre = {"color": colour, "ha": "center"}
    axes.text(column, row, short(count), va="bottom", fontsize=8.5, **centre)
    share = f"{100 * part:.0f} %" if part >= 0.095 else f"{100 * part:.1f} %"
    axes.text(column, row + 0.06, share, va="top", fontsize=6.8, alpha=0.8, **centre)


def _shares(matrix: np.ndarray) -> np.ndarray:
    rows = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, rows, out=np.zeros_like(matrix), where=rows > 0)
