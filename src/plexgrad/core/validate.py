"""Complaints at the door, in one form: the name, the rule, the value."""

import difflib
import math
from collections.abc import Collection
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

import numpy as np


def positive_int(name: str, value: object, most: int | None = None) -> int:
    """`value` as an int of at least 1, or a ValueError that names it."""
    return int_at_least(name, value, 1, most)


def int_at_least(name: str, value: object, least: int, most: int | None = None) -> int:
    """`value` as an int in [least, most], or a ValueError that names it."""
    rule = f"an integer of at least {least}"
    if most is not None:
        rule += f" and at most {most}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    number = int(value)
    if number < least or (most is not None and number > most):
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    return number


def positive(name: str, value: object) -> float:
    """`value` as a finite float above 0, or a ValueError that names it."""
    number = finite(name, value)
    if number <= 0:
        raise ValueError(f"{name} must be above 0, got {value!r}")
    return number


def at_least(name: str, value: object, least: float) -> float:
    """`value` as a finite float of at least `least`, or a ValueError that names it."""
    number = finite(name, value)
    if number < least:
        raise ValueError(f"{name} must be at least {least:g}, got {value!r}")
    return number


def finite(name: str, value: object) -> float:
    """`value` as a finite float, or a ValueError that names it."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return number


def in_range(name: str, value: object, low: float, high: float) -> float:
    """`value` as a float in [low, high), or a ValueError that names it."""
    number = finite(name, value)
    if not low <= number < high:
        raise ValueError(f"{name} must be in [{low}, {high}), got {value!r}")
    return number


def one_of(name: str, value: object, allowed: Collection[str]) -> str:
    """`value` if it is one of the `allowed` words, or a ValueError that names it."""
    if not isinstance(value, str) or value not in allowed:
        words = ", ".join(repr(word) for word in allowed)
        hint = meant(value, allowed)
        raise ValueError(f"{name} must be one of {words}, got {value!r}{hint}")
    return value


def instance(name: str, value: object, kind: Any, such: str) -> Any:
    """`value` if it is of a kind, or a TypeError that says what is, `such` as this."""
    if not isinstance(value, kind):
        article = "an" if such[:1] in "aeiou" else "a"
        raise TypeError(f"{name} must be {article} {such}, got {value!r}")
    return value


def function(name: str, value: object) -> Any:
    """`value` if it can be called, or a TypeError that names it."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, got {value!r}")
    return value


def meant(value: object, allowed: Collection[str]) -> str:
    """The end of a complaint: which of the allowed words is near; "" if none is."""
    if not isinstance(value, str):
        return ""
    plain = {_plain(word): word for word in allowed}
    near = difflib.get_close_matches(_plain(value), plain, 1)
    return f"; did you mean {plain[near[0]]!r}?" if near else ""


def _plain(word: str) -> str:
    """A word without what people type in different ways."""
    return word.lower().replace("_", "").replace("-", "")


def plain_numbers(frozen: Any) -> None:
    """Make NumPy's numbers in a frozen dataclass Python's, which promote no array."""
    for each in fields(frozen):
        value = getattr(frozen, each.name)
        if isinstance(value, np.generic):
            object.__setattr__(frozen, each.name, value.item())
