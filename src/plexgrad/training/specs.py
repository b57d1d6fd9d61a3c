"""A whole run as plain data, and back: what `record.json` and TOML files hold."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from plexgrad import chips, codes, data, estimators, nets
from plexgrad.core.clock import Clock
from plexgrad.core.code import AbstractCode
from plexgrad.core.contracts import AbstractChip, AbstractEstimator
from plexgrad.core.spec import concrete, from_spec, to_spec
from plexgrad.training.rule import Rule, rule_spec

PARTS = ("chip", "estimator", "rule", "clock")
"""Entries of a spec that are built from classes; the others are plain values."""


@cache
def kinds() -> dict[str, type]:
    """Every class that a spec may name."""
    found: dict[str, type] = {"Clock": Clock, "Rule": Rule}
    for package, base in (
        (codes, AbstractCode),
        (estimators, AbstractEstimator),
        (nets, nets.AbstractNet),
        (nets, nets.AbstractCost),
        (chips, AbstractChip),
    ):
        found |= {cls.__name__: cls for cls in concrete(package, base)}
    return found


def describe(
    dataset: data.Dataset, parts: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    """The resolved spec of a run."""
    built = {name: to_spec(parts[name]) for name in PARTS if name != "rule"}
    task = {"task": dict(dataset.spec)}
    return task | built | {"rule": rule_spec(parts["rule"])} | to_spec(values)


def build(
    spec: Mapping[str, Any], folder: str | None = None, **replace: Any
) -> dict[str, Any]:
    """The arguments of `train` from a spec; `replace` overrides some of them.

    Raises ValueError for anything in the spec that cannot be built: an unknown kind or
    field, or a rule that was passed as an optax object.
    """
    arguments = dict(spec) | replace
    task = arguments.pop("task")
    if "data" not in arguments:
        task = {"name": task} if isinstance(task, str) else dict(task)
        arguments["data"] = data.load(**task, folder=folder)
    for name in PARTS:
        if isinstance(arguments[name], Mapping):
            if "opaque" in arguments[name]:
                raise ValueError(f"rule must be given again: {arguments[name]}")
            arguments[name] = from_spec(arguments[name], kinds())
    return arguments
