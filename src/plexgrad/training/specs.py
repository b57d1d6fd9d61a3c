"""A whole run as plain data, and back: what `record.json` and TOML files hold."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
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
    if missing := [name for name in (*PARTS, "slots") if name not in arguments]:
        raise ValueError(f"a spec must hold {', '.join(missing)}")
    for name in ("clock", "chip", "estimator"):
        if isinstance(arguments[name], Mapping):
            arguments[name] = from_spec(arguments[name], kinds())
    if isinstance(arguments["rule"], Mapping):
        updates = arguments["clock"].updates(arguments["slots"])
        arguments["rule"] = _rule(arguments["rule"], updates)
    return arguments


def _rule(spec: Mapping[str, Any], updates: int) -> Rule:
    """The rule; the word "updates" in a schedule stands for the run's own number."""
    if "opaque" in spec:
        raise ValueError(f"rule must be given again, it was {spec['opaque']}")

    def filled(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: filled(item) for key, item in value.items()}
        return updates if value == "updates" else value

    return from_spec(filled(spec), kinds())


def preset(task: str) -> dict[str, Any]:
    """The spec that ships for a task: what `plexgrad train TASK` runs.

    Raises ValueError for a task without one, naming those that have one.
    """
    name = "parity" if task.startswith("parity-") else task
    if name not in presets():
        known = ", ".join(presets())
        raise ValueError(f"a task must be one of {known}, got {task!r}")
    text = resources.files(__package__).joinpath("presets", f"{name}.toml").read_text()
    return tomllib.loads(text) | {"task": {"name": task}}


def presets() -> list[str]:
    """Tasks that a spec ships for."""
    folder = resources.files(__package__).joinpath("presets")
    return sorted(
        file.name.removesuffix(".toml")
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    )
