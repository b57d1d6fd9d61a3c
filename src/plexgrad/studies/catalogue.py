"""Studies by name, found by crawling this folder's modules."""

import importlib
from typing import Any

from plexgrad.core.spec import concrete
from plexgrad.core.validate import meant
from plexgrad.studies.study import AbstractStudy


def studies() -> dict[str, AbstractStudy]:
    """Every study by its name, sorted."""
    package = importlib.import_module("plexgrad.studies")
    kinds: list[Any] = list(concrete(package, AbstractStudy))
    return {kind.name: kind() for kind in sorted(kinds, key=lambda kind: kind.name)}


def study(name: str) -> AbstractStudy:
    """The study of this name. Raises ValueError with the names there are."""
    known = studies()
    if name in known:
        return known[name]
    hint = meant(name, known)
    raise ValueError(f"a study must be one of {', '.join(known)}; got {name!r}{hint}")
