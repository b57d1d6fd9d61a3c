"""The code in CONTRIBUTING.md is enrolled in all laws by saving it to a file."""

import importlib
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from plexgrad.core.code import AbstractCode
from plexgrad.core.spec import concrete
from tests.laws.code_laws import LAWS

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```python\n(.*?)^```$",
    (ROOT / "CONTRIBUTING.md").read_text("utf-8"),
    re.DOTALL | re.MULTILINE,
)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The codes in a package that holds nothing but what CONTRIBUTING.md shows."""
    folder = tmp_path_factory.mktemp("somewhere") / "visiting_codes"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for number, text in enumerate(BLOCKS):
        (folder / f"block_{number}.py").write_text(text, "utf-8")
    sys.path.insert(0, str(folder.parent))
    importlib.invalidate_caches()
    yield list(concrete(importlib.import_module(folder.name), AbstractCode))
    sys.path.remove(str(folder.parent))
    for name in [name for name in sys.modules if name.split(".")[0] == folder.name]:
        del sys.modules[name]


def test_the_example_is_found(found):
    assert [cls.__name__ for cls in found] == ["Triangular"]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_example_keeps_every_law(found, law):
    assert found
    for cls in found:
        law(cls.demo())


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_the_example_is_written_as_the_house_writes(command):
    assert BLOCKS
    ruff = Path(sysconfig.get_path("scripts")) / "ruff"
    place = ["--stdin-filename", str(ROOT / "src/plexgrad/codes/triangular.py"), "-"]
    for text in BLOCKS:
        done = subprocess.run(
            [ruff, *command, *place],
            input=text,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
