"""Optional packages: loaded when they are needed, or named with how to get them."""

import importlib
import importlib.metadata
import json
import shlex
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

PACKAGE = "plexgrad"


def needed(name: str, extra: str) -> Any:
    """A module of an extra of this package.

    Raises ImportError, in one line that says what to install, if it is not here.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package == PACKAGE:
            raise
        raise ImportError(f"{package} is missing: {install(extra)}") from error


def lacking(name: str, extra: str) -> str:
    """What `needed` would say; "" if the module is here."""
    try:
        needed(name, extra)
    except ImportError as error:
        return str(error)
    return ""


def install(extra: str) -> str:
    """The command that installs an extra, from where this package itself came.

    A clone is named by its folder, editable if it is so now; without a note of the
    source (PEP 610) it came from an index, which knows the package by its name.
    """
    try:
        note = importlib.metadata.distribution(PACKAGE).read_text("direct_url.json")
        source = json.loads(note or "{}")
    except (ImportError, ValueError):
        source = {}
    place = urlsplit(source.get("url", ""))
    if place.scheme != "file":
        return f"pip install {shlex.quote(f'{PACKAGE}[{extra}]')}"
    editable = "-e " if source.get("dir_info", {}).get("editable") else ""
    wanted = f"{url2pathname(place.path)}[{extra}]"
    return f"pip install {editable}{shlex.quote(wanted)}"
