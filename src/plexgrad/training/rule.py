"""A digital update rule by its name: any optax optimiser, written so a record keeps it.

`train` also takes an optax object as it is; its record then says that the rule must be
given again to rerun.
"""

from dataclasses import dataclass, field
from typing import Any

import optax

Options = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, init=False)
class Rule:
    """`Rule("adam", learning_rate=1e-2)` is `optax.adam(learning_rate=1e-2)`.

    An option may be a schedule: `learning_rate={"schedule": "cosine_decay_schedule",
    "init_value": 0.1, "decay_steps": 1000}` (counted in parameter updates). Raises
    ValueError for a name that optax does not have or options that it refuses.
    """

    name: str
    options: Options = field(default=())

    def __init__(self, name: str, options: Any = (), **more: Any) -> None:
        items = {**dict(options), **more}
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", _frozen(items))
        self.build()

    def build(self) -> optax.GradientTransformation:
        """The optax transformation itself."""
        options = {key: _schedule(value) for key, value in self.options}
        return _call(self.name, options)


def build_rule(rule: Any) -> optax.GradientTransformation:
    """The optax transformation of a `Rule`, or the optax object itself."""
    if isinstance(rule, Rule):
        return rule.build()
    if isinstance(rule, optax.GradientTransformation):
        return rule
    raise TypeError(f"rule must be a plexgrad Rule or an optax one, got {rule!r}")


def rule_spec(rule: Any) -> dict[str, Any]:
    """The rule as plain data; an optax object can only be named as opaque."""
    if isinstance(rule, Rule):
        options = {k: dict(v) if isinstance(v, tuple) else v for k, v in rule.options}
        return {"kind": "Rule", "name": rule.name, "options": options}
    return {"opaque": "an optax object: pass rule= again to rerun"}


def _frozen(items: dict[str, Any]) -> Options:
    return tuple(
        (key, tuple(sorted(value.items())) if isinstance(value, dict) else value)
        for key, value in sorted(items.items())
    )


def _schedule(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    options = dict(value)
    name = options.pop("schedule", None)
    if name is None:
        raise ValueError(f"an option that is a table must name a schedule, got {value}")
    return _call(name, options)


def _call(name: str, options: dict[str, Any]) -> Any:
    maker = getattr(optax, name, None) if isinstance(name, str) else None
    if maker is None or not callable(maker) or name.startswith("_"):
        raise ValueError(f"rule must be the name of an optax function, got {name!r}")
    try:
        return maker(**options)
    except TypeError as error:
        raise ValueError(f"optax.{name} refuses {options}: {error}") from error
