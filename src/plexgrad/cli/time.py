"""`plexgrad time`: how long a run would take on hardware, from its record or a task."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from plexgrad.cli.ends import AT_ONCE, STOPPED
from plexgrad.cli.options import (
    starting_spec,
    use_devices,
    with_options,
)
from plexgrad.cli.saying import Terminal, echo
from plexgrad.cli.screen import Screen
from plexgrad.cli.time_tables import as_run, show_platforms, show_table3, show_times
from plexgrad.core.record import Record
from plexgrad.core.signals import heard
from plexgrad.core.validate import positive_int
from plexgrad.report.hardware_time import draw_times, refuse_suffix
from plexgrad.report.platform_file import platform_of_run
from plexgrad.timing import (
    Backprop,
    Platform,
    find_platform,
    measure_backpropagation,
    platforms,
    table3,
    timed,
)
from plexgrad.timing.table3 import Table3
from plexgrad.timing.timed import PAPER
from plexgrad.training import train as run
from plexgrad.training.specs import build, presets

HARDWARE, RUN = "Hardware", "The run of a task"
POINTS = 100
"""Points of a task's learning curve; times are no finer than their distance."""


def _option(help: str, panel: str, *names: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=False)


def time(
    what: Annotated[
        str | None,
        typer.Argument(
            help="Folder of a run, simulated or on a device, or a task to train first: "
            f"{', '.join(presets())} (also parity-N).",
            show_default=False,
        ),
    ] = None,
    platform: Annotated[
        list[str] | None,
        _option(
            "A platform by name or TOML file (chip calibrate writes one); repeatable. "
            "Default: HW1, HW2, HW3; of a run on a device, that device.",
            HARDWARE,
        ),
    ] = None,
    target: Annotated[
        list[float] | None,
        _option(
            "A test accuracy to reach, as 0.95; repeatable. Default: every 5 %.",
            HARDWARE,
        ),
    ] = None,
    one_by_one: Annotated[
        bool,
        _option(
            "The samples of a batch are shown one after another, unless a platform "
            "says otherwise.",
            HARDWARE,
            "--one-by-one",
        ),
    ] = False,
    list_: Annotated[
        bool, _option("List the platforms and their sources.", HARDWARE, "--list")
    ] = False,
    table3_: Annotated[
        bool, _option("Print paper A's Table 3 from this model.", HARDWARE, "--table3")
    ] = False,
    backpropagation: Annotated[
        bool,
        _option(
            "Measure backpropagation on this machine where a record has none "
            "(default: yes).",
            HARDWARE,
            "--backprop/--no-backprop",
        ),
    ] = True,
    plot: Annotated[
        Path | None,
        _option("Draw accuracy against time into a PNG, SVG or PDF.", HARDWARE),
    ] = None,
    net: Annotated[str | None, _option("As of plexgrad train.", RUN)] = None,
    effect: Annotated[
        list[str] | None, _option("As of plexgrad train; repeatable.", RUN)
    ] = None,
    code: Annotated[str | None, _option("The perturbation code.", RUN)] = None,
    amplitude: Annotated[float | None, _option("Its amplitude.", RUN)] = None,
    reference: Annotated[str | None, _option("baseline or antithetic.", RUN)] = None,
    rule: Annotated[str | None, _option("An optax rule: sgd, adam, ...", RUN)] = None,
    eta: Annotated[float | None, _option("Learning rate.", RUN)] = None,
    slots: Annotated[int | None, _option("Slots to train, at most.", RUN)] = None,
    tau_p: Annotated[int | None, _option("Slots of a pattern.", RUN)] = None,
    tau_x: Annotated[int | None, _option("Slots of a sample.", RUN)] = None,
    tau_theta: Annotated[int | None, _option("Slots of an update.", RUN)] = None,
    batch: Annotated[int | None, _option("Samples shown together.", RUN)] = None,
    seeds: Annotated[int | None, _option("Independent chips.", RUN)] = None,
    key: Annotated[int | None, _option("Random key.", RUN)] = None,
    points: Annotated[
        int | None, _option("Points of the learning curve; default: 100.", RUN)
    ] = None,
    out: Annotated[
        Path | None, _option("Keep the run's record in this folder.", RUN)
    ] = None,
    devices: Annotated[
        int | None, _option("JAX devices; default: one per core.", RUN)
    ] = None,
    data: Annotated[
        Path | None,
        _option("Folder with the data files; default: $PLEXGRAD_DATA.", RUN),
    ] = None,
    as_json: Annotated[
        bool, _option("Print JSON on standard output.", HARDWARE, "--json")
    ] = False,
    quiet: Annotated[bool, _option("No progress.", RUN, "--quiet", "-q")] = False,
) -> None:
    """Say how long a run would take on hardware, and what governs that.

    Takes the slots to each accuracy from a run and the seconds of each step from a
    platform: time, energy and writes per cell, beside backpropagation on this machine.
    A run on a device brings its own seconds of an evaluation.
    """
    options = {
        "net": net,
        "effect": effect or None,
        "code": code,
        "amplitude": amplitude,
        "reference": reference,
        "rule": rule,
        "eta": eta,
        "slots": slots,
        "tau_p": tau_p,
        "tau_x": tau_x,
        "tau_theta": tau_theta,
        "batch": batch,
        "seeds": seeds,
        "key": key,
        "points": points,
        "out": out,
    }
    if plot is not None:
        refuse_suffix(plot)
    chosen = [find_platform(name) for name in platform or PAPER]
    if one_by_one:
        chosen = [p if p.parallel_samples else _one_by_one(p) for p in chosen]
    console = Terminal()
    if list_:
        every = chosen if platform else list(platforms().values())
        _show(console, every, as_json)
        return
    if table3_:
        _show(console, table3(), as_json)
        return
    if what is None:
        raise ValueError(
            "a run's folder or a task must be given, or --list, or --table3"
        )
    use_devices(devices)
    where = None if data is None else str(data)
    with Screen(quiet) as screen:
        try:
            record = _record(what, options, where, backpropagation, screen)
            beside, own = None, platform_of_run(record)
            wanted = backpropagation and own is None
            if wanted and record.curves and record.reference is None:
                beside = _measured(record, target, where, screen)
        except KeyboardInterrupt:
            screen.console.print("stopped; nothing is timed", style="bold")
            raise typer.Exit(AT_ONCE if heard.at_once else STOPPED) from None
    if own is not None:
        chosen = [own, *(chosen if platform else ())]
        if not as_json:
            echo(as_run(record, own))
        if not np.isfinite(record.curves["test_accuracy"]).any():
            _only_costs(record, own, as_json)
            return
    found = timed(record, chosen, target or None, beside)
    if as_json:
        echo(json.dumps(found.to_json()))
    else:
        show_times(console, found)
    if plot is not None:
        screen.console.print(f"plot            {draw_times(found, plot)}")


def _only_costs(record: Record, own: Platform, as_json: bool) -> None:
    """A run without accuracies has no time to any: what it took is all there is."""
    if as_json:
        lab = record.extra.get("lab", {})
        told = {"platform": dataclasses.asdict(own), "run": record.evaluations}
        echo(json.dumps({**told, "writes_max": lab.get("writes_max")}))
    else:
        echo("It has no test accuracy, so there is no time to one.")


def _record(
    what: str,
    options: dict[str, Any],
    folder: str | None,
    backpropagation: bool,
    screen: Screen,
) -> Record:
    """The record of a folder, or of a task's preset that is trained now."""
    path = Path(what)
    if (path / "record.json").is_file() or path.suffix == ".json":
        given = [name for name, value in options.items() if value is not None]
        if given:
            raise ValueError(f"a record is taken as it is, got also {', '.join(given)}")
        return Record.load(path)
    if what not in presets() and not what.startswith("parity-"):
        if path.is_dir():
            raise FileNotFoundError(f"no record at {path / 'record.json'}")
        known = ", ".join(presets())
        raise ValueError(
            f"a run's folder or a task ({known}) must be given, got {what!r}"
        )
    out = options.pop("out")
    if out is not None and (out / "record.json").exists():
        raise ValueError(f"--out must be a folder without a run, got {out}")
    asked = options.pop("points")
    wanted = POINTS if asked is None else positive_int("points", asked)
    beside = {"key": 0, "backpropagation": backpropagation}
    spec = with_options(beside | starting_spec(what, None), options)
    arguments: dict[str, Any] = build(spec, folder) | {"angles": False}
    # Evenly in the logarithm: times are wanted as finely at the start as at the end.
    ends = arguments["clock"].tau_theta, arguments["slots"]
    arguments["points"] = [0, *(round(p) for p in np.geomspace(*ends, wanted))]
    return run(**arguments, out=out, watch=screen)


def _measured(
    record: Record, targets: Sequence[float] | None, folder: str | None, screen: Screen
) -> Backprop | None:
    """Backpropagation on this machine, or None with a word of why not."""
    reached = timed(record, [], targets or None).targets[-1]
    try:
        return measure_backpropagation(record.spec, reached, folder, watch=screen)
    except (OSError, TypeError, ValueError) as error:
        screen.console.print(f"backpropagation is not measured: {error}")
        return None


def _one_by_one(platform: Platform) -> Platform:
    return dataclasses.replace(platform, parallel_samples=1)


def _show(console: Console, found: list[Platform] | Table3, as_json: bool) -> None:
    if isinstance(found, Table3):
        if as_json:
            echo(json.dumps(found.to_json()))
        else:
            show_table3(console, found)
    elif as_json:
        echo(json.dumps([dataclasses.asdict(each) for each in found]))
    else:
        show_platforms(console, found)
