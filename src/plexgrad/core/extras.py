"""Optional packages: loaded when they are needed, or named with how to get them."""

import importlib
from typing import Any


def needed(name: str, extra: str) -> Any:
    """A module of an extra of this package.

    Raises ImportError, in one line that says what to install, if it is not here.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package == "plexgrad":
            raise
        raise ImportError(
            f"{package} is missing: pip install 'plexgrad[{extra}]'"
        ) from error


def lacking(name: str, extra: str) -> str:
    """What `needed` would say; "" if the module is here."""
    try:
        needed(name, extra)
    except ImportError as error:
        return str(error)
    return ""
