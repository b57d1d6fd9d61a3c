"""`plexgrad chip`: find, check, serve and train devices."""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from plexgrad import data as datasets
from plexgrad.cli.options import starting_spec, use_devices, with_options
from plexgrad.cli.report import draw
from plexgrad.cli.screen import Screen, show
from plexgrad.core.record import Record
from plexgrad.lab import find, host
from plexgrad.lab.conform import FAILED, Result
from plexgrad.lab.conform import conform as put_through
from plexgrad.lab.device import LinkLost
from plexgrad.lab.saved import CHECKPOINT
from plexgrad.lab.serve import serve as served
from plexgrad.training.specs import build

app = typer.Typer(
    help="Find, check, serve and train devices: real, emulated, or your own.",
    no_args_is_help=True,
)

Url = Annotated[
    str,
    typer.Argument(
        help="The device: emulated:49-4-4, tcp://HOST:PORT, serial:/dev/ttyUSB0, "
        "replay:FILE, or a driver's; plexgrad chip list names all kinds.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def names(as_json: Json = False) -> None:
    """The kinds of devices that can be opened, by the scheme of their URL."""
    found = {}
    for scheme, maker in find.drivers().items():
        words = (getattr(maker, "__doc__", None) or "a device behind a link").strip()
        found[scheme] = words.splitlines()[0]
    show(found, as_json)


@app.command()
def identify(url: Url, as_json: Json = False) -> None:
    """Say who the device is, and what it can do."""
    device = find.device_at(url)
    device.open()
    try:
        who, can = asdict(device.identify()), device.capabilities.to_json()
    finally:
        device.close()
    if as_json:
        typer.echo(json.dumps({"identity": who, "capabilities": can}))
        return
    for name, value in who.items():
        typer.echo(f"{name:<22}{value}")
    typer.echo(f"{'parameters':<22}{device.capabilities.parameters}")
    for group in can.pop("groups"):
        step = f", step {group['step']:g}" if group["step"] else ""
        unit = "" if group["unit"] == "1" else f" {group['unit']}"
        shape = " x ".join(map(str, group["shape"]))
        span = f"{group['low']:g} to {group['high']:g}{unit}{step}"
        typer.echo(f"  {group['name']:<20}{shape}: {span}")
    for name, value in can.items():
        if value:
            shown = ", ".join(value) if isinstance(value, list | tuple) else value
            typer.echo(f"{name:<22}{'yes' if value is True else shown}")


@app.command()
def conform(url: Url, as_json: Json = False) -> None:
    """Put a device through the conformance kit; exit status 1 if a check fails.

    Parameters are changed on the way and put back; the first one is swept over its
    whole range, and set a tenth beyond it, which the driver must refuse or clip.
    """
    results = put_through(find.device_at(url))
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results]))
    else:
        _print(results)
    if any(result.status == FAILED for result in results):
        raise typer.Exit(1)


def _print(results: list[Result]) -> None:
    for result in results:
        line = f"{result.number:<4}{result.name:<20}{result.status:<9}{result.said}"
        typer.secho(line, fg="red" if result.status == FAILED else None)


@app.command()
def serve(
    url: Annotated[
        str, typer.Argument(help="The device to serve, such as emulated:49-4-4.")
    ] = "emulated:49-4-4",
    at: Annotated[
        str,
        typer.Option(
            help="Where: tcp://HOST:PORT (port 0: any), scpi://HOST:PORT (an "
            "instrument), or pty (a serial line)."
        ),
    ] = "tcp://127.0.0.1:0",
    public: Annotated[
        bool, typer.Option("--public", help="Let other machines in, without keys.")
    ] = False,
) -> None:
    """Put a device behind a link, until Ctrl-C. Its address is the first line."""
    with served(find.device_at(url), at, public) as listener:
        typer.echo(listener.url)
        try:
            while True:
                time.sleep(0.2)
        except KeyboardInterrupt:
            pass


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, show_default=False)


@app.command()
def train(
    url: Url,
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
    if resume and (out is None or task is not None):
        raise ValueError("--resume takes the run in --out as it is, without a TASK")
    folder = out or Path("runs") / f"chip-{task}"
    if data is not None:
        os.environ["PLEXGRAD_DATA"] = str(data)
    if resume:
        arguments = _again(Record.load(folder).spec)
    else:
        if (folder / "record.json").exists():
            raise ValueError(
                f"--out must be a folder without a run, got {folder}; "
                f"go on with it by --resume --out {folder}"
            )
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
        spec = with_options({"key": 0} | starting_spec(task, None), given)
        if eta is not None:
            options = {"learning_rate": eta}
            spec["rule"] = {"kind": "Rule", "name": "sgd", "options": options}
        arguments = _arguments(spec) | {
            "sampling": sampling,
            "points": points,
            "start": "keep" if keep else start,
            "crossing": crossing,
        }
    device = find.device_at(url, record)
    screen = Screen(quiet)
    try:
        with screen:
            done = host.train(
                device,
                **arguments,
                url=url,
                out=folder,
                resume=resume,
                patience_s=patience,
                watch=screen,
            )
    except (KeyboardInterrupt, LinkLost) as error:
        if not (folder / CHECKPOINT).exists():
            raise
        again = f"plexgrad chip train {url} --resume --out {folder}"
        Console(stderr=True).print(f"saved; go on with: {again}", style="bold")
        if isinstance(error, LinkLost):
            raise
        raise typer.Exit(130) from None
    draw(done, folder, as_json)
    if not as_json:
        _print_accounts(done.extra["lab"])


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
