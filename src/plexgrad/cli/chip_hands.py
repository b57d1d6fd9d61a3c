"""`plexgrad chip read`, `write` and `evaluate`: a device by hand, without training."""

import io
import json
import os
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from plexgrad.cli.chip_setting import Take, task_of
from plexgrad.cli.options import use_devices
from plexgrad.cli.saying import echo
from plexgrad.core import arrays as archives
from plexgrad.core.reading import file_bytes, read_json, shown
from plexgrad.core.record import write_atomically
from plexgrad.lab import find
from plexgrad.lab.bench import Bench
from plexgrad.lab.samples import Samples, refuse_mismatch
from plexgrad.lab.saved import CHECKPOINT
from plexgrad.training.history import METRICS

LARGEST = 2**32
"""Bytes of a file of parameters that is read, unpacked."""

KEPT = ("params.npz", CHECKPOINT)
"""Files of a run's folder that hold its parameters, the first that is there."""

Url = Annotated[str, typer.Argument(help="The device, as of chip train.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def read(
    url: Url,
    out: Annotated[
        Path | None,
        typer.Option(help="Write them to this file too: .npy, .json, or text."),
    ] = None,
    take: Take = False,
    as_json: Json = False,
) -> None:
    """Read the parameters that a device holds, a line each; chip write takes them."""
    with Bench(find.device_at(url, take=take)) as bench:
        theta, can = bench.read_back(), bench.can
    lines = [f"{float(v):.9g}  # {can.where(n)}" for n, v in enumerate(theta)]
    if out is not None:
        _keep(out, theta, lines)
    if as_json:
        echo(json.dumps({"parameters": [float(v) for v in theta]}))
    else:
        echo("\n".join(lines))


def write(
    url: Url,
    values: Annotated[
        list[str],
        typer.Argument(
            help="A file (what chip read gives, .npy, .npz or .json), the folder of a "
            "run, a number for each parameter, or one for all.",
            show_default=False,
        ),
    ],
    take: Take = False,
    as_json: Json = False,
) -> None:
    """Write parameters to a device, within its limits, and leave them there."""
    wanted = _values(values)
    with Bench(find.device_at(url, take=take)) as bench:
        theta = _written(bench, wanted)
        apart = float(np.abs(bench.read_back() - theta).max())
    if as_json:
        echo(json.dumps({"written": theta.size, "apart": apart}))
    else:
        echo(f"{theta.size} parameters written, read back to {apart:.2g}")


def evaluate(
    url: Url,
    task: Annotated[
        str | None,
        typer.Argument(
            help="What it has learnt, such as nist7x7; without it: the cost that the "
            "device gives itself.",
            show_default=False,
        ),
    ] = None,
    parameters: Annotated[
        Path | None,
        typer.Option(
            help="Write these first, as of chip write: for a device that forgets "
            "what it held when it is closed.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the data files; default: $PLEXGRAD_DATA."),
    ] = None,
    take: Take = False,
    as_json: Json = False,
) -> None:
    """Measure cost and accuracy of what a device holds; nothing is trained."""
    use_devices(None)
    if data is not None:
        os.environ["PLEXGRAD_DATA"] = str(data)
    dataset, cost = task_of(task)
    wanted = None if parameters is None else _values([str(parameters)])
    with Bench(find.device_at(url, take=take)) as bench:
        refuse_mismatch(bench, dataset)
        if wanted is not None:
            _written(bench, wanted)
        samples, began = Samples(bench, dataset, cost), time.perf_counter()
        scores = samples.scores()
        seconds, rows = time.perf_counter() - began, bench.accounts.rows
        said = str(bench.identity)
    found: dict[str, Any] = {
        name: float(value)
        for name, value in zip(METRICS, scores, strict=True)
        if np.isfinite(value)
    }
    if as_json:
        told = {"device": said, **found, "rows": rows, "seconds": seconds}
        echo(json.dumps(told))
        return
    echo(said)
    for name, value in found.items():
        shown = f"{100 * value:.1f} %" if "accuracy" in name else f"{value:.4g}"
        echo(f"  {name.replace('_', ' '):<16} {shown}")
    echo(f"  {'measured in':<16} {seconds:.3g} s")


def _written(bench: Bench, wanted: np.ndarray) -> np.ndarray:
    """Write one value for all parameters, or one for each; the parameters (P,)."""
    size = bench.can.parameters
    if wanted.size not in (1, size):
        raise ValueError(f"parameters must be {size}, or 1 for all, got {wanted.size}")
    theta = np.broadcast_to(wanted, (size,)).astype(np.float32)
    bench.write(theta)
    return theta


def _keep(file: Path, theta: np.ndarray, lines: list[str]) -> None:
    if file.suffix == ".npy":
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, theta)
        return
    told = {"parameters": [float(v) for v in theta]}
    text = json.dumps(told) if file.suffix == ".json" else "\n".join(lines)
    write_atomically(file, f"{text}\n".encode())


def _values(words: list[str]) -> np.ndarray:
    """Numbers of a file, or of the words themselves, one after the other."""
    path = Path(words[0])
    if len(words) == 1 and path.is_dir():
        found = [path / name for name in KEPT if (path / name).is_file()]
        if not found:
            raise FileNotFoundError(f"no {' or '.join(KEPT)} in {path}")
        return _read(found[0])
    if len(words) == 1 and path.is_file():
        return _read(path)
    try:
        found = np.array([float(word) for word in words])
    except ValueError:
        raise ValueError(
            f"parameters must be a file or numbers, got {' '.join(words)!r}"
        ) from None
    return _finite(found, "parameters")


def _read(path: Path) -> np.ndarray:
    try:
        if path.suffix == ".npy":
            found = archives.array(file_bytes(path, LARGEST))
        elif path.suffix == ".npz":
            found = _of_archive(path)
        elif path.suffix == ".json":
            told = read_json(path)
            found = np.array(told["parameters"] if isinstance(told, dict) else told)
        else:
            found = np.loadtxt(io.BytesIO(file_bytes(path, LARGEST)), ndmin=1)
        return _finite(np.asarray(found, float).reshape(-1), str(path))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} must hold parameters: {error}") from error


def _of_archive(path: Path) -> np.ndarray:
    """All arrays of an archive one after the other; of a checkpoint, the first."""
    held = archives.unpacked(file_bytes(path, LARGEST), LARGEST)
    names = ["state_0"] if "state_0" in held else list(held)
    return np.concatenate([held[name].reshape(-1) for name in names])


def _finite(found: np.ndarray, name: str) -> np.ndarray:
    if not found.size or not np.isfinite(found).all():
        got = shown(found[:7].tolist())
        raise ValueError(f"{name} must hold finite numbers, got {got}")
    return found
