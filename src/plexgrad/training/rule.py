"""A digital update rule by its name: any optax optimiser, written so a record keeps it.

`train` also takes an optax object as it is; its record then says that the rule must be
given again to rerun.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optax

from plexgrad.core.validate import at_least
from plexgrad.training.costed import with_cost
from plexgrad.training.published_rules import RULES, after_dead_time

RATE = re.compile(r"^learning_rate$|^(init|peak|end)?_?value of learning_rate$")
"""Names of numbers that are learning rates, themselves or in a schedule."""

DEAD = "dead_updates"
"""The option that any rule takes: how many updates at first change no parameter."""

Options = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, init=False)
class Rule:
    """`Rule("adam", learning_rate=1e-2)` is `optax.adam(learning_rate=1e-2)`.

    An option may be a schedule: `learning_rate={"schedule": "cosine_decay_schedule",
    "init_value": 0.1, "decay_steps": "updates"}`. Schedules count parameter updates,
    and the word "updates" stands for as many as the run will make. The name
    "uncorrected_adam" and the option `dead_updates`, of any rule, are those of paper B
    (see `training.published_rules`). Raises ValueError for a name that neither has, for
    options that it refuses, and for options that are not plain data (pass an optax
    object to `train` instead).
    """

    name: str
    options: Options = field(default=())

    def __init__(self, name: str, options: Any = (), **more: Any) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", _frozen({**dict(options), **more}))
        for key, value in self.options:
            _refuse_ascent(key, value)
        self.build()

    def build(self, updates: int = 1) -> optax.GradientTransformationExtraArgs:
        """The optax transformation itself, for a run of so many updates."""
        options = {key: _schedule(value, updates) for key, value in self.options}
        dead = options.pop(DEAD, 0)
        made = _call(self.name, options)
        if not isinstance(made, optax.GradientTransformation):
            raise ValueError(f"rule must be the name of an optax rule, got {self.name}")
        return with_cost(after_dead_time(made, dead) if dead else made)


def build_rule(rule: Any, updates: int) -> optax.GradientTransformationExtraArgs:
    """The optax transformation of a `Rule`, or the optax object itself."""
    if isinstance(rule, Rule):
        return rule.build(updates)
    if isinstance(rule, optax.GradientTransformation):
        return with_cost(rule)
    raise TypeError(f"rule must be a plexgrad Rule or an optax one, got {rule!r}")


def rule_spec(rule: Any) -> dict[str, Any]:
    """The rule as plain data; an optax object can only be named as opaque."""
    if isinstance(rule, Rule):
        return {"kind": "Rule", "name": rule.name, "options": _thawed(rule.options)}
    return {"opaque": "an optax object: pass rule= again to rerun"}


def _frozen(value: Any) -> Any:
    """Plain data with its tables as sorted tuples, so that a rule can be hashed."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    try:
        table = dict(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"a rule's option must be a number, a word or a table, got {value!r}"
        ) from None
    return tuple(sorted((str(key), _frozen(item)) for key, item in table.items()))


def _refuse_ascent(name: str, value: Any) -> None:
    """Raise ValueError for a learning rate that climbs, or is no number."""
    if isinstance(value, tuple):
        for key, inner in value:
            _refuse_ascent(f"{key} of {name}", inner)
    elif RATE.search(name) and isinstance(value, int | float):
        at_least(name, value, 0.0)


def _thawed(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return {key: _thawed(item) for key, item in value}


def _schedule(value: Any, updates: int) -> Any:
    if not isinstance(value, tuple):
        return value
    table = _thawed(value)
    name = table.pop("schedule", None)
    options = {k: updates if v == "updates" else v for k, v in table.items()}
    if name is None:
        raise ValueError(
            f"an option that is a table must name a schedule, got {options}"
        )
    for key, table in options.items():
        if isinstance(table, dict):  # keys of JSON and TOML are words
            options[key] = {int(step): scale for step, scale in table.items()}
    return _call(name, options)


def _of_optax(name: str) -> Any:
    return getattr(optax, name, getattr(optax.contrib, name, None))


def _call(name: str, options: dict[str, Any]) -> Any:
    named = isinstance(name, str)
    maker = RULES.get(name, _of_optax(name)) if named else None
    if maker is None or not callable(maker) or name.startswith("_"):
        raise ValueError(f"rule must be the name of an optax function, got {name!r}")
    try:
        return maker(**options)
    except TypeError as error:
        raise ValueError(f"optax.{name} refuses {options}: {error}") from error
