"""The panel of a run: running, paused, finished, killed, and without a live record."""

import asyncio
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import plexgrad as pg
from plexgrad.cli import chip_watch, panel_words
from plexgrad.training import live
from plexgrad.training.following import Followed
from plexgrad.training.progress import Progress
from tests.children import PATIENCE_S

panel = pytest.importorskip("plexgrad.cli.panel")


def glance(slot, state="running"):
    more = {
        "steps": slot,
        "calls": 2 * slot,
        "busy_s": slot * 2.5e-3,
        "bytes_out": slot * 100,
        "bytes_in": slot * 40,
        "retries": 3,
        "reconnects": 1,
        "recoveries": 2,
        "writes_max": slot + 1,
        "writes_mean": slot + 1.0,
        "saturated_cells": 4,
        "device_s": 1.5,
        "drift": 0.004,
    }
    cost, seconds = np.array([1 / (1 + slot)]), slot / 100
    return Progress(
        "train", slot, 1000, 2 * slot, seconds, cost, np.array([0.875]), 0, state, more
    )


ABOUT = {
    "task": "nist7x7",
    "chip": "a lab chip, serial 7",
    "parameters": 220,
    "endurance": 1e4,
    "unit": "V",
}


@pytest.fixture
def it(tmp_path):
    """The writing end of a run that is at slot 500."""
    found = live.Live(tmp_path, ABOUT, every_s=0)
    for slot in range(0, 501, 50):
        found(glance(slot))
    return found


def drawn(app):
    """The lines of a panel's screen."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def seen(folder, *keys, during=None, size=(80, 24), alive=None):
    """What the panel shows after some keys, line by line."""

    async def go():
        app = panel.Panel(Followed(folder), alive)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
                if during is not None:
                    during()
                    app._follow()
                    await pilot.pause()
            lines, before = drawn(app), []
            until = time.monotonic() + 60
            # The keys at the foot are drawn some messages after the rest.
            while lines != before or not any("q Leave" in line for line in lines):
                if app.return_value is not None or time.monotonic() > until:
                    break
                await pilot.pause(0.02)
                lines, before = drawn(app), lines
        return lines, app.return_value

    lines, status = asyncio.run(go())
    seen.status = status
    return "\n".join(lines)


@pytest.mark.parametrize("colours", [True, False])
def test_a_running_run_fits_80_by_24(tmp_path, it, monkeypatch, colours):
    if not colours:
        monkeypatch.setenv("NO_COLOR", "1")
    shown = seen(tmp_path)
    lines = shown.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    for words in (
        "nist7x7 on a lab chip, serial 7",
        "running",
        "50%",
        "test accuracy (%)",
        "87.5 %",
        "100 /s",
        "0:00:05",
        "1.25 ms",
        "50 + 20",
        "501",
        "5.01 %",
        "4 of 220",
        "0.004 V",
        "p Pause",
        "s Stop",
        "q Leave",
    ):
        assert words in shown, words
    assert "Resume" not in shown
    assert "Replay" not in shown


def test_keys_ask_and_the_state_follows(tmp_path, it):
    asked = []

    def obey():
        if word := it.asked():
            asked.append(word)
            it(glance(500, "paused" if word == "pause" else "running"))

    shown = seen(tmp_path, "p", during=obey)
    assert asked == ["pause"]
    assert "paused: all updates are applied, the perturbation is off" in shown
    assert "r Resume" in shown
    assert "p Pause" not in shown
    shown = seen(tmp_path, "r", during=obey)
    assert asked == ["pause", "resume"]
    assert "p Pause" in shown


def test_a_stop_takes_the_key_twice(tmp_path, it):
    assert "press s again" in seen(tmp_path, "s")
    assert it.asked() == ""
    assert "stop is asked for" in seen(tmp_path, "s", "s")
    assert it.asked() == "stop"


def test_keys_that_make_no_sense_do_nothing(tmp_path, it):
    it.end("finished")
    shown = seen(tmp_path, "p", "r", "s", "s")
    assert not (tmp_path / live.REQUEST).exists()
    assert "finished" in shown
    assert "a Replay" in shown


def test_a_finished_run_is_replayed(tmp_path, it, monkeypatch):
    it.end("finished")
    monkeypatch.setattr(panel, "REPLAY_S", 1e9)
    shown = seen(tmp_path, "a")
    assert "finished" in shown
    assert "50%" not in shown
    monkeypatch.setattr(panel, "REPLAY_S", 1e-3)
    assert "50%" in seen(tmp_path, "a", during=lambda: time.sleep(0.2))


def test_a_killed_run_says_so(tmp_path, it):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    it._about |= {"pid": dead.pid, "born": ""}
    it._began = False
    it._before = it.lines
    it(glance(550))
    run = Followed(tmp_path)
    run.poll()
    assert run.state() == "killed"
    assert "killed: its process is gone; it can go on with --resume" in seen(tmp_path)


def test_a_run_without_a_live_record_is_known_by_its_record(plexgrad, somewhere):
    words = ("--slots", 40, "--eta", 0.5, "--amplitude", 0.02, "--quiet")
    assert plexgrad("chip", "train", "emulated:2-2-1", "xor", *words)[0] == 0
    folder = somewhere / "runs" / "chip-xor"
    status, out, _ = plexgrad("chip", "watch", folder, "--once")
    assert status == 0
    assert "xor on plexgrad emulated MLP" in out
    (folder / live.FILE).unlink()
    shown = seen(folder)
    assert "finished" in shown
    assert "100%" in shown


def test_a_simulated_run_is_watched_too(plexgrad, somewhere):
    words = ("--slots", 40, "--seeds", 2, "--quiet", "--no-backprop", "--tensorboard")
    assert plexgrad("train", "xor", *words)[0] == 0
    folder = somewhere / "runs" / "xor"
    assert "finished" in seen(folder)
    assert len(list(folder.glob("events.out.tfevents.*"))) == 1


def test_a_run_that_never_began_closes_its_panel(tmp_path):
    seen(tmp_path, alive=lambda: False)
    assert seen.status == 1


def test_without_a_panel(plexgrad, tmp_path, it):
    status, out, _ = plexgrad("chip", "watch", tmp_path, "--once")
    assert status == 0
    assert "saturated       4 of 220" in out
    status, out, _ = plexgrad("chip", "watch", tmp_path, "--json")
    assert '"slot": 500' in out
    assert plexgrad("chip", "watch", tmp_path, "--pause")[0] == 0
    assert it.asked() == "pause"
    for words, said in (
        (("--pause", "--stop"), "one of --pause, --resume, --stop"),
        ((), "the panel needs a terminal; chip watch --once needs none"),
    ):
        status, _, err = plexgrad("chip", "watch", tmp_path, *words)
        assert (status, len(err.splitlines())) == (2, 1)
        assert said in err
    it.end("finished")
    _, _, err = plexgrad("chip", "watch", tmp_path, "--stop")
    assert "only a run that goes on can be asked, this one is finished" in err
    status, _, err = plexgrad("chip", "watch", tmp_path / "nothing", "--once")
    assert status == 2
    assert "no record at" in err


def test_a_picture(plexgrad, tmp_path, it):
    file = tmp_path / "panel.svg"
    assert plexgrad("chip", "watch", tmp_path, "--picture", file)[0] == 0
    drawn = file.read_text()
    assert drawn.startswith("<svg")
    assert "@font-face" not in drawn
    assert "Leave" in drawn


def test_training_behind_its_panel(somewhere, capfd, monkeypatch):
    """A process of its own, which the panel follows to its end."""

    def run(app):
        until = time.monotonic() + PATIENCE_S
        while app.run_.state() != "finished":
            assert time.monotonic() < until
            assert app.alive() or app.run_.poll()
            app.run_.poll()
            time.sleep(0.05)

    monkeypatch.setattr(panel.Panel, "run", run)
    monkeypatch.setattr(chip_watch, "_terminal", lambda: None)
    monkeypatch.setenv("PYTHONPATH", str(Path(pg.__file__).parents[1]))
    words = ["chip", "train", "emulated:2-2-1", "xor", "--slots", "40", "--out", "run"]
    assert chip_watch.start(words, somewhere / "run") == 0
    assert "test accuracy" in capfd.readouterr().out
    assert (somewhere / "run" / chip_watch.LOG).is_file()


def test_numbers_that_are_not_known_are_dashes(tmp_path):
    live.Live(tmp_path, {}, every_s=0)(
        Progress("train", 0, 9, 0, 0.0, np.array([np.nan]), np.empty(0), 0)
    )
    run = Followed(tmp_path)
    run.poll()
    for column in panel_words.columns(run):
        assert {value for _, value in column} <= {"-", "0", "0:00:00"}
    assert panel_words.seconds(3e-5) == "30 us"
    assert panel_words.duration(3661) == "1:01:01"


def test_a_device_that_tells_its_cost_alone_shows_its_knobs_over_time(tmp_path):
    found = live.Live(tmp_path, {**ABOUT, "task": "cost"}, every_s=0)
    for slot in range(0, 501, 50):
        it = glance(slot)
        knobs = {f"knob_{n}": n + slot / 100 for n in range(4)}
        found(replace(it, accuracy=np.empty(0), more={**it.more, **knobs}))
    text = seen(tmp_path)
    assert "knobs 0 to 3 against seconds" in text
    assert "cost against seconds" in text
    assert "test accuracy (%)" not in text
