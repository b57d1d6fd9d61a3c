"""Commands that commands print can be pasted into a shell, whatever names they hold."""

import ast
import html
import re
import shutil
from pathlib import Path

import pytest

import plexgrad
from plexgrad.core.record import Record
from plexgrad.report import write_page
from tests.commands import ROOT, parsed, printed

FILE = Path(__file__).parents[1] / "lab" / "mesh.py"
SOURCE = Path(plexgrad.__file__).parent
COMMAND = re.compile(rf"plexgrad (?:{'|'.join(ROOT.commands)})\b[^,;:()]*$")


def unquoted(text):
    """Values in f-strings that stand within a command, but not as a shell's word."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.JoinedStr):
            continue
        said = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                said += part.value
            elif COMMAND.search(said) and not is_quoted(part.value):
                yield node.lineno, ast.unparse(part.value)


def is_quoted(value):
    return isinstance(value, ast.Call) and ast.unparse(value.func) in (
        "shlex.quote",
        "shlex.join",
    )


def test_the_law_sees_what_a_shell_would_take_apart():
    assert list(unquoted('f"go on: plexgrad train --resume {folder}"'))
    assert not list(unquoted('f"plexgrad train --resume {shlex.quote(folder)}"'))
    assert not list(unquoted('f"plexgrad train TASK, got {task}"'))


def test_no_command_is_printed_without_quotes():
    found = {
        str(path.relative_to(SOURCE)): words
        for path in SOURCE.rglob("*.py")
        if (words := list(unquoted(path.read_text("utf-8"))))
    }
    assert found == {}


@pytest.fixture
def mesh(somewhere):
    """A URL and a folder that a shell would take apart."""
    (somewhere / "my lab").mkdir()
    shutil.copy(FILE, somewhere / "my lab" / "mesh.py")
    return "python:my lab/mesh.py:mesh?knobs=4&noise=0.001"


def commands(*texts):
    """What was printed, as words; each parses."""
    found = [words for text in texts for words in printed(text)]
    for words in found:
        parsed(words)
    return found


def test_errors_name_commands_that_run(plexgrad, mesh):
    _, _, err = plexgrad("chip", "train", mesh)
    (words,) = commands(err)
    assert words == ["chip", "calibrate", mesh]
    _, _, err = plexgrad("train", "mnist", "--slots", 10)
    (words,) = commands(err)
    assert words == ["data", "fetch", "mnist"]
    assert plexgrad("chip", "identify", mesh)[0] == 0


def test_the_page_of_a_run_on_a_device_says_how_it_is_made_again(plexgrad, mesh):
    more = ("--amplitude", 0.05, "--eta", 0.1, "--slots", 20, "--key", 7, "-q")
    status, _, err = plexgrad("chip", "train", mesh, *more, "--out", "a run")
    assert (status, err) == (0, "")
    page = html.unescape(Path("a run", "report.html").read_text("utf-8"))
    (words,) = commands(re.search(r"<code>(plexgrad .*)</code>", page)[1])
    assert plexgrad(*words, "-q", "--out", "again")[0] == 0
    one, other = Record.load("a run").spec, Record.load("again").spec
    assert {**one, "points": 0} == {**other, "points": 0}
    # What no option says is not promised.
    other["rule"] = {"kind": "Rule", "name": "adam", "options": {}}
    record = Record.load("again")
    record.spec = other
    assert "Rerun" not in write_page(record, "again").read_text("utf-8")
