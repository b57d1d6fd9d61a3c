"""A whole run as plain data, and back: what `record.json` and TOML files hold."""

import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from importlib import resources
from importlib.metadata import entry_points
from typing import Any

from plexgrad import chips, codes, data, estimators, nets
from plexgrad.core.clock import MAX_SLOTS, Clock
from plexgrad.core.code import AbstractCode
from plexgrad.core.contracts import AbstractChip, AbstractEstimator
from plexgrad.core.spec import concrete, from_spec, name_of, to_spec
from plexgrad.core.validate import int_at_least, meant
from plexgrad.training.analog import Analog
from plexgrad.training.rule import Rule, rule_spec

_PRESETS = resources.files("plexgrad.training") / "presets"

BASES = {"chip": AbstractChip, "estimator": AbstractEstimator, "clock": Clock}
PARTS = (*BASES, "rule")
"""Entries of a spec that are built from classes; the others are plain values."""


GROUP = "plexgrad.kinds"
_KNOWN: dict[str, type] = {}


def kinds() -> dict[str, type]:
    """Every class that a spec may name: ours, installed ones, and those made known."""
    return {**_ours(), **_installed(), **_KNOWN}


def know(*classes: type) -> None:
    """Let specs name classes of somebody else, in this process.

    A record never imports what it names, since it may be a stranger's. Raises TypeError
    for what is no dataclass.
    """
    for cls in classes:
        if not (isinstance(cls, type) and is_dataclass(cls)):
            raise TypeError(f"known must hold dataclasses, got {cls!r}")
        _KNOWN[name_of(cls)] = cls


def know_module(name: str) -> None:
    """Import a module by name, and let specs name what it defines.

    Raises ImportError, or ValueError if it defines nothing that a spec can hold.
    """
    module = importlib.import_module(name)
    classes = [
        cls
        for cls in vars(module).values()
        if isinstance(cls, type) and is_dataclass(cls) and cls.__module__ == name
    ]
    if not classes:
        raise ValueError(f"{name} must define a dataclass that a spec can name")
    know(*classes)


@cache
def _installed() -> dict[str, type]:
    """Classes that installed packages offer as entry points."""
    found = [point.load() for point in entry_points(group=GROUP)]
    return {name_of(cls): cls for cls in found}


@cache
def _ours() -> dict[str, type]:
    found: dict[str, type] = {"Analog": Analog, "Clock": Clock, "Rule": Rule}
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
    arguments: dict[str, Any] = dict(spec) | replace
    task = arguments.pop("task", {})
    if "data" not in arguments:
        named: Mapping[str, Any] = {"name": task} if isinstance(task, str) else task
        if "name" not in named:
            raise ValueError("data must be given: the spec does not name its task")
        arguments["data"] = data.load(folder=folder, **named)
    if missing := [name for name in (*PARTS, "slots") if name not in arguments]:
        raise ValueError(f"a spec must hold {', '.join(missing)}")
    for name, base in BASES.items():
        if isinstance(arguments[name], Mapping):
            arguments[name] = from_spec(arguments[name], kinds(), name)
        if not isinstance(arguments[name], base):
            raise ValueError(f"{name} must be a {name}, got {arguments[name]!r}")
    least = arguments["clock"].tau_theta
    int_at_least("slots", arguments["slots"], least, MAX_SLOTS)
    if isinstance(dynamics := arguments.get("dynamics"), Mapping):
        arguments["dynamics"] = from_spec({"kind": "Analog", **dynamics}, kinds())
    if isinstance(start := arguments.get("start"), Mapping):
        if not start.get("run"):
            raise ValueError("start must be given again, it was an object")
        arguments["start"] = start["run"]
    rule = arguments["rule"]
    if isinstance(rule, Mapping):
        if "opaque" in rule:
            raise ValueError(f"rule must be given again, it was {rule['opaque']}")
        arguments["rule"] = from_spec({"kind": "Rule", **rule}, kinds())
    return arguments


def preset(task: str) -> dict[str, Any]:
    """The spec that ships for a task: what `plexgrad train TASK` runs.

    Raises ValueError for a task without one, naming those that have one.
    """
    name = "parity" if task.startswith("parity-") else task
    if name not in presets():
        known = ", ".join(presets())
        hint = meant(task, presets())
        raise ValueError(f"a task must be one of {known}, got {task!r}{hint}")
    text = (_PRESETS / f"{name}.toml").read_text()
    spec: dict[str, Any] = {**tomllib.loads(text), "task": {"name": task}}
    if name != task:
        bits = data.source(task).spec["bits"]
        spec["chip"]["net"]["sizes"] = [bits, bits, 1]
    return spec


def analog_preset(task: str) -> dict[str, Any]:
    """What a task's preset needs beside it in analog time; empty if none ships."""
    name = "parity" if task.startswith("parity-") else task
    file = _PRESETS / "analog" / f"{name}.toml"
    return tomllib.loads(file.read_text()) if file.is_file() else {}


def device_preset(task: str, family: str = "") -> dict[str, Any]:
    """What a task's preset needs beside it on a device in a lab; empty if none ships.

    A device makes thousands of measurements a second, a simulation makes millions. A
    `family` of devices may have presets of its own.
    """
    file = _PRESETS / "device" / family / f"{task}.toml"
    if file.is_file():
        return tomllib.loads(file.read_text())
    return device_preset(task) if family else {}


def presets() -> list[str]:
    """Tasks that a spec ships for."""
    files = (file.name for file in _PRESETS.iterdir())
    return sorted(name[:-5] for name in files if name.endswith(".toml"))
