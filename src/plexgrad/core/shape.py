"""The shape of plain data, said once for each kind of file and checked at its door.

A rule is a function of a name and a value that gives the value or raises a ValueError
which names it; those of `core.validate` are rules too. The makers here join rules:
`fields({"slot": whole, "cost": maybe(real)})` is a rule for a mapping, and `of` makes
one of a dataclass.
"""

import dataclasses
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

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


def integer(name: str, value: Any) -> int:
    """An integer that fits 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise ValueError(f"{name} must be an integer, got {shown(value)}")
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


def word_of(words: Collection[Any]) -> Rule:
    """One of the words, or numbers."""

    def check(name: str, value: Any) -> Any:
        if isinstance(value, list | dict) or value not in words:
            known = ", ".join(map(str, words))
            raise ValueError(f"{name} must be one of {known}; got {shown(value)}")
        return value

    return check


def fixed(rules: Sequence[Rule]) -> Rule:
    """A list with one item for each rule."""

    def check(name: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or len(value) != len(rules):
            raise ValueError(f"{name} must hold {len(rules)}, got {shown(value)}")
        return tuple(rule(name, item) for rule, item in zip(rules, value, strict=True))

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


def of(kind: Any) -> Rule:
    """The rule for what an annotation says, a dataclass as a mapping of its fields.

    Lists become tuples where the annotation says so; numbers that are given as whole
    are floats too.
    """
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        rules = {f.name: of(hints[f.name]) for f in dataclasses.fields(kind) if f.init}
        needed = [
            f.name
            for f in dataclasses.fields(kind)
            if f.default is f.default_factory is dataclasses.MISSING
        ]
        known = {name: rule for name, rule in rules.items() if name not in needed}
        return fields({name: rules[name] for name in needed}, known)
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        # The widest number last: its complaint is the one that is shown.
        return either(*map(of, sorted(inside, key=lambda k: k is float)))
    if origin is Literal:
        return word_of(inside)
    if origin is tuple and inside[-1] is not Ellipsis:
        return fixed([of(part) for part in inside])
    if origin is tuple:
        items = each(of(inside[0]))
        return lambda name, value: tuple(items(name, value))
    if origin in (list, Sequence):
        return each(of(inside[0]))
    if origin in (dict, Mapping):
        return by_name(of(inside[1]))
    raise TypeError(f"no rule for {kind!r}")


def _nothing(name: str, value: Any) -> None:
    if value is not None:
        raise ValueError(f"{name} must be null, got {shown(value)}")


_PLAIN: dict[Any, Rule] = {
    Any: anything,
    str: text,
    bool: truth,
    int: integer,
    float: real,
    types.NoneType: _nothing,
    Mapping: mapping,
    dict: mapping,
}
