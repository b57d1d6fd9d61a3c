"""`plexgrad tune`: measure a chip, and say how it should be trained."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from plexgrad.chips.naming import spelled
from plexgrad.cli.folders import result_folder
from plexgrad.cli.options import starting_spec, with_options
from plexgrad.cli.saying import Terminal, echo, secho
from plexgrad.core.files import write_atomically
from plexgrad.report.tune_plot import draw_tune
from plexgrad.training.recommendation import Recommendation
from plexgrad.training.specs import build, presets
from plexgrad.training.tune import STAGES
from plexgrad.training.tune import tune as run

CHIP, METHOD, FILES = "The chip and its task", "Method", "Files and output"


def _option(help: str, panel: str, *names: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=False)


def tune(
    task: Annotated[
        str | None,
        typer.Argument(
            help=f"What to learn: {', '.join(presets())} (also parity-N).",
            show_default=False,
        ),
    ] = None,
    net: Annotated[str | None, _option("As of plexgrad train.", CHIP)] = None,
    activation: Annotated[str | None, _option("sigmoid, tanh or relu.", CHIP)] = None,
    cost: Annotated[str | None, _option("mse or cross_entropy.", CHIP)] = None,
    effect: Annotated[
        list[str] | None, _option("As of plexgrad train; repeatable.", CHIP)
    ] = None,
    batch: Annotated[int | None, _option("Samples shown together.", CHIP)] = None,
    key: Annotated[
        int | None, _option("Random key: names the chip, as in train.", CHIP)
    ] = None,
    spec: Annotated[
        Path | None, _option("A TOML file with some of the settings.", CHIP)
    ] = None,
    code: Annotated[str | None, _option("The perturbation code.", METHOD)] = None,
    reference: Annotated[str | None, _option("baseline or antithetic.", METHOD)] = None,
    rule: Annotated[
        str | None, _option("sgd, adam, or another adaptive rule.", METHOD)
    ] = None,
    tau_p: Annotated[int | None, _option("Slots of a pattern.", METHOD)] = None,
    tau_x: Annotated[int | None, _option("Slots of a sample.", METHOD)] = None,
    budget: Annotated[
        int, typer.Option(help="Evaluations to spend.", rich_help_panel=METHOD)
    ] = 1000,
    write_cost: Annotated[
        float,
        typer.Option(
            help="Evaluations that one write is worth.", rich_help_panel=METHOD
        ),
    ] = 0.0,
    out: Annotated[
        Path | None,
        _option("Folder of the result; default: runs/tune-TASK.", FILES),
    ] = None,
    data: Annotated[
        Path | None,
        _option("Folder with the data files; default: $PLEXGRAD_DATA.", FILES),
    ] = None,
    as_json: Annotated[
        bool, _option("Print the result as JSON on standard output.", FILES, "--json")
    ] = False,
    quiet: Annotated[bool, _option("No progress.", FILES, "--quiet", "-q")] = False,
) -> None:
    """Recommend amplitude, tau_theta and eta for a chip, by measuring it.

    A few hundred evaluations of the cost tell its noise, how far it is linear, its
    curvature, and what a write does. The folder gets tune.json and tune.png.
    """
    options = {
        "net": net,
        "activation": activation,
        "cost": cost,
        "effect": effect or None,
        "batch": batch,
        "key": key,
        "code": code,
        "reference": reference,
        "rule": rule,
        "tau_p": tau_p,
        "tau_x": tau_x,
    }
    settings = with_options({"key": 0} | starting_spec(task, spec), options)
    arguments = build(settings, None if data is None else str(data))
    console = Terminal(stderr=True, quiet=quiet)

    def watch(stage: str, spent: int) -> None:
        console.print(f"{stage:<10} {STAGES[stage]}: {spent} evaluations so far")

    taken = ("chip", "data", "estimator", "rule", "clock", "key", "batch", "sampling")
    name = str(settings["task"]["name"])
    with result_folder(out, Path("runs") / f"tune-{name}") as folder:
        found = run(
            **{name: arguments[name] for name in taken if name in arguments},
            budget=budget,
            write_cost=write_cost,
            watch=watch,
        )
        words = command(name, options | {"spec": spec}, arguments["chip"], found)
        told = {**found.to_json(), "task": settings["task"], "command": words}
        text = json.dumps(told, indent=1, allow_nan=False)
        write_atomically(folder / "tune.json", text.encode())
        plot = draw_tune(found, folder / "tune.png")
        if as_json:
            echo(json.dumps({**told, "folder": str(folder)}, allow_nan=False))
            return
        _print(found, told["command"], plot)


def command(
    task: str, options: dict[str, Any], chip: Any, found: Recommendation
) -> str:
    """The command that trains as recommended."""
    words = ["plexgrad", "train", task]
    effects = spelled(chip)
    for name, value in options.items():
        if value is None or name in ("effect", "rule"):
            continue
        words += [f"--{name.replace('_', '-')}", str(value)]
    for effect in effects:
        words += ["--effect", effect]
    words += ["--amplitude", f"{found.amplitude:.3g}"]
    words += ["--tau-theta", str(found.tau_theta)]
    words += ["--rule", found.rule, "--eta", f"{found.eta:.3g}"]
    return shlex.join(words)


def _print(found: Recommendation, command: str, plot: Path) -> None:
    for name in ("amplitude", "tau_theta", "eta"):
        value = getattr(found, name)
        shown = value if isinstance(value, int) else f"{value:.3g}"
        echo(f"{name:<12}{shown}")
    echo(f"{'spent':<12}{found.spent} evaluations")
    echo("")
    for sentence in found.reasons:
        echo(f"- {sentence}")
    for sentence in found.warnings:
        secho(f"! {sentence}", fg="yellow")
    echo(f"\nplot        {plot}\n\n{command}")
