"""`plexgrad export`: trained parameters for other programs, one chip at a time."""

import io
import json
import re
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from plexgrad.cli.saying import echo
from plexgrad.core import arrays as archives
from plexgrad.core.files import write_atomically
from plexgrad.core.params import load
from plexgrad.core.validate import int_at_least, one_of

FORMATS = {"npz": "npz", "json": "json", "c": "h"}
"""Formats, and how their files end."""


def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.")],
    to: Annotated[
        str,
        typer.Option(help="npz (NumPy), json (nested lists) or c (a header)."),
    ] = "npz",
    seed: Annotated[int, typer.Option(help="Which of a run's chips.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write; default: exported.ENDING in the folder.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the trained parameters of a run, by the path of their leaf.

    For example: plexgrad export runs/xor --to c
    """
    one_of("to", to, FORMATS)
    params = load(folder)
    seeds = min(len(array) for array in params.values())
    int_at_least("seed", seed, 0, seeds - 1)
    mine = {name: array[seed] for name, array in params.items()}
    path = out or folder / f"exported.{FORMATS[to]}"
    write_atomically(path, made(mine, to))
    echo(path)


def made(params: dict[str, np.ndarray], to: str) -> bytes:
    """The parameters of one chip in a format."""
    if to == "npz":
        return archives.packed(params)
    if to == "json":
        return json.dumps({name: a.tolist() for name, a in params.items()}).encode()
    return as_header(params).encode()


def as_header(params: dict[str, np.ndarray]) -> str:
    """A C header: an array of float for every leaf, row by row, and its sizes."""
    text = io.StringIO()
    text.write("/* Parameters trained by plexgrad, row by row. */\n")
    text.write("#ifndef PLEXGRAD_PARAMS_H\n#define PLEXGRAD_PARAMS_H\n")
    for name, array in params.items():
        word = "plexgrad_" + re.sub(r"\W", "_", name, flags=re.ASCII)
        for axis, size in enumerate(array.shape):
            text.write(f"\n#define {word.upper()}_SIZE{axis} {size}")
        numbers = [_float(number) for number in array.reshape(-1).tolist()]
        rows = [", ".join(numbers[n : n + 6]) for n in range(0, len(numbers), 6)]
        body = ",\n    ".join(rows)
        text.write(f"\nstatic const float {word}[{array.size}] = {{\n    {body}\n}};\n")
    text.write("\n#endif\n")
    return text.getvalue()


def _float(number: float) -> str:
    """A float literal of which a compiler makes the same 32 bits."""
    shown = f"{float(np.float32(number)):.9g}"
    return f"{shown}f" if "." in shown or "e" in shown else f"{shown}.0f"
