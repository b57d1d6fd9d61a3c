"""The panel of a run in a terminal: curves, numbers, and keys that steer it.

It only reads the run's folder and writes requests there, so any number of panels may
follow one run, from anywhere, and leaving one changes nothing. Works in 80 columns and
24 lines, without colours, and over ssh.
"""

import math
import re
from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Footer, ProgressBar, Static
from textual_plotext import PlotextPlot

from plexgrad.cli import panel_words as words
from plexgrad.training.following import GOING, Followed

LOOK_S = 0.5
"""Seconds between two looks at a run."""

TICK_S = 0.1
"""Seconds between two pictures of a replay."""
REPLAY_S = 10.0
"""Seconds that a replay of a whole run takes."""

AGAIN_S = 3.0
"""Seconds in which a second key stops the run."""

KNOB = re.compile(r"knob_\d+")
"""Names of a device's knobs in a line of the live record."""

DRAWN = 400
"""Points of a curve that are drawn."""


class Panel(App[int]):
    """Follows a run; `alive` says whether a process that was started with it lives."""

    CSS = """
    Screen { layout: vertical; }
    #title { text-style: bold; height: 1; padding: 0 1; }
    #state { height: 1; padding: 0 1; }
    #progress { height: 1; padding: 0 1; width: 100%; }
    #progress Bar { width: 1fr; }
    #curves { height: 1fr; }
    #curves PlotextPlot { width: 1fr; }
    #numbers { height: 6; padding: 0 1; }
    #numbers Static { width: 1fr; }
    """
    BINDINGS: ClassVar[list[Any]] = [
        Binding("p", "ask('pause')", "Pause"),
        Binding("r", "ask('resume')", "Resume"),
        Binding("s", "stop", "Stop"),
        Binding("a", "replay", "Replay"),
        Binding("q,ctrl+c", "quit", "Leave", key_display="q"),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, run: Followed, alive: Callable[[], bool] | None = None) -> None:
        super().__init__()
        self.run_, self.alive = run, alive
        self.note, self._shown, self._stopping = "", math.inf, False

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        yield Static(id="state", markup=False)
        yield ProgressBar(id="progress", show_eta=False)
        with Horizontal(id="curves"):
            yield PlotextPlot(id="cost")
            yield PlotextPlot(id="accuracy")
        with Horizontal(id="numbers"):
            for name in ("run", "link", "chip"):
                yield Static(id=name, markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self._follow()
        self.set_interval(LOOK_S, self._follow)

    def _follow(self) -> None:
        if self.alive is not None and not self.alive() and not self.run_.lines:
            self.exit(1)
            return
        before = self.run_.state()
        self.run_.poll()
        if self.run_.state() != before:
            self.note = ""
        self._draw()

    def _draw(self) -> None:
        # A timer may still tick while the panel closes, when its widgets are gone.
        if self.query("#title") and self.query("#accuracy") and self.query("#chip"):
            self._draw_all()

    def _draw_all(self) -> None:
        run = self.run_
        self.query_one("#title", Static).update(words.title(run))
        self.query_one("#state", Static).update(self.note or words.state_words(run))
        for name, rows in zip(("run", "link", "chip"), words.columns(run), strict=True):
            lines = [f"{label:<14} {value}" for label, value in rows]
            self.query_one(f"#{name}", Static).update("\n".join(lines))
        lines = run.phase()
        lines = lines[: min(len(lines), int(min(self._shown, 1e9)))]
        if lines:
            last = lines[-1]
            bar = self.query_one("#progress", ProgressBar)
            bar.update(total=last["slots"], progress=last["slot"])
        self._curve("cost", "cost", lines, 1.0)
        knobs = [name for name in (lines[-1] if lines else ()) if KNOB.fullmatch(name)]
        if knobs and all(line.get("accuracy") is None for line in lines):
            self._knobs(knobs, lines)
        else:
            self._curve("accuracy", "test accuracy (%)", lines, 100.0)
        self.refresh_bindings()

    def _knobs(self, names: list[str], lines: list[Any]) -> None:
        """The first knobs of a device whose cost is all that it tells."""
        found = [line for line in lines if names[0] in line]
        found = found[:: max(1, len(found) // DRAWN)] + found[-1:]
        plot = self.query_one("#accuracy", PlotextPlot)
        plot.plt.clear_data()
        plot.plt.title(f"knobs 0 to {len(names) - 1} against seconds")
        x = [line["seconds"] for line in found]
        for name in names:
            plot.plt.plot(x, [line.get(name) for line in found], marker="braille")
        plot.refresh()

    def _curve(self, name: str, label: str, lines: list[Any], scale: float) -> None:
        found = [line for line in lines if line.get(name) is not None]
        found = found[:: max(1, len(found) // DRAWN)] + found[-1:]
        # Whoever stands at a bench counts seconds; a simulation has slots alone.
        timed = bool(lines) and "steps" in lines[-1]
        x = [line["seconds" if timed else "slot"] for line in found]
        label += " against seconds" if timed else ""
        y = [scale * line[name] for line in found]
        plot = self.query_one(f"#{name}", PlotextPlot)
        plot.plt.clear_data()
        plot.plt.title(label)
        if not timed:
            plot.plt.xlim(0, lines[-1]["slots"] if lines else 1)
        if name == "accuracy":
            plot.plt.ylim(0, 100)
            plot.plt.yticks([0, 25, 50, 75, 100])
        elif y and min(y) > 0:
            plot.plt.yscale("log")
        plot.plt.plot(x, y, marker="braille")
        plot.refresh()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that make no sense now are not offered."""
        state = self.run_.state()
        if action == "ask":
            wanted = "paused" if parameters == ("resume",) else "running"
            return state == wanted
        if action == "stop":
            return state in GOING
        if action == "replay":
            return bool(self.run_.lines) and state not in GOING
        return True

    def action_ask(self, word: str) -> None:
        """Ask the run to pause or to go on."""
        self.run_.ask(word)
        self.note = f"{word} is asked for, at the next safe place"
        self._draw()

    def action_stop(self) -> None:
        """Ask the run to stop, if the key comes twice."""
        if not self._stopping:
            self._stopping = True
            self.note = "press s again to stop the run at the next safe place"
            self.set_timer(AGAIN_S, self._not_stopping)
        else:
            self._stopping = False
            self.run_.ask("stop")
            self.note = "stop is asked for, at the next safe place"
        self._draw()

    def _not_stopping(self) -> None:
        if self._stopping:
            self._stopping, self.note = False, ""
            self._draw()

    def action_replay(self) -> None:
        """Draw the curves again from their beginning."""
        if math.isfinite(self._shown):
            return
        self._shown = 1.0
        self._player = self.set_interval(TICK_S, self._play)
        self._draw()

    def _play(self) -> None:
        self._shown += len(self.run_.phase()) * TICK_S / REPLAY_S
        if self._shown >= len(self.run_.phase()):
            self._shown = math.inf
            self._player.stop()
        self._draw()
