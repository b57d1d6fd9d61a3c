"""What pages tell people to install exists, by a name that resolves.

No index has the package yet. On release this file and README's "Two commands" change;
`core.extras.install` follows by itself, since pip notes where a package came from.
"""

import importlib.metadata
import json
import re
import tomllib
from pathlib import Path

import pytest

from plexgrad.core import extras

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
TEXT = (".md", ".py")


def test_pages_and_sources_ask_no_index_for_this_package():
    sources = [*PAGES, *(ROOT / "src").rglob("*.py"), *(ROOT / "benchmarks").rglob("*")]
    asked = re.compile(r"pip install (?:-\S+ )*[\"']?plexgrad\b")
    texts = {path: path.read_text("utf-8") for path in sources if path.suffix in TEXT}
    assert [str(path) for path, text in texts.items() if asked.search(text)] == []


def test_every_extra_that_a_page_names_exists_and_readme_tells_of_all():
    named = re.compile(r"pip install (?:-\S+ )*[\"']?\.\[([\w,]+)\]")
    for path in PAGES:
        for group in named.findall(path.read_text("utf-8")):
            assert set(group.split(",")) <= set(EXTRAS), path.name
    table = (ROOT / "README.md").read_text("utf-8").partition("## Extras")[2]
    told = re.findall(r"^\| `(\w+)` \|", table.partition("\n## ")[0], re.MULTILINE)
    assert sorted(told) == sorted(set(EXTRAS) - {"test"})


class Noted:
    """A distribution with pip's note of where it came from."""

    def __init__(self, note):
        self.note = note

    def read_text(self, name):
        assert name == "direct_url.json"
        return self.note


@pytest.mark.parametrize(
    ("note", "command"),
    [
        (None, "pip install 'plexgrad[lab]'"),
        ("not JSON", "pip install 'plexgrad[lab]'"),
        (
            {"url": "file:///a%20b/c", "dir_info": {}},
            "pip install '/a b/c[lab]'",
        ),
        (
            {"url": "file:///src/it", "dir_info": {"editable": True}},
            "pip install -e '/src/it[lab]'",
        ),
        ({"url": "https://x.example/it.whl"}, "pip install 'plexgrad[lab]'"),
    ],
)
def test_an_extra_is_installed_from_where_the_package_came(note, command, monkeypatch):
    text = json.dumps(note) if isinstance(note, dict) else note
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Noted(text))
    assert extras.install("lab") == command
