"""Effects by name: found by crawling, and as words of a command line.

`cost_noise=0.01` gives the strength; `quantised=6,low=-2,high=2` further fields too,
and `drift:sigma=0.001` others without it.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from functools import cache
from typing import Any, get_args, get_type_hints

from plexgrad.chips.effect import AbstractEffect, effects
from plexgrad.core.spec import concrete
from plexgrad.core.validate import meant

NONE = "none"
"""Takes all effects away."""


@cache
def catalogue() -> dict[str, type[AbstractEffect]]:
    """Every effect by its name on the command line, that of its file."""
    from plexgrad import chips

    found = concrete(chips, AbstractEffect)
    return {cls.__module__.rpartition(".")[2]: cls for cls in found}


def name_of(effect: AbstractEffect) -> str:
    """The name of an effect on the command line."""
    return type(effect).__module__.rpartition(".")[2]


def options(cls: type[AbstractEffect]) -> list[str]:
    """The fields of an effect, the strength first."""
    return [field.name for field in fields(cls)[1:]]


def spelled(chip: Any) -> list[str]:
    """The effects around a chip as they are given on the command line, in order."""
    return [_spelled(effect) for effect in effects(chip)]


def _spelled(effect: AbstractEffect) -> str:
    strength, *others = fields(effect)[1:]
    words = [
        f"{field.name}={_word(getattr(effect, field.name))}"
        for field in others
        if getattr(effect, field.name) != field.default
    ]
    first = getattr(effect, strength.name)
    plain = first == strength.default and bool(words)
    head = name_of(effect) + (":" if plain else f"={_word(first)}")
    return head + ("" if plain else "," * bool(words)) + ",".join(words)


def _word(value: Any) -> str:
    return (
        str(value).lower() if value is None or isinstance(value, bool) else f"{value}"
    )


def table(text: str) -> dict[str, Any]:
    """The spec of the effect that is spelled so, without the chip in it.

    Raises ValueError for an unknown effect or field, and for a field without a value.
    """
    name, mark, rest = [*re.split(" *([:=])", text, maxsplit=1), "", ""][:3]
    if name not in catalogue():
        known = ", ".join(catalogue())
        hint = meant(name, catalogue())
        raise ValueError(f"effect must be one of {known}; got {name!r}{hint}")
    cls = catalogue()[name]
    known = options(cls)
    words = rest.split(",")
    if mark == "=":
        words[0] = f"{known[0]}={words[0]}"
    found: dict[str, Any] = {"kind": cls.__name__}
    for word in words:
        field, equals, value = (part.strip() for part in word.partition("="))
        if not (mark and equals and value) or field in found:
            raise ValueError(
                f"effect {name} must be {name}={known[0].upper()} or "
                f"{name}:FIELD=VALUE,... with {', '.join(known)}, got {text!r}"
            )
        if field not in known:
            raise ValueError(
                f"effect {name} has the fields {', '.join(known)}; got {field!r}"
                f"{meant(field, known)}"
            )
        found[field] = _value(value, get_type_hints(cls)[field])
    return found


def around(chip: Mapping[str, Any], tables: Iterable[Mapping[str, Any]]) -> Any:
    """The spec of a chip in effects, the first of them innermost."""
    for each in tables:
        chip = {**each, "chip": chip}
    return chip


def peeled(chip: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """The spec of the chip inside all effects, and theirs, innermost first."""
    found = []
    while isinstance(inside := chip.get("chip"), Mapping):
        found.append({key: value for key, value in chip.items() if key != "chip"})
        chip = inside
    return chip, found[::-1]


def _value(word: str, hint: Any) -> Any:
    """A word as the type that a field has, or as it is."""
    allowed = get_args(hint) or (hint,)
    meanings: dict[Any, Any] = {"none": None, "true": True, "false": False}
    if word.lower() in meanings and type(meanings[word.lower()]) in allowed:
        return meanings[word.lower()]
    for kind in (int, float):
        with suppress(ValueError):
            if kind in allowed:
                return kind(word)
    return word


def help_lines() -> list[str]:
    """One line for every effect: how it is spelled, and what its strength is."""
    lines = []
    for name, cls in catalogue().items():
        strength, *others = options(cls)
        more = f" (also {', '.join(others)})" if others else ""
        lines.append(f"{name}={strength.upper()}: {cls.unit}{more}")
    return lines
