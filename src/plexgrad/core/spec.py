"""Frozen dataclasses to plain data and back: `{"kind": "Walsh", "amplitude": 0.01}`.

Names in specs are class names, so nothing has to be registered: the classes of a
package are found by crawling its modules. Classes of other people are called by their
module and name, "mylab.codes:Comb", and never imported for a spec's sake.
"""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from plexgrad.core.validate import meant

T = TypeVar("T")


def concrete(package: ModuleType, base: type[T]) -> Iterator[type[T]]:
    """Concrete subclasses of `base` defined in the modules of `package`."""
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for _, cls in inspect.getmembers(module, inspect.isclass):
            mine = cls.__module__ == module.__name__
            if mine and issubclass(cls, base) and not inspect.isabstract(cls):
                yield cls


OURS = __name__.partition(".")[0]


def name_of(cls: type) -> str:
    """What a spec calls a class: ours by its name, another's by where it is defined."""
    if cls.__module__.partition(".")[0] == OURS:
        return cls.__name__
    return f"{cls.__module__}:{cls.__qualname__}"


def to_spec(thing: Any) -> Any:
    """A frozen dataclass (nested ones, tuples and mappings too) as plain data."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {
            field.name: to_spec(getattr(thing, field.name))
            for field in dataclasses.fields(thing)
            if field.init
        }
        return {"kind": name_of(type(thing)), **fields}
    if isinstance(thing, Mapping):
        return {str(key): to_spec(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [to_spec(value) for value in thing]
    if isinstance(thing, np.generic):
        thing = thing.item()
    if thing is None or isinstance(thing, str | bool | int | float):
        return thing
    raise TypeError(f"a spec holds plain data and dataclasses, got {thing!r}")


FOREIGN = (
    "; a record imports nothing: name its class by known=, its module by --import, or "
    "install a package that offers it as one of plexgrad.kinds"
)


def from_spec(spec: Any, kinds: Mapping[str, type], place: str = "") -> Any:
    """The inverse of `to_spec`, with `kinds` naming the classes.

    `place` is what the spec stands for, such as "code". Raises ValueError for an
    unknown kind or field, with the names that are known there.
    """
    if isinstance(spec, list | tuple):
        return tuple(from_spec(value, kinds, place) for value in spec)
    if not isinstance(spec, Mapping):
        return spec
    fields = {key: from_spec(value, kinds, key) for key, value in spec.items()}
    if "kind" not in fields:
        return fields
    kind = fields.pop("kind")
    if not isinstance(kind, str) or kind not in kinds:
        known = ", ".join(_fit_for(place, kinds))
        foreign = isinstance(kind, str) and ":" in kind
        hint = FOREIGN if foreign else meant(kind, kinds)
        name = f"{place} kind" if place else "kind"
        raise ValueError(f"{name} must be one of {known}; got {kind!r}{hint}")
    cls = kinds[kind]
    known_fields = {field.name for field in dataclasses.fields(cls) if field.init}
    if unknown := set(fields) - known_fields:
        raise ValueError(
            f"{kind} has the fields {', '.join(sorted(known_fields))}; "
            f"got {', '.join(sorted(unknown))}"
            f"{meant(min(unknown), known_fields)}"
        )
    return cls(**fields)


def _fit_for(place: str, kinds: Mapping[str, type]) -> list[str]:
    """Names of the classes that a place may hold; all, if its name tells nothing."""
    base = f"Abstract{place.capitalize()}"
    fit = [
        name
        for name, cls in kinds.items()
        if base in [each.__name__ for each in cls.__mro__]
    ]
    return sorted(fit or kinds)
