"""`plexgrad chip`: find, check, serve and train devices."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from plexgrad.cli import calibrate, chip_hands, chip_train, chip_watch
from plexgrad.cli.chip_setting import Take
from plexgrad.cli.chip_train import Url
from plexgrad.cli.saying import echo, secho
from plexgrad.lab import find
from plexgrad.lab.conform import FAILED, Result
from plexgrad.lab.conform import conform as put_through
from plexgrad.lab.serve import serve as served
from plexgrad.lab.transports.curve_keys import make_keys

app = typer.Typer(
    help="Find, check, serve and train devices: real, emulated, or your own.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app.command("calibrate")(calibrate.calibrate)
app.command("train")(chip_train.train)
app.command("watch")(chip_watch.watch)
app.command("read")(chip_hands.read)
# Negative numbers are no options.
app.command("write", context_settings={"ignore_unknown_options": True})(
    chip_hands.write
)
app.command("evaluate")(chip_hands.evaluate)


@app.command("list")
def names(as_json: Json = False) -> None:
    """The kinds of devices that can be opened, by the scheme of their URL."""
    found, lacking = find.described(), find.missing()
    if as_json:
        echo(json.dumps({"devices": found, "missing": lacking}))
        return
    for scheme, words in found.items():
        echo(f"{scheme + ':':<12}{words}")
        if scheme in lacking:
            secho(f"{'':<12}{lacking[scheme]}", fg="yellow")


@app.command()
def identify(url: Url, take: Take = False, as_json: Json = False) -> None:
    """Say who the device is, and what it can do."""
    device = find.device_at(url, take=take)
    device.open()
    try:
        who, can = asdict(device.identify()), device.capabilities.to_json()
    finally:
        device.close()
    if as_json:
        echo(json.dumps({"identity": who, "capabilities": can}))
        return
    for name, value in who.items():
        echo(f"{name:<22}{value}")
    echo(f"{'parameters':<22}{device.capabilities.parameters}")
    for group in can.pop("groups"):
        step = f", step {group['step']:g}" if group["step"] else ""
        unit = "" if group["unit"] == "1" else f" {group['unit']}"
        shape = " x ".join(map(str, group["shape"]))
        span = f"{group['low']:g} to {group['high']:g}{unit}{step}"
        echo(f"  {group['name']:<20}{shape}: {span}")
    for name, value in can.items():
        if value:
            shown = ", ".join(value) if isinstance(value, list | tuple) else value
            echo(f"{name:<22}{'yes' if value is True else shown}")


@app.command()
def conform(url: Url, take: Take = False, as_json: Json = False) -> None:
    """Put a device through the conformance kit; exit status 1 if a check fails.

    Parameters are changed on the way and put back; the first one is swept over its
    whole range, and set a tenth beyond it, which the driver must refuse or clip.
    """
    results = put_through(find.device_at(url, take=take))
    if as_json:
        echo(json.dumps([asdict(result) for result in results]))
    else:
        _print(results)
    if any(result.status == FAILED for result in results):
        raise typer.Exit(1)


def _print(results: list[Result]) -> None:
    for result in results:
        line = f"{result.number:<4}{result.name:<20}{result.status:<9}{result.said}"
        secho(line, fg="red" if result.status == FAILED else None)


@app.command()
def serve(
    url: Annotated[
        str, typer.Argument(help="The device to serve, such as emulated:49-4-4.")
    ] = "emulated:49-4-4",
    at: Annotated[
        str,
        typer.Option(
            help="Where: tcp://HOST:PORT (port 0: any), scpi://HOST:PORT (an "
            "instrument), zmq://HOST:PORT?keys=DIR, or pty (a serial line)."
        ),
    ] = "tcp://127.0.0.1:0",
    public: Annotated[
        bool, typer.Option("--public", help="Let other machines in, without keys.")
    ] = False,
    take: Take = False,
) -> None:
    """Put a device behind a link, until Ctrl-C. Its address is the first line."""
    with served(find.device_at(url, take=take), at, public) as listener:
        echo(listener.url)
        if listener.notice:
            secho(listener.notice, fg="yellow", err=True)
        try:
            while True:
                time.sleep(0.2)
        except KeyboardInterrupt:
            pass


@app.command()
def keys(
    folder: Annotated[Path, typer.Argument(help="Where they go.", show_default=False)],
) -> None:
    """Make keys for zmq://: of a server, and of one host that it lets in."""
    for path in make_keys(folder):
        echo(path)
