"""`plexgrad train`: one run from a task, a file, a record, or a checkpoint."""

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from plexgrad import codes
from plexgrad.chips.naming import help_lines
from plexgrad.cli.ends import finish, stopped
from plexgrad.cli.folders import run_folder
from plexgrad.cli.options import (
    join_processes,
    make_known,
    starting_spec,
    use_devices,
    with_options,
)
from plexgrad.cli.report import draw_ended
from plexgrad.cli.run_options import BestKept, PatiencePoints, Until
from plexgrad.cli.screen import Screen, show
from plexgrad.cli.trace import draw_start, refuse_untraceable
from plexgrad.cli.tuned import tuned
from plexgrad.cli.watchers import Watchers
from plexgrad.core.claim import claimed
from plexgrad.core.record import Record
from plexgrad.core.signals import listening
from plexgrad.training import checkpoint, processes
from plexgrad.training import train as run
from plexgrad.training.explain import explain
from plexgrad.training.goals import asked
from plexgrad.training.specs import build, presets

MODEL, METHOD, TIME, FILES = "Model", "Method", "Time and size", "Files and output"
MACHINES = "Devices and processes"


def _option(help: str, panel: str, *names: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=False)


def train(
    task: Annotated[
        str | None,
        typer.Argument(
            help=f"What to learn: {', '.join(presets())} (also parity-N). Each comes "
            "with settings that work; options change them.",
            show_default=False,
        ),
    ] = None,
    net: Annotated[
        str | None,
        _option(
            "64-32-10 (an MLP), cnn (paper A's), vgg-D (paper B's), rnn-HIDDEN or "
            "ssm-MODES-HIDDEN.",
            MODEL,
        ),
    ] = None,
    activation: Annotated[
        str | None, _option("sigmoid, tanh or relu, between layers.", MODEL)
    ] = None,
    cost: Annotated[str | None, _option("mse or cross_entropy.", MODEL)] = None,
    effect: Annotated[
        list[str] | None,
        _option(
            "An imperfection of the chip, by its strength or by NAME:FIELD=VALUE,...; "
            "repeat it for more, the innermost first. none takes all away.\n\n"
            + "\n\n".join(help_lines()),
            MODEL,
        ),
    ] = None,
    code: Annotated[
        str | None,
        _option(f"{', '.join(codes.__all__)}.", METHOD),
    ] = None,
    amplitude: Annotated[
        float | None, _option("Perturbation amplitude of the code.", METHOD)
    ] = None,
    estimator: Annotated[
        str | None, _option("WeightPerturbation or Backpropagation.", METHOD)
    ] = None,
    reference: Annotated[
        str | None,
        _option("baseline (C - C0), antithetic (C+ - C-) / 2, or direct.", METHOD),
    ] = None,
    shrink: Annotated[
        str | None, _option("none, norm (paper B) or mmse.", METHOD)
    ] = None,
    rule: Annotated[
        str | None, _option("An optax rule: sgd, adam, rmsprop, ...", METHOD)
    ] = None,
    eta: Annotated[
        float | None,
        _option("Learning rate (of the mean estimate, whatever tau_theta).", METHOD),
    ] = None,
    tuned_: Annotated[
        bool,
        _option(
            "Measure the chip first, and take the amplitude, tau_theta and eta found.",
            METHOD,
            "--tuned",
        ),
    ] = False,
    analog: Annotated[
        bool,
        _option("Continuous time: filters, and no rest.", METHOD, "--analog"),
    ] = False,
    slots: Annotated[
        int | None, _option("Measurements of the perturbed cost per seed.", TIME)
    ] = None,
    tau_p: Annotated[
        int | None, _option("Slots that one perturbation pattern is held.", TIME)
    ] = None,
    tau_x: Annotated[
        int | None, _option("Slots that one sample (or batch) is held.", TIME)
    ] = None,
    tau_theta: Annotated[
        int | None,
        _option("Slots integrated before each update; analog: of the low-pass.", TIME),
    ] = None,
    tau_hp: Annotated[
        float | None, _option("Analog: slots of the high-pass on the cost.", TIME)
    ] = None,
    batch: Annotated[int | None, _option("Samples shown together.", TIME)] = None,
    sampling: Annotated[
        str | None, _option("epoch (reshuffled) or replacement.", TIME)
    ] = None,
    seeds: Annotated[
        int | None, _option("Independent chips, trained together.", TIME)
    ] = None,
    key: Annotated[int | None, _option("Random key of the whole run.", TIME)] = None,
    points: Annotated[
        int | None, _option("Points of the learning curves.", TIME)
    ] = None,
    devices: Annotated[
        int | None,
        _option("JAX devices of this process; default: one per core.", MACHINES),
    ] = None,
    shard: Annotated[
        str,
        _option("What devices share: seeds, slots too, or auto (as fits).", MACHINES),
    ] = "auto",
    loop: Annotated[
        str,
        _option("jax, fused (tiny networks; needs numba), or auto.", MACHINES),
    ] = "auto",
    engine: Annotated[
        str | None,
        _option(
            "How a block of slots is simulated: materialised, shared, outer, walsh, or "
            "auto; see --explain.",
            MACHINES,
        ),
    ] = None,
    explain_: Annotated[
        bool,
        _option(
            "Say what would run, on what, by which engine and why; run nothing.",
            MACHINES,
            "--explain",
        ),
    ] = False,
    coordinator: Annotated[
        str | None,
        _option(
            "HOST:PORT of process 0, to train in several processes: start this "
            "command in each, with its own --process.",
            MACHINES,
        ),
    ] = None,
    process: Annotated[
        int | None, _option("Number of this process, from 0; 0 writes.", MACHINES)
    ] = None,
    processes_: Annotated[
        int | None,
        _option("How many processes train together.", MACHINES, "--processes"),
    ] = None,
    backpropagation: Annotated[
        bool | None,
        _option(
            "Train the same networks by backpropagation beside it (default: yes).",
            METHOD,
            "--backprop/--no-backprop",
        ),
    ] = None,
    until: Until = None,
    patience_points: PatiencePoints = None,
    best: BestKept = False,
    start: Annotated[
        Path | None,
        _option("Start from the parameters of the run in this folder.", MODEL),
    ] = None,
    spec: Annotated[
        Path | None,
        _option("A TOML file with some or all of a run's settings.", FILES),
    ] = None,
    source: Annotated[
        Path | None,
        _option("Rerun a record: its file or its folder.", FILES, "--from"),
    ] = None,
    resume: Annotated[
        Path | None, _option("Go on with the run in this folder.", FILES)
    ] = None,
    import_: Annotated[
        list[str] | None,
        _option(
            "A module of yours whose classes may be named, as --code "
            "MODULE:CLASS or by a record; repeatable. It is run.",
            FILES,
            "--import",
        ),
    ] = None,
    out: Annotated[
        Path | None, _option("Folder of the run; default: runs/TASK.", FILES)
    ] = None,
    trace: Annotated[
        int | None, _option("Analog: draw the first N slots, traces.png.", FILES)
    ] = None,
    data: Annotated[
        Path | None,
        _option("Folder with the data files; default: $PLEXGRAD_DATA.", FILES),
    ] = None,
    as_json: Annotated[
        bool, _option("Print the result as JSON on standard output.", FILES, "--json")
    ] = False,
    tensorboard: Annotated[
        bool, _option("Write event files into the folder.", FILES, "--tensorboard")
    ] = False,
    quiet: Annotated[bool, _option("No progress.", FILES, "--quiet", "-q")] = False,
) -> None:
    """Train a simulated chip by multiplexed perturbation, and leave a report.

    The run's folder gets record.json, metrics.csv, report.html and a checkpoint. A run
    that was stopped, or killed, goes on with --resume.
    """
    options = {
        "net": net,
        "activation": activation,
        "cost": cost,
        "effect": effect or None,
        "code": code,
        "amplitude": amplitude,
        "estimator": estimator,
        "reference": reference,
        "shrink": shrink,
        "rule": rule,
        "eta": eta,
        "slots": slots,
        "analog": analog or None,
        "tau_p": tau_p,
        "tau_x": tau_x,
        "tau_theta": tau_theta,
        "tau_hp": tau_hp,
        "batch": batch,
        "sampling": sampling,
        "seeds": seeds,
        "key": key,
        "points": points,
        "backpropagation": backpropagation,
        "engine": engine,
    }
    use_devices(devices)
    for module in import_ or ():
        make_known(module)
    join_processes(coordinator, process, processes_)

    held = ExitStack()
    where = None if data is None else str(data)

    def resolved() -> tuple[dict[str, Any], str]:
        if resume is not None:
            more = {"task": task, "spec": spec, "from": source, "out": out}
            more |= {"start": start, "best": best or None, "tuned": tuned_ or None}
            _refuse_beside("--resume", {**options, **more})
            folder = resume if resume.is_dir() else resume.parent
            found = checkpoint.spec_of(resume)
            return found, str(held.enter_context(claimed(folder)))
        if source is not None:
            _refuse_beside("--from", {"spec": spec})
        file = spec if source is None else source
        base = starting_spec(task, file, analog)
        base = {"key": 0, "backpropagation": True} | base
        settings = with_options(base, options)
        if start is not None:
            settings["start"] = {"run": str(start)}
        if best:
            settings["keep"] = "best"
        usual = Path("runs") / str(settings["task"]["name"])
        if explain_:
            return settings, str(out or usual)
        folder = held.enter_context(run_folder(out, usual, "--resume {folder}"))
        if tuned_:
            settings = tuned(settings, options, where, Screen(quiet).say)
        return settings, str(folder)

    with held:
        settings, place = processes.by_first(resolved)
        folder, again = (
            Path(place),
            shlex.join(["plexgrad", "train", "--resume", place]),
        )
        arguments = build(settings, where, shard=shard, loop=loop)
        if explain_:
            show({"task": settings["task"]["name"], **explain(**arguments)}, as_json)
            return
        refuse_untraceable(arguments, trace)
        going_on = resume is not None
        arguments["stop"] = asked(until, patience_points)
        screen = Screen(quiet or not processes.first())
        watchers = Watchers(screen, folder, settings, going_on, tensorboard)
        record = _run(arguments, folder, going_on, watchers, again)
        if processes.first() and record.final:
            draw_ended(record, folder, as_json)
            draw_start(arguments, trace, folder)
        finish(record, again)


def _run(
    arguments: dict[str, Any], folder: Path, resume: bool, watch: Watchers, again: str
) -> Record:
    """The record of the run. Raises typer.Exit, after saying what was saved."""
    try:
        with listening(tell=watch.screen.say), watch:
            record = run(**arguments, out=folder, resume=resume, watch=watch)
            watch.ended = record.status
            return record
    except KeyboardInterrupt:
        raise stopped(folder, again) from None
    except (RuntimeError, ValueError) as error:
        if not processes.broken(error):
            raise
        raise ConnectionError(
            "another process has ended; start all again with "
            f"--resume {folder} ({str(error).splitlines()[0]})"
        ) from error


def _refuse_beside(name: str, options: dict[str, Any]) -> None:
    given = [key for key, value in options.items() if value is not None]
    if given:
        raise ValueError(f"{name} takes the run as it is, got also {', '.join(given)}")
