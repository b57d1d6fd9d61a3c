"""`plexgrad chip train`: one run on a device, new or gone on with."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from plexgrad import data as datasets
from plexgrad.cli import chip_watch
from plexgrad.cli.folders import free, refuse_taken
from plexgrad.cli.options import merge, starting_spec, use_devices, with_options
from plexgrad.cli.report import draw
from plexgrad.cli.screen import Screen
from plexgrad.core.record import Record
from plexgrad.lab import find, host
from plexgrad.lab.device import LinkLost
from plexgrad.lab.saved import CHECKPOINT
from plexgrad.report.event_files import EventFiles
from plexgrad.training.live import together
from plexgrad.training.progress import Watcher
from plexgrad.training.specs import build, device_preset

Url = Annotated[
    str,
    typer.Argument(
        help="The device: emulated:49-4-4, tcp://HOST:PORT, serial:/dev/ttyUSB0, "
        "replay:FILE, or a driver's; plexgrad chip list names all kinds.",
        show_default=False,
    ),
]


POINTS = 10
METHOD, TIME = "Method", "Time and size"
DEVICE, FILES = "Device and link", "Files and output"


def _option(help: str, panel: str, *names: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=False)


def train(
    url: Annotated[
        str | None,
        typer.Argument(
            help="The device: emulated:49-4-4, tcp://HOST:PORT, serial:/dev/ttyUSB0, "
            "...; plexgrad chip list names all kinds. With --resume, the one before.",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Argument(
            help="What to learn, such as nist7x7 or digits; its preset gives the "
            "estimator, rule and clock, and options change them.",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        str | None, _option("baseline (C - C0) or antithetic (C+ - C-) / 2.", METHOD)
    ] = None,
    code: Annotated[
        str | None, _option("The code, as for plexgrad train.", METHOD)
    ] = None,
    amplitude: Annotated[
        float | None,
        _option("Perturbation amplitude, in the device's unit.", METHOD),
    ] = None,
    eta: Annotated[
        float | None, _option("Learning rate; takes plain sgd.", METHOD)
    ] = None,
    slots: Annotated[
        int | None, _option("Measurements of the perturbed cost.", TIME)
    ] = None,
    tau_p: Annotated[int | None, _option("Slots that a pattern is held.", TIME)] = None,
    tau_x: Annotated[int | None, _option("Slots that a sample is held.", TIME)] = None,
    tau_theta: Annotated[
        int | None, _option("Slots integrated before each update.", TIME)
    ] = None,
    batch: Annotated[int | None, _option("Samples shown together.", TIME)] = None,
    sampling: Annotated[
        str,
        _option("epoch, replacement, runs, or auto: what the device can show.", TIME),
    ] = "auto",
    key: Annotated[int | None, _option("Random key of the run.", TIME)] = None,
    points: Annotated[
        int | None, _option("Points of the learning curves; default: 10.", TIME)
    ] = None,
    start: Annotated[
        tuple[float, float] | None,
        _option(
            "Draw the first parameters from LOW HIGH; default: as declared.", DEVICE
        ),
    ] = None,
    keep: Annotated[
        bool, _option("Start from what the device holds.", DEVICE, "--keep")
    ] = False,
    crossing: Annotated[
        str,
        _option(
            "What crosses the link: updates (seeds only), codes, arrays, or auto.",
            DEVICE,
        ),
    ] = "auto",
    patience: Annotated[
        float, _option("Seconds to wait for a device that was lost; 30.", DEVICE)
    ] = 30.0,
    record: Annotated[
        Path | None,
        _option("Write what crosses the link to this file; see replay:.", DEVICE),
    ] = None,
    resume: Annotated[
        bool,
        _option(
            "Go on with the run in --out on the same chip, after a stop, a kill or a "
            "power cut of either.",
            FILES,
            "--resume",
        ),
    ] = False,
    out: Annotated[
        Path | None, _option("Folder of the run; default: runs/chip-TASK.", FILES)
    ] = None,
    watch: Annotated[
        bool,
        _option(
            "Show the panel of plexgrad chip watch; the run outlives it.",
            FILES,
            "--watch",
        ),
    ] = False,
    tensorboard: Annotated[
        bool,
        _option("Write event files for TensorBoard too.", FILES, "--tensorboard"),
    ] = False,
    data: Annotated[
        Path | None,
        _option("Folder with the data files; default: $PLEXGRAD_DATA.", FILES),
    ] = None,
    as_json: Annotated[bool, _option("Print JSON.", FILES, "--json")] = False,
    quiet: Annotated[bool, _option("No progress.", FILES, "--quiet", "-q")] = False,
) -> None:
    """Train a device by perturbation, and leave a record and a report.

    For example: plexgrad chip train emulated:49-4-4 nist7x7

    Ctrl-C stops at a safe place, with all updates applied and the perturbation off;
    plexgrad chip watch shows the run in another terminal, pauses and stops it.
    """
    use_devices(None)
    if data is not None:
        os.environ["PLEXGRAD_DATA"] = str(data)
    if resume:
        if out is None or task is not None:
            raise ValueError("--resume takes the run in --out as it is, without a TASK")
        folder, before = out, Record.load(out).spec
        url = url or str(before["chip"].get("url", ""))
        arguments = _again(before)
    else:
        given = {
            "slots": slots,
            "amplitude": amplitude,
            "code": code,
            "reference": reference,
            "tau_p": tau_p,
            "tau_x": tau_x,
            "tau_theta": tau_theta,
            "batch": batch,
            "key": key,
        }
        base = starting_spec(task, None)
        base = merge({"key": 0} | base, device_preset(str(task)))
        arguments = _arguments(_with_rate(with_options(base, given), eta)) | {
            "sampling": sampling,
            "points": points or POINTS,
            "start": "keep" if keep else start,
            "crossing": crossing,
        }
        folder = out or free(Path("runs") / f"chip-{task}")
        refuse_taken(folder, f"--resume --out {folder}")
    if url is None:
        raise ValueError("a device must be given: plexgrad chip train URL TASK")
    if watch:
        words = [word for word in sys.argv[1:] if word != "--watch"]
        find.device_at(url, record)
        raise typer.Exit(chip_watch.start([*words, *_placed(out, folder)], folder))
    device = find.device_at(url, record)
    screen, again = Screen(quiet), f"plexgrad chip train {url} --resume --out {folder}"
    try:
        with ExitStack() as stack:
            watchers: list[Watcher] = [stack.enter_context(screen)]
            if tensorboard:
                watchers.append(stack.enter_context(EventFiles(folder, resume)))
            done = host.train(
                device,
                **arguments,
                url=url,
                out=folder,
                resume=resume,
                patience_s=patience,
                watch=together(*watchers),
            )
    except (KeyboardInterrupt, LinkLost) as error:
        if not (folder / CHECKPOINT).exists():
            raise
        Console(stderr=True).print(
            f"saved; go on with: {again}", style="bold", soft_wrap=True
        )
        if isinstance(error, LinkLost):
            raise
        raise typer.Exit(130) from None
    draw(done, folder, as_json)
    if not as_json:
        _print_accounts(done.extra["lab"])


def _placed(out: Path | None, folder: Path) -> list[str]:
    """The option that names the folder, if it was not named."""
    return [] if out is not None else ["--out", str(folder)]


def _with_rate(spec: dict[str, Any], eta: float | None) -> dict[str, Any]:
    """The spec with plain SGD at a rate, if one was given."""
    if eta is None:
        return spec
    options = {"learning_rate": eta}
    return {**spec, "rule": {"kind": "Rule", "name": "sgd", "options": options}}


def _arguments(spec: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `host.train` from the spec of a simulated run."""
    built = build(spec)
    kept = ("data", "estimator", "rule", "clock", "slots", "batch", "key")
    cost = spec["chip"].get("cost", "mse")
    softmax = cost == "cross_entropy" or "CrossEntropy" in str(cost)
    found = {name: built[name] for name in kept if name in built}
    return found | {"cost": "cross_entropy" if softmax else "mse"}


def _again(spec: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `host.train` from the spec of a run on a device."""
    shell = {"chip": {"kind": "Simulated", "net": {"kind": "MLP", "sizes": [1, 1]}}}
    built = build({**spec, **shell})
    kept = ("estimator", "rule", "clock", "slots", "batch", "key", "sampling")
    found = {name: built[name] for name in (*kept, "points", "cost", "crossing")}
    return found | {"data": datasets.load(**spec["task"])}


def _print_accounts(counts: dict[str, Any]) -> None:
    link = counts["link"]
    typer.echo(
        f"device          {counts['writes_max']} writes of the busiest cell, "
        f"{counts['saturated_cells']} cells saturated, busy {counts['device_s']:.3g} s"
    )
    if link["calls"]:
        each = link["bytes_out"] / link["calls"], link["bytes_in"] / link["calls"]
        trip = 1e3 * link["busy_s"] / link["calls"]
        typer.echo(
            f"link            {link['calls']} calls of {each[0]:.0f} bytes out and "
            f"{each[1]:.0f} in, {trip:.3g} ms each, {link['retries']} retries, "
            f"{counts['recoveries']} recoveries"
        )
