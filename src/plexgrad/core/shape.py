"""The shape of plain data, said once for each kind of file and checked at its door.

A rule is a function of a name and a value that gives the value or raises a ValueError
which names it; those of `core.validate` are rules too. The makers here join rules:
`fields({"slot": whole, "cost": maybe(real)})` is a rule for a mapping.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from plexgrad.core.reading import shown

Rule = Callable[[str, Any], Any]


def text(name: str, value: Any) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {shown(value)}")
    return value


def truth(name: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, got {shown(value)}")
    return value


def real(name: str, value: Any) -> float | int:
    """A number, finite or not, but no truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, got {shown(value)}")
    return value


def whole(name: str, value: Any) -> int:
    """An integer of at least 0 that fits 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise ValueError(f"{name} must be an integer of at least 0, got {shown(value)}")
    return value


def anything(name: str, value: Any) -> Any:
    """Any plain data."""
    return value


def mapping(name: str, value: Any) -> dict[str, Any]:
    """A mapping, whatever it holds."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be a mapping, got {shown(value)}")
    return value


def maybe(rule: Rule) -> Rule:
    """None, or what the rule says."""
    return lambda name, value: None if value is None else rule(name, value)


def either(*rules: Rule) -> Rule:
    """What one of the rules says; the complaint is that of the last."""

    def check(name: str, value: Any) -> Any:
        for rule in rules[:-1]:
            try:
                return rule(name, value)
            except ValueError:
                continue
        return rules[-1](name, value)

    return check


def word_of(words: Collection[str]) -> Rule:
    """One of the words."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(
                f"{name} must be one of {', '.join(words)}; got {shown(value)}"
            )
        return value

    return check


def each(rule: Rule, most: int | None = None) -> Rule:
    """A list whose every item the rule holds for; at most so many."""

    def check(name: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError(f"{name} must be a list, got {shown(value)}")
        if most is not None and len(value) > most:
            raise ValueError(f"{name} must hold at most {most}, got {len(value)}")
        return [rule(f"{name}[{n}]", item) for n, item in enumerate(value)]

    return check


def by_name(rule: Rule) -> Rule:
    """A mapping whose every value the rule holds for."""

    def check(name: str, value: Any) -> dict[str, Any]:
        items = mapping(name, value).items()
        return {key: rule(f"{name}.{key[:40]}", item) for key, item in items}

    return check


def fields(
    needed: Mapping[str, Rule],
    known: Mapping[str, Rule] | None = None,
    others: Rule | None = anything,
) -> Rule:
    """A mapping with the `needed` fields, any of the `known`, and `others`.

    None for `others` refuses them.
    """
    rules = {**needed, **(known or {})}

    def check(name: str, value: Any) -> dict[str, Any]:
        found = mapping(name, value)
        if missing := [key for key in needed if key not in found]:
            raise ValueError(f"{name} must hold {', '.join(missing)}")
        if others is None and (odd := [key for key in found if key not in rules]):
            raise ValueError(
                f"{name} must hold nothing but {', '.join(rules)}; got {shown(odd[0])}"
            )
        return {
            key: rules.get(key, others or anything)(f"{name}.{key[:40]}", item)
            for key, item in found.items()
        }

    return check
