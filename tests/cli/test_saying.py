"""Nothing that a device, a record or a log says drives the terminal; markup is text."""

import json

import pytest

import plexgrad as pg
from plexgrad.training import live

EVIL = "chip\x1b[2J\x1b]0;owned\x07\x9b1m [bold red]x[/] \u202e"

DEVICE = """
import numpy as np
from plexgrad import lab
from plexgrad.lab.device import Identity

EVIL = {evil!r}

class Loud(lab.EmulatedMLP):
    def __init__(self, failing=False):
        super().__init__([2, 2, 1])
        self.failing = failing
    def identify(self):
        return Identity(EVIL, EVIL, EVIL)
    def measure(self, *args, **more):
        if self.failing:
            raise ValueError(EVIL)
        return super().measure(*args, **more)
    step = measure

def quiet():
    return Loud()

def failing():
    return Loud(True)
"""

TINY = ("--slots", 16, "--points", 1, "--batch", 2, "--amplitude", 0.05)


@pytest.fixture
def loud(tmp_path):
    file = tmp_path / "loud.py"
    file.write_text(DEVICE.format(evil=EVIL))
    return f"python:{file}"


def harmless(*texts):
    for text in texts:
        for letter in "\x1b\x07\x9b\u202e":
            assert letter not in text


def test_of_a_device(plexgrad, loud):
    for words in (
        ("identify", f"{loud}:quiet"),
        ("train", f"{loud}:quiet", "xor", *TINY, "--out", "run"),
        ("train", f"{loud}:failing", "xor", *TINY),
    ):
        _, out, err = plexgrad("chip", *words)
        harmless(out, err)
        assert "[bold red]x[/]" in out + err or "run" in words
    status, out, err = plexgrad("chip", "watch", "run", "--once")
    assert (status, "[bold red]x[/]" in out) == (0, True)
    harmless(out, err)
    harmless(pg.Record.load("run").spec["chip"]["vendor"])


def test_of_a_record_and_a_log(plexgrad, tmp_path):
    plexgrad(
        "train", "xor", "--slots", 8, "--seeds", 1, "--no-backprop", "--out", "run"
    )
    record = pg.Record.load("run")
    record.spec["task"]["name"] = record.extra["source"] = EVIL
    record.save("run")
    path = tmp_path / "run" / live.FILE
    about, *lines = map(json.loads, path.read_text().splitlines())
    about |= {"task": EVIL, "chip": EVIL, "host": EVIL, "unit": EVIL}
    lines[-1] |= {"state": EVIL}
    path.write_text("\n".join(map(json.dumps, (about, *lines))) + "\n")
    for words in (("report", "run"), ("chip", "watch", "run", "--once")):
        status, out, err = plexgrad(*words)
        assert status == 0, err
        harmless(out, err)
        assert "[bold red]x[/]" in out


def test_of_a_file_of_platforms(plexgrad, tmp_path):
    words = json.dumps(EVIL.replace("\x9b", "").replace("\u202e", ""))
    file = tmp_path / "mine.toml"
    file.write_text(f"name = {words}\n")
    _, out, err = plexgrad("time", "--list", "--platform", file)
    harmless(out, err)
