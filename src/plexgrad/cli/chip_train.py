"""`plexgrad chip train`: one run on a device, or on several; new or gone on with."""

import os
import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from plexgrad.cli import chip_watch
from plexgrad.cli.chip_setting import (
    COST,
    TAKE,
    again,
    as_calibrated,
    expected,
    explained,
    print_accounts,
    several,
    start_of,
    started,
)
from plexgrad.cli.ends import ending_of, finish, saved_words, say, stopped
from plexgrad.cli.folders import refuse_taken, run_folder
from plexgrad.cli.options import use_devices
from plexgrad.cli.report import draw_ended
from plexgrad.cli.run_options import BestKept, PatiencePoints, Until
from plexgrad.cli.screen import Screen, show
from plexgrad.core.claim import claimed
from plexgrad.core.record import Record
from plexgrad.core.signals import listening
from plexgrad.lab import find, host
from plexgrad.lab.bench import Worn
from plexgrad.lab.device import LinkLost
from plexgrad.lab.doubts import NothingRead
from plexgrad.lab.each import folders_of, train_each
from plexgrad.report.event_files import EventFiles
from plexgrad.training import checkpoint
from plexgrad.training.goals import asked
from plexgrad.training.live import together
from plexgrad.training.progress import Watcher

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
            "...; plexgrad chip list names all kinds. Several, joined by commas, each "
            "measure their part of every window. With --resume, the one before.",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Argument(
            help="What to learn, such as nist7x7 or digits; its preset gives the "
            "estimator, rule and clock, and options change them. Without one: the "
            "cost that the device gives by itself.",
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
    share: Annotated[
        bool | None,
        _option(
            "Amplitude and step are shares of each group's range; must be said where "
            "units differ.",
            METHOD,
            "--share/--no-share",
        ),
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
    repeats: Annotated[int, _option("Times that every row is read; 1.", TIME)] = 1,
    average: Annotated[
        str, _option("What is made of them: the mean or the median.", TIME)
    ] = "mean",
    step_limit: Annotated[
        float | None,
        _option(
            "What one slot may do to the parameters, in units of the usual; 0: any; "
            "default: 10, or 100 where samples are shown.",
            METHOD,
        ),
    ] = None,
    points: Annotated[
        int | None, _option("Points of the learning curves; default: 10.", TIME)
    ] = None,
    scoring: Annotated[
        float | None,
        _option("Share of the time that scoring may take; 0.2.", TIME),
    ] = None,
    start: Annotated[
        str | None,
        _option(
            "Draw the first parameters from LOW,HIGH, take those of the run in a "
            "folder, or keep what the device holds: keep. Default: as declared.",
            DEVICE,
        ),
    ] = None,
    keep: Annotated[
        bool, _option("The same as --start keep.", DEVICE, "--keep")
    ] = False,
    until: Until = None,
    patience_points: PatiencePoints = None,
    best: BestKept = False,
    crossing: Annotated[
        str,
        _option(
            "What crosses the link: updates (seeds only), codes, arrays, or auto.",
            DEVICE,
        ),
    ] = "auto",
    also: Annotated[
        list[str] | None, _option("Another device for the run; repeatable.", DEVICE)
    ] = None,
    each: Annotated[
        bool,
        _option(
            "Train a network on each device by itself, not one on all.",
            DEVICE,
            "--each",
        ),
    ] = False,
    calibration: Annotated[
        Path | None,
        _option(
            "Take the setting that chip calibrate recommended, from its folder.",
            METHOD,
        ),
    ] = None,
    patience: Annotated[
        float, _option("Seconds to wait for a device that was lost; 30.", DEVICE)
    ] = 30.0,
    take: Annotated[bool, _option(TAKE, DEVICE, "--take")] = False,
    record: Annotated[
        Path | None,
        _option("Write what crosses the link to this file; see replay:.", DEVICE),
    ] = None,
    explain: Annotated[
        bool,
        _option(
            "Say what would be asked of the device, and with --calibration for how "
            "long; ask nothing.",
            TIME,
            "--explain",
        ),
    ] = False,
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
    if resume and (out is None or task is not None):
        raise ValueError("--resume takes the run in --out as it is, without a TASK")
    with ExitStack() as stack:
        usual = Path("runs") / f"chip-{task or COST}"
        if resume and out is not None:
            folder = stack.enter_context(claimed(out))
        else:
            holder = run_folder(out, usual, "--resume --out {folder}")
            folder = stack.enter_context(holder)
        if url is None and resume:
            url = str(checkpoint.spec_of(folder).get("chip", {}).get("url", ""))
            for one in several(url):
                find.refuse_to_run(one, folder)
        if not url:
            raise ValueError(
                "a device must be given, by its URL; see plexgrad chip list"
            )
        urls = [*several(url), *(also or ())]
        if record is not None and len(urls) > 1:
            raise ValueError(f"--record takes one device, got {len(urls)}")
        devices = [find.device_at(one, record, take) for one in urls]
        folders = folders_of(devices, folder) if each else [folder]
        if resume:
            arguments = again(checkpoint.spec_of(folders[0]))
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
            arguments = started(task, given, eta, calibration, urls[0]) | {
                "sampling": sampling,
                "points": points or POINTS,
                "start": start_of("keep" if keep else start),
                "crossing": crossing,
                "repeats": repeats,
                "average": average,
                "step_limit": step_limit,
                "share": share,
                "scoring": scoring,
                "keep": "best" if best else "last",
            }
            for one in folders:
                refuse_taken(one, f"--resume --out {shlex.quote(str(folder))}")
        if explain:
            show(explained(arguments, calibration), as_json)
            return
        if watch:
            words = [word for word in sys.argv[1:] if word != "--watch"]
            words = [*words, *_placed(out, folder)]
            stack.close()  # the run is one of its own, and claims them itself
            raise typer.Exit(chip_watch.start(words, folders[0]))
        screen = Screen(quiet)
        watchers: list[Watcher] = [screen]
        if tensorboard:
            watchers.append(stack.enter_context(EventFiles(folder, resume)))
        look = as_calibrated(calibration, screen.say)
        arguments |= {"resume": resume, "patience_s": patience, "ready": look}
        arguments["foresee"] = lambda found: screen.say(expected(found))
        arguments["loading"] = screen
        arguments["stop"] = asked(until, patience_points)
        seen = together(*watchers)
        words = ["plexgrad", "chip", "train", ",".join(urls), *each * ["--each"]]
        go_on = shlex.join([*words, "--resume", "--out", str(folder)])

        def run() -> list[Record]:
            if each:
                return train_each(devices, folders, urls, seen, **arguments)
            one = devices[0] if len(devices) == 1 else devices
            named = {"url": ",".join(urls), "out": folder}
            told = {"watch": seen, "tell": screen.say}
            return [host.train(one, **arguments, **named, **told)]

        done = _run(run, screen, folders, go_on)
        for one, place in zip(done, folders, strict=True):
            if one.final:
                draw_ended(one, place, as_json)
            if not as_json:
                print_accounts(one.extra["lab"])
        for one in done:
            finish(one, go_on)


def _run(
    run: Callable[[], list[Record]], screen: Screen, folders: list[Path], again: str
) -> list[Record]:
    """The records of a run. Raises what ended it, after saying what was saved."""
    try:
        with listening(tell=screen.say), screen:
            return run()
    except KeyboardInterrupt:
        raise stopped(folders[0], again) from None
    except LinkLost:
        stopped(folders[0], again)
        raise
    except (Worn, NothingRead) as error:
        say(f"plexgrad: {error}")
        raise stopped(folders[0], again) from None
    except Exception:
        if (ended := ending_of(folders[0])).get("saved") is not None:
            say(saved_words(ended, again))
        raise


def _placed(out: Path | None, folder: Path) -> list[str]:
    """The option that names the folder, if it was not named."""
    return [] if out is not None else ["--out", str(folder)]
