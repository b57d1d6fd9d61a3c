"""What the documents show works as written: Python runs, commands are known.

A comment above a block says what a test does with it:

    <!-- test: slots=100_000 => slots=200 -->     what is made smaller, or replaced
    <!-- test
    x = 1                                         what stands before it, unseen
    -->

Blocks of a page run one after the other, with what the ones before them have made.
"""

import re
import shutil
from pathlib import Path

import pytest

import plexgrad as pg
from plexgrad.lab.spice.chip import SpiceCrossbar
from tests.commands import blocks, parsed, shown
from tests.timing.helpers import made

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md"))]
SHELL = ("", "sh", "bash", "console")
FREE = ("--list", "--table3", "--explain")
"""Options by which a command costs next to nothing."""

FILES = ("mnist", "fashion-mnist", "cifar-10", "--spec", "--from", "--calibration")
ELSEWHERE = (*FILES, "--coordinator", "--import")
"""Words of commands that need files, or another process."""


def pages(*languages):
    """Name and blocks in these languages of every page that has any."""
    for name in sorted(PAGES):
        every = list(blocks((ROOT / name).read_text("utf-8")))
        if found := [each for each in every if each[0] in languages]:
            yield name, found


PYTHON = list(pages("python"))


def as_tested(note, code):
    """A block with what its comment says before it, and replaced in it."""
    said = re.fullmatch(r"<!-- test(?:: (.*?) ?|\n(.*?))-->", note, re.DOTALL)
    if said is None:
        return code
    if said[2]:
        return f"{said[2]}\n{code}"
    for pair in said[1].split("; "):
        old, _, new = pair.partition(" => ")
        if old not in code:
            pytest.fail(f"{old!r} is not in the block that it should be replaced in")
        code = code.replace(old, new)
    return code


@pytest.fixture
def place(somewhere):
    """A folder with runs, a platform and examples by the names of the documents."""
    for name in ("runs/digits", "runs/timed"):
        made().save(somewhere / name)
    (somewhere / "my_chip.toml").write_text(pg.timing.Platform.demo().to_toml())
    shutil.copytree(ROOT / "examples", somewhere / "examples")


@pytest.mark.usefixtures("place", "own_complaints")
@pytest.mark.parametrize(("name", "found"), PYTHON, ids=dict(PYTHON))
def test_python_runs_as_it_is_shown(name, found):
    if "spice" in name and (why := SpiceCrossbar.missing()):
        pytest.skip(why)
    names = {"__name__": "__docs__"}
    for _, note, code in found:
        exec(compile(as_tested(note, code), name, "exec"), names)


COMMANDS = [
    pytest.param(words, id=f"{name}: {' '.join(words)[:60]}")
    for name, found in pages(*SHELL)
    for _, _, code in found
    for words in shown(code)
]


def test_there_are_commands():
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_the_documents_is_known(words):
    parsed(words)


def cheap():
    """Commands as they can be run here: trainings are explained and not made."""
    seen = set()
    for words in (each.values[0] for each in COMMANDS):
        if set(words) & set(ELSEWHERE) or words[0] == "doctor":
            continue
        local = (
            words[0] == "train" or " ".join(words[:3])[:20] == "chip train emulated:"
        )
        if local and "--watch" not in words:
            words = [*words, *(["--explain"] if "--explain" not in words else [])]
        asks = set(words) & set(FREE) or words[:2] == ["chip", "list"]
        runs = words[:2] == ["time", "runs/digits"]
        if (asks or runs) and tuple(words) not in seen:
            seen.add(tuple(words))
            yield pytest.param(words, id=" ".join(words)[:70])


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("words", list(cheap()))
def test_a_cheap_command_of_the_documents_runs(plexgrad, words):
    status, _, err = plexgrad(*words)
    assert status == 0, err
