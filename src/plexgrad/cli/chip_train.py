"""`plexgrad chip train`: train a device, several as one, or each by itself."""

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from plexgrad import data as datasets
from plexgrad.cli.options import starting_spec, use_devices, with_options
from plexgrad.cli.report import draw
from plexgrad.cli.screen import Screen
from plexgrad.core.record import Record
from plexgrad.lab import find, host
from plexgrad.lab.calibrate import Calibration
from plexgrad.lab.device import LinkLost
from plexgrad.lab.each import folders_of, train_each
from plexgrad.lab.saved import CHECKPOINT
from plexgrad.training.specs import build


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, show_default=False)


def train(
    url: Annotated[
        str,
        typer.Argument(
            help="The device, or several, joined by commas: each measures its part of "
            "every window. plexgrad chip list names all kinds.",
            show_default=False,
        ),
    ],
    task: Annotated[
        str | None,
        typer.Argument(
            help="What to learn, such as nist7x7 or digits; its preset gives the "
            "estimator, rule and clock.",
            show_default=False,
        ),
    ] = None,
    slots: Annotated[int | None, _option("Measurements of the perturbed cost.")] = None,
    eta: Annotated[float | None, _option("Learning rate; takes plain sgd.")] = None,
    amplitude: Annotated[
        float | None, _option("Perturbation amplitude, in the device's unit.")
    ] = None,
    code: Annotated[str | None, _option("The code, as for plexgrad train.")] = None,
    reference: Annotated[
        str | None, _option("baseline (C - C0) or antithetic (C+ - C-) / 2.")
    ] = None,
    tau_p: Annotated[int | None, _option("Slots that a pattern is held.")] = None,
    tau_x: Annotated[int | None, _option("Slots that a sample is held.")] = None,
    tau_theta: Annotated[
        int | None, _option("Slots integrated before each update.")
    ] = None,
    batch: Annotated[int | None, _option("Samples shown together.")] = None,
    sampling: Annotated[
        str, _option("epoch, replacement, runs, or auto: what the device can show.")
    ] = "auto",
    key: Annotated[int | None, _option("Random key of the run.")] = None,
    points: Annotated[int, _option("Points of the learning curves.")] = 10,
    start: Annotated[
        tuple[float, float] | None,
        _option("Draw the first parameters from LOW HIGH; default: as declared."),
    ] = None,
    keep: Annotated[
        bool, _option("Start from what the device holds.", "--keep")
    ] = False,
    crossing: Annotated[
        str,
        _option("What crosses the link: updates (seeds only), codes, arrays, or auto."),
    ] = "auto",
    also: Annotated[
        list[str] | None, _option("Another device for the same run; repeatable.")
    ] = None,
    each: Annotated[
        bool,
        _option("Train a network on each device by itself, not one on all.", "--each"),
    ] = False,
    calibration: Annotated[
        Path | None,
        _option("Take the setting that chip calibrate recommended, from its folder."),
    ] = None,
    patience: Annotated[
        float, _option("Seconds to wait for a device that was lost.", "--patience")
    ] = 30.0,
    record: Annotated[
        Path | None, _option("Write what crosses the link to this file; see replay:.")
    ] = None,
    resume: Annotated[
        bool, _option("Go on with the run in --out, on the same chip.", "--resume")
    ] = False,
    out: Annotated[
        Path | None, _option("Folder of the run; default: runs/chip-TASK.")
    ] = None,
    data: Annotated[
        Path | None, _option("Folder with the data files; default: $PLEXGRAD_DATA.")
    ] = None,
    as_json: Annotated[bool, _option("Print JSON.", "--json")] = False,
    quiet: Annotated[bool, _option("No progress.", "--quiet", "-q")] = False,
) -> None:
    """Train a device by perturbation, and leave a record and a report."""
    use_devices(None)
    urls = [*several(url), *(also or ())]
    if resume and (out is None or task is not None):
        raise ValueError("--resume takes the run in --out as it is, without a TASK")
    if record is not None and len(urls) > 1:
        raise ValueError("--record takes one device, got several")
    folder = out or Path("runs") / f"chip-{task}"
    if data is not None:
        os.environ["PLEXGRAD_DATA"] = str(data)
    devices = [find.device_at(one, record) for one in urls]
    folders = folders_of(devices, folder) if each else [folder]
    if resume:
        arguments = _again(Record.load(folders[0]).spec)
    else:
        for one in folders:
            _refuse_run(one)
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
        rule = "sgd"
        if calibration is not None:
            found = Calibration.load(calibration)
            given, rule, eta = _as_calibrated(found, given, eta)
        spec = with_options({"key": 0} | starting_spec(task, None), given)
        if eta is not None:
            options = {"learning_rate": eta}
            spec["rule"] = {"kind": "Rule", "name": rule, "options": options}
        arguments = _arguments(spec) | {
            "sampling": sampling,
            "points": points,
            "start": "keep" if keep else start,
            "crossing": crossing,
        }
    screen, console = Screen(quiet), Console(stderr=True, quiet=quiet)
    arguments |= {"resume": resume, "patience_s": patience}
    try:
        with screen:
            if each:
                done = train_each(devices, folders, urls, screen, **arguments)
            else:
                one = devices[0] if len(devices) == 1 else devices
                done = [
                    host.train(
                        one,
                        **arguments,
                        url=",".join(urls),
                        out=folder,
                        watch=screen,
                        tell=console.print,
                    )
                ]
    except (KeyboardInterrupt, LinkLost) as error:
        if not any((one / CHECKPOINT).exists() for one in folders):
            raise
        place = f"{','.join(urls)}{' --each' if each else ''}"
        again = f"plexgrad chip train {place} --resume --out {folder}"
        Console(stderr=True).print(f"saved; go on with: {again}", style="bold")
        if isinstance(error, LinkLost):
            raise
        raise typer.Exit(130) from None
    for one, place in zip(done, folders, strict=True):
        draw(one, place, as_json)
        if not as_json:
            _print_accounts(one.extra["lab"])


def several(urls: str) -> list[str]:
    """The URLs of a list joined by commas; a comma within one is followed by none."""
    return re.split(r",(?=[A-Za-z][\w.+-]*:)", urls)


def _refuse_run(folder: Path) -> None:
    if (folder / "record.json").exists():
        raise ValueError(
            f"--out must be a folder without a run, got {folder}; "
            f"go on with it by --resume --out {folder}"
        )


def _as_calibrated(
    found: Calibration, given: dict[str, Any], eta: float | None
) -> tuple[dict[str, Any], str, float]:
    """Options, rule and learning rate of a calibration; what was given goes before."""
    advice = found.recommendation
    if advice is None:
        raise ValueError(
            f"the calibration of {found.identity} must hold a recommendation, but "
            f"{found.refused}"
        )
    told = {"amplitude": advice.amplitude, "tau_theta": advice.tau_theta}
    both = {
        **found.setting,
        **told,
        **{k: v for k, v in given.items() if v is not None},
    }
    return given | both, advice.rule, advice.eta if eta is None else eta


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
    for chip in counts.get("chips", ()):
        typer.echo(
            f"chip            {chip['serial']}: {chip['rows']:,} costs, left "
            f"{chip['left']} times, came back {chip['came_back']} times"
        )
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
