"""Figures: as inline SVG whose colours follow the page, or as an image in a file.

Matplotlib knows no CSS. Colours are drawn as stand-ins, and the finished SVG gets the
page's variables in their place, so that one figure is right on light and dark pages.
Text stays text in the reader's font. Ids carry the figure's name: a page holds several.

Nothing of a user's matplotlib is heard or touched: neither style nor backend.
"""

import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

INK, MUTED, GRID = "#010203", "#040506", "#070809"
FIRST, SECOND = "#0a0b0c", "#0d0e0f"
ON_FIRST, CARD = "#101112", "#131415"
THIRD, FOURTH, FIFTH, SIXTH = "#161718", "#191a1b", "#1c1d1e", "#1f2021"
COLOURS = (FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH)
VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
    ON_FIRST: "var(--on-first)",
    CARD: "var(--card)",
    THIRD: "var(--third)",
    FOURTH: "var(--fourth)",
    FIFTH: "var(--fifth)",
    SIXTH: "var(--sixth)",
}
SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.borderaxespad": 0.0,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.labelcolor": INK,
    "path.simplify": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "plexgrad",
    # Names of tasks and classes come from outside: a dollar sign is a dollar sign.
    "text.parse_math": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
}


LIGHT: Mapping[str, str] = {
    INK: "#16202c",
    MUTED: "#5a6675",
    GRID: "#e4e7ec",
    CARD: "#ffffff",
    FIRST: "#0072b2",
    SECOND: "#c45100",
    THIRD: "#00755a",
    FOURTH: "#9b3f86",
    FIFTH: "#7a5c00",
    SIXTH: "#5a6675",
}
"""The page's light colours, for where no page gives them."""

PAPER: dict[Any, Any] = {
    key: LIGHT.get(value, value) if isinstance(value, str) else value
    for key, value in SETTINGS.items()
}
"""`SETTINGS` in the light colours, for images."""


def draw(
    paint: Callable[[Any], None],
    name: str,
    label: str,
    size: tuple[float, float] = (5.5, 3.4),
) -> str:
    """The SVG of what `paint` draws on fresh axes; `label` is read to the blind."""
    buffer = io.BytesIO()
    with _figure(SETTINGS, figsize=size) as figure:
        paint(figure.add_subplot())
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing, facecolor="none")
    return _inline(buffer.getvalue().decode(), name, label)


def image(
    paint: Callable[[Any], None],
    size: tuple[float | int, float | int],
    settings: Mapping[Any, Any] = PAPER,
    form: str = "png",
    dpi: int = 100,
) -> bytes:
    """An image of what `paint` draws on a fresh figure: "png", "svg" or "pdf"."""
    buffer = io.BytesIO()
    with _figure(settings, figsize=size, dpi=dpi, facecolor="white") as figure:
        paint(figure)
        unsigned = {"Software": None} if form == "png" else None
        figure.savefig(buffer, format=form, metadata=unsigned, facecolor="white")
    return buffer.getvalue()


@contextlib.contextmanager
def _figure(settings: Mapping[Any, Any], **layout: Any) -> Iterator[Any]:
    """A figure under these settings alone."""
    matplotlib = _matplotlib()
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        # The browser has glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        yield Figure(layout="constrained", **layout)


def _matplotlib() -> Any:
    """The package, imported without the backend that the environment names.

    A notebook names its own to all that it starts, and where that is not installed the
    import fails, though a figure that goes into a file needs none.
    """
    if "matplotlib" not in sys.modules:
        named = os.environ.pop("MPLBACKEND", None)
        try:
            import matplotlib
        finally:
            if named is not None:
                os.environ["MPLBACKEND"] = named
    import matplotlib

    return matplotlib


def clip(text: str, most: int) -> str:
    """`text` on one line, its middle left out if it is longer than `most`.

    Names of classes often differ only at the end, so that stays.
    """
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    end = (most - 1) // 2
    return f"{line[: most - 1 - end]}…{line[-end:]}"


def _inline(svg: str, name: str, label: str) -> str:
    box = re.search(r'viewBox="[\d. -]+"', svg)
    inside = svg[svg.index(">", svg.index("<svg")) + 1 :]
    # One pass over the attributes of tags: the text between them is left as it is.
    inside = re.sub(r"<[^>]*>", lambda tag: _tag(tag.group(), name), inside)
    spoken = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return (
        f'<svg class="plot" {box.group() if box else ""} role="img" '
        f'aria-label="{spoken}">{inside.strip()}'
    )


def _tag(tag: str, name: str) -> str:
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = tag.replace("url(#", f"url(#{name}-")
    tag = tag.replace('xlink:href="#', f'href="#{name}-')
    tag = tag.replace("'DejaVu Sans'", "var(--font)")
    return re.sub(r"#[01][0-9a-f]{5}\b", _variable, tag)


def _variable(colour: re.Match[str]) -> str:
    return VARIABLES.get(colour.group(), colour.group())
