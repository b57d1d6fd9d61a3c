"""The house's habits: formatting, types, who imports whom, size, words, import time."""

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "plexgrad"
SCRIPTS = Path(sysconfig.get_path("scripts"))
FOLDERS = [
    name
    for name in ("src", "tests", "benchmarks", "examples")
    if (ROOT / name).is_dir()
]


def run(tool, *arguments):
    """Run a tool of this environment in the project's root; fail with what it says."""
    command = [str(SCRIPTS / tool), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(
            f"{tool} {' '.join(arguments)}\n{done.stdout}{done.stderr}", pytrace=False
        )


def python_files(*folders):
    return [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    ]


def test_nothing_is_left_to_lint():
    run("ruff", "check", "--no-cache", *FOLDERS)


def test_everything_is_formatted():
    run("ruff", "format", "--check", "--no-cache", *FOLDERS)


@pytest.mark.slow
def test_types_agree():
    run("basedpyright", "--pythonpath", sys.executable)


def test_data_flows_one_way():
    run("lint-imports", "--no-cache")


def test_every_room_has_an_init_so_that_its_imports_are_seen():
    folders = {path.parent for path in SOURCE.rglob("*.py")}
    without = [path for path in folders if not (path / "__init__.py").is_file()]
    assert SOURCE in folders
    assert without == []


def test_no_file_is_longer_than_400_lines():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in python_files("src", "tests", "benchmarks")
    }
    assert lengths
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_every_module_says_what_it_is():
    silent = []
    for path in python_files("src"):
        words = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        sentence = words.split("\n\n")[0]
        if not (sentence.endswith(".") and len(sentence.split()) >= 3):
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []


def test_no_file_knows_a_machine():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("which files are tracked is known in a git checkout only")
    machine = re.compile(
        r"(?<![\w.])/(?:[a-z]+/main|root|home|Users|tmp)/\w|\b[C-Z]:\\\w"
    )
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in filter(None, listed.stdout.split("\0"))
        if (ROOT / name).is_file() and b"\0" not in (ROOT / name).read_bytes()
        for number, line in enumerate(
            (ROOT / name).read_text("utf-8", "ignore").splitlines(), 1
        )
        if machine.search(line)
    ]
    assert found == []


PROBE = """
import json, sys, time
start = time.process_time()
import jax, jax.numpy
middle = time.process_time()
import plexgrad
own = (time.process_time() - middle) / (middle - start)
print(json.dumps([own, sorted({name.split(".")[0] for name in sys.modules})]))
"""


@pytest.fixture(scope="module")
def imports():
    """CPU time of `import plexgrad` as a share of that of JAX, and what it loaded."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    found = []
    for _ in range(3):
        command = [sys.executable, "-c", PROBE]
        text = subprocess.check_output(command, env=environment, text=True, cwd=ROOT)
        found.append(json.loads(text))
    return found


def test_import_is_quick(imports):
    assert min(own for own, _ in imports) < 1.5


def test_import_leaves_drawing_data_and_command_line_alone(imports):
    _, loaded = imports[0]
    assert "jax" in loaded
    heavy = {"matplotlib", "sklearn", "typer", "jinja2", "PIL"}
    assert heavy.intersection(loaded) == set()
