"""A device in a Python file: `python:mesh.py:Mesh?rate=200`.

A class or a function that gives a device, called with the options by name, or a device
that the file has made. Opening one runs the file, so only a URL that was typed does it:
see `lab.find.refuse_to_run`.
"""

import ast
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

SCHEME = "python"
FORM = "python:FILE.py:NAME?option=value"


def opened(url: str) -> Any:
    """A device in a Python file: python:FILE.py:NAME?option=value.

    Options that read as Python numbers, tuples or True and False are those, the others
    text. Raises FileNotFoundError or ValueError, naming the file and what it lacks.
    """
    place, _, query = url.partition(":")[2].partition("?")
    file, mark, name = place.rpartition(":")
    if not (mark and file and name.isidentifier()):
        raise ValueError(f"a device in a file must be {FORM}, got {url!r}")
    path = Path(file).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"no Python file at {path}")
    options = {
        word: _value(text) for word, text in parse_qsl(query, keep_blank_values=True)
    }
    module = _run(path)
    if not hasattr(module, name):
        known = ", ".join(n for n in vars(module) if not n.startswith("_"))
        raise ValueError(f"{path} must hold {name!r}; it holds {known or 'nothing'}")
    found = getattr(module, name)
    if isinstance(found, type) or not hasattr(found, "measure"):
        return _called(found, f"{path}:{name}", options)
    if options:
        raise ValueError(f"{path}:{name} is made already and takes no options")
    return found


def _called(maker: Any, name: str, options: dict[str, Any]) -> Any:
    if not callable(maker):
        raise ValueError(f"{name} must be a class, a function or a device")
    form = _signature(maker)
    try:
        form.bind(**options)
    except TypeError as error:
        raise ValueError(f"{name} takes {form}: {error}") from None
    return maker(**options)


def _signature(maker: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(maker)
    except ValueError:  # compiled code that does not say
        return inspect.signature(lambda **options: options)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _run(path: Path) -> ModuleType:
    """The module of a file; as for `python FILE`, its neighbours can be imported."""
    name = f"plexgrad_device_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"a device's file must be Python (.py), got {path}")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    sys.modules[name] = module
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module
