"""`plexgrad chip watch`: the panel of a run that goes on, has ended, or starts here."""

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from plexgrad.cli import panel_words
from plexgrad.cli.saying import echo
from plexgrad.core.extras import needed
from plexgrad.training import live
from plexgrad.training.following import GOING, Followed

LOG = "console.log"
"""What a run that was started with its panel has said."""

WIDTH, HEIGHT = 80, 24
ASK = "--pause", "--resume", "--stop"


def watch(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a run: on a device, or simulated.")
    ],
    once: Annotated[
        bool, typer.Option("--once", help="Print how it is now, without a panel.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the newest line as JSON.")
    ] = False,
    pause: Annotated[
        bool, typer.Option("--pause", help="Ask it to pause, without a panel.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Ask it to go on after a pause.")
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Ask it to stop at the next safe place.")
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(help="Draw the panel into an SVG file.", show_default=False),
    ] = None,
) -> None:
    """Watch a run and steer it: cost, accuracy, link, wear; pause, resume and stop.

    The run need not know: its folder is enough, from any terminal that sees it. Leaving
    the panel changes nothing. A run that has ended is shown as it ended, and replayed
    with a key.
    """
    run = Followed(folder)
    run.poll()
    asked = {live.PAUSE: pause, live.RESUME: resume, live.STOP: stop}
    wanted = [word for word, given in asked.items() if given]
    if wanted:
        _request(run, wanted)
    elif as_json:
        last = run.lines[-1] if run.lines else {}
        echo(json.dumps({**run.about, **last, "state": run.state()}))
    elif once:
        echo(panel_words.text(run))
    elif picture is not None:
        _draw(run, picture)
    else:
        _terminal()
        _panel()(run).run()


def start(words: Sequence[str], folder: Path) -> int:
    """Train in a process of its own, behind its panel; the exit status.

    `words` are those of the command line after `plexgrad`. The process outlives panel
    and terminal, and what it says goes into `console.log` in the folder. Raises
    ImportError without textual, and ValueError where there is no terminal.
    """
    _terminal()
    panel = _panel()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "plexgrad", *words, "--quiet"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    run = Followed(folder, child.pid)
    panel(run, lambda: child.poll() is None).run()
    status = _ended(child, run)
    if status is None:
        words = shlex.join(["plexgrad", "chip", "watch", str(folder)])
        echo(f"the run goes on; see it with: {words}")
        return 0
    echo((folder / LOG).read_text(), nl=False)
    return status


def _ended(child: Any, run: Followed) -> int | None:
    """The exit status of a process; one that has ended its run is waited for."""
    while (status := child.poll()) is None:
        run.poll()
        if run.state() in ("starting", *GOING):
            return None
        time.sleep(0.05)
    return status


def _request(run: Followed, wanted: Sequence[str]) -> None:
    if len(wanted) > 1:
        raise ValueError(f"one of {', '.join(ASK)} can be asked at a time")
    state = run.state()
    if state not in (*GOING, "silent"):
        raise ValueError(f"only a run that goes on can be asked, this one is {state}")
    run.ask(wanted[0])
    echo(f"{wanted[0]} is asked for, at the next safe place of {run.folder}")


def _draw(run: Followed, file: Path) -> None:
    panel = _panel()(run)

    async def picture(pilot: Any) -> None:
        drawn = ""
        # The keys at the foot are drawn some messages after the rest.
        while "Leave" not in drawn:
            await pilot.pause(0.2)
            drawn = panel.export_screenshot(title="plexgrad chip watch")
        # A picture that asks the network for its letters is not whole.
        file.write_text(re.sub(r"@font-face\s*{.*?}\s*", "", drawn, flags=re.DOTALL))
        panel.exit()

    panel.run(headless=True, size=(WIDTH, HEIGHT), auto_pilot=picture)
    echo(file)


def _panel() -> Any:
    return needed("plexgrad.cli.panel", "watch").Panel


def _terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ValueError("the panel needs a terminal; chip watch --once needs none")
