"""`plexgrad chip calibrate`: measure a device, and say how it should be trained."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from plexgrad.cli.chip_setting import Take, cost_of, start_of
from plexgrad.cli.ends import AT_ONCE, STOPPED
from plexgrad.cli.folders import result_folder
from plexgrad.cli.options import starting_spec, use_devices, with_options
from plexgrad.cli.saying import Terminal, echo
from plexgrad.codes import Rademacher
from plexgrad.core.clock import Clock
from plexgrad.core.signals import heard
from plexgrad.estimators import WeightPerturbation
from plexgrad.lab import find
from plexgrad.lab.calibrate import Calibration
from plexgrad.lab.calibrate import calibrate as run
from plexgrad.lab.calibrate.run import STAGES, Setting
from plexgrad.report.calibration_page import (
    calibration_lines,
    command,
    write_calibration,
)
from plexgrad.training.specs import build


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, show_default=False)


def calibrate(
    url: Annotated[
        str,
        typer.Argument(help="The device, as of chip train.", show_default=False),
    ],
    task: Annotated[
        str | None,
        typer.Argument(
            help="What it will learn, such as nist7x7; without it nothing is "
            "recommended to a device that shows samples.",
            show_default=False,
        ),
    ] = None,
    code: Annotated[str | None, _option("The code, as for plexgrad train.")] = None,
    reference: Annotated[str | None, _option("baseline or antithetic.")] = None,
    rule: Annotated[str, _option("sgd, adam, or another adaptive rule.")] = "sgd",
    tau_p: Annotated[int | None, _option("Slots that a pattern is held.")] = None,
    tau_x: Annotated[int | None, _option("Slots that a sample is held.")] = None,
    batch: Annotated[int | None, _option("Samples shown together.")] = None,
    sampling: Annotated[str, _option("As of chip train.")] = "auto",
    key: Annotated[int, _option("Random key: the start, as of chip train.")] = 0,
    start: Annotated[
        str | None,
        _option(
            "Draw the first parameters from LOW,HIGH, or take those of the run in a "
            "folder; default: as declared."
        ),
    ] = None,
    keep: Annotated[bool, _option("Start from what it holds.", "--keep")] = False,
    budget: Annotated[
        int, typer.Option(help="Costs to spend on the recommendation.")
    ] = 1000,
    knob_budget: Annotated[
        int, typer.Option(help="Costs to spend on the knobs, at most.")
    ] = 4000,
    write_cost: Annotated[
        float, typer.Option(help="Costs that one write is worth.")
    ] = 0.0,
    listen: Annotated[
        float, typer.Option(help="Seconds in which noise and drift are listened to.")
    ] = 1.0,
    settle: Annotated[
        float | None,
        _option("Seconds that settling is followed after a write; default: by itself."),
    ] = None,
    patience: Annotated[
        float, _option("Seconds to wait for a device that was lost.", "--patience")
    ] = 30.0,
    take: Take = False,
    out: Annotated[
        Path | None, _option("Folder of the result; default: runs/calibrate-TASK.")
    ] = None,
    data: Annotated[
        Path | None, _option("Folder with the data files; default: $PLEXGRAD_DATA.")
    ] = None,
    as_json: Annotated[bool, _option("Print JSON.", "--json")] = False,
    quiet: Annotated[bool, _option("No progress.", "--quiet", "-q")] = False,
) -> None:
    """Measure link, settling, noise, drift and knobs, and recommend a setting.

    The folder gets calibration.html, calibration.json and plots; plexgrad chip train
    --calibration takes the setting from there. The parameters are put back, after an
    error and Ctrl-C too.
    """
    use_devices(None)
    if data is not None:
        os.environ["PLEXGRAD_DATA"] = str(data)
    options = {
        "code": code,
        "reference": reference,
        "tau_p": tau_p,
        "tau_x": tau_x,
        "batch": batch,
    }
    dataset, setting, cost = _asked(task, options)
    console = Terminal(stderr=True, quiet=quiet)

    def watch(stage: str, spent: int) -> None:
        console.print(f"{stage:<10} {STAGES[stage]}, after {spent:,} costs")

    usual = Path("runs") / f"calibrate-{task or 'chip'}"
    with result_folder(out, usual) as folder:
        try:
            found = run(
                find.device_at(url, take=take),
                dataset,
                Setting(
                    **setting,
                    rule=rule,
                    sampling=sampling,
                    budget=budget,
                    write_cost=write_cost,
                ),
                key=key,
                cost=cost,
                start=start_of("keep" if keep else start),
                knob_budget=knob_budget,
                listen_s=listen,
                settle_s=settle,
                patience_s=patience,
                url=url,
                watch=watch,
            )
        except KeyboardInterrupt:
            console.print("stopped; the parameters are as they were", style="bold")
            raise typer.Exit(AT_ONCE if heard.at_once else STOPPED) from None
        page = write_calibration(found, folder)
        if as_json:
            echo(json.dumps({**found.to_json(), "folder": str(folder)}))
            return
        _print(found, page)
        if found.recommendation is not None and found.url:
            echo(f"train   {command(found, folder)}")


def _asked(
    task: str | None, options: dict[str, Any]
) -> tuple[Any, dict[str, Any], str]:
    """Data, the method and the cost of a task, or of a device without samples."""
    if task is None:
        pairs = WeightPerturbation(Rademacher(1.0), "antithetic")
        clock = Clock(tau_p=options["tau_p"] or 1, tau_x=options["tau_x"] or 1)
        return None, {"estimator": pairs, "clock": clock}, "mse"
    spec = with_options({"key": 0} | starting_spec(task, None), options)
    built = build(spec)
    names = "estimator", "clock", "batch"
    found = {name: built[name] for name in names if name in built}
    return built["data"], found, cost_of(spec)


def _print(found: Calibration, page: Path) -> None:
    console = Terminal(soft_wrap=True)
    console.print(str(found.identity), style="bold", highlight=False)
    for line in calibration_lines(found):
        style = "yellow" if line.startswith("!") else None
        console.print(line, style=style, highlight=False, markup=False)
    table = Table("capability", "declared", "measured", "verdict", box=None)
    for each in found.compared:
        numbers = (
            f"{float(n):.3g}" if n else "–" for n in (each.declared, each.measured)
        )
        style = "red" if each.verdict == "differs" else None
        table.add_row(each.name, *numbers, each.verdict, style=style)
    if found.compared:
        console.print(table)
    if found.refused and not found.findings:
        console.print(
            f"no recommendation: {found.refused}", highlight=False, markup=False
        )
    console.print(f"report  {page}", highlight=False, markup=False)
