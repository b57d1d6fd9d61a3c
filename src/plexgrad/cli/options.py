"""From options to a spec: a preset, then a file, then every option that was given."""

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import jax

from plexgrad.core.record import Record
from plexgrad.core.spec import to_spec
from plexgrad.core.validate import positive_int
from plexgrad.nets import CNN
from plexgrad.training import processes
from plexgrad.training.specs import PARTS, kinds, preset

TAGS = ("kind", "name", "schedule")
"""Entries that say what a table is; with another one, the other entries fall."""


def use_devices(count: int | None) -> None:
    """One JAX device for each core, unless told otherwise; call it before any other."""
    if count is None and "JAX_NUM_CPU_DEVICES" in os.environ:
        return
    wanted = os.cpu_count() or 1 if count is None else positive_int("devices", count)
    jax.config.update("jax_num_cpu_devices", wanted)


def join_processes(
    coordinator: str | None, process: int | None, count: int | None
) -> None:
    """Join the other processes of a run if any are named; as early as `use_devices`."""
    if coordinator is None and process is None and count is None:
        return
    if coordinator is None or process is None or count is None:
        raise ValueError(
            "--coordinator, --process and --processes must be given together"
        )
    processes.join(coordinator, process, count)
    # Gloo talks on standard output, which is kept for results.
    sys.stdout.flush()
    results = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(results, "w", encoding=sys.stdout.encoding)


def read_spec(path: Path) -> dict[str, Any]:
    """A spec from a TOML file, or from the record of another run.

    Raises FileNotFoundError or ValueError, naming the file.
    """
    if is_record(path):
        return Record.load(path).spec
    if not path.is_file():
        raise FileNotFoundError(f"no spec at {path}")
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} must be TOML: {error}") from error


def is_record(path: Path) -> bool:
    """Whether a path names a record (or a run's folder) rather than a TOML file."""
    return path.is_dir() or path.suffix == ".json"


def starting_spec(task: str | None, file: Path | None) -> dict[str, Any]:
    """The preset of a task, overlaid with a file's entries; a file may name the task.

    A record holds everything, so no preset is laid under it. Raises ValueError if
    neither says which task to train.
    """
    found = {} if file is None else read_spec(file)
    named = found.get("task") if task is None else task
    named = dict(named) if isinstance(named, Mapping) else {"name": named}
    name = named.get("name")
    if not isinstance(name, str):
        raise ValueError("a task must be given: plexgrad train TASK, or --spec FILE")
    whole = file is not None and is_record(file)
    base = {} if whole else preset(name)
    return merge(base, found) | {"task": named}


def merge(spec: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`spec` with the entries of `more`; tables of one kind are merged entry by entry.

    A table of another kind (or rule, or schedule) replaces the whole table.
    """
    merged = dict(spec)
    for key, value in more.items():
        old = merged.get(key, {})
        merged[key] = merge(old, value) if _of_one_kind(old, value) else value
    return merged


def _of_one_kind(old: Any, value: Any) -> bool:
    if not (isinstance(old, Mapping) and isinstance(value, Mapping)):
        return False
    return all(value.get(tag, old.get(tag)) == old.get(tag) for tag in TAGS)


def network(text: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The net that `--net` names: "64-32-10", "cnn" (paper A's), or "vgg-4".

    Raises ValueError for anything else.
    """
    old = spec["chip"]["net"]
    task = spec["task"]["name"]
    if text == "cnn":
        made = {"cifar-10": CNN.cifar10, "mnist": CNN.fashion_mnist}
        made["fashion-mnist"] = CNN.fashion_mnist
        if task not in made:
            raise ValueError(f"net must be an MLP for the task {task!r}, got 'cnn'")
        return to_spec(made[task]())
    head, _, tail = text.partition("-")
    if head == "vgg" and tail.isdigit():
        return to_spec(CNN.vgg(int(tail)))
    sizes = text.split("-")
    if len(sizes) < 2 or not all(size.isdigit() for size in sizes):
        raise ValueError(
            f"net must be sizes joined by dashes, cnn, or vgg-D, got {text!r}"
        )
    kept = old if old.get("kind") == "MLP" else {"kind": "MLP", "activation": "relu"}
    return {**kept, "sizes": [int(size) for size in sizes]}


def with_options(spec: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with every option that was given (is not None) put in its place."""
    given = {key: value for key, value in options.items() if value is not None}
    spec = merge(spec, {})
    for part in PARTS:
        if not isinstance(spec.get(part, {}), Mapping):
            raise ValueError(f"{part} must be a table, got {spec[part]!r}")
    if "slots" in given and isinstance(spec.get("points"), list):
        spec["points"] = max(1, len(spec["points"]) - 1)
    if "net" in given:
        spec["chip"] = {**spec["chip"], "net": network(given.pop("net"), spec)}
    places = {
        "activation": ("chip", "net", "activation"),
        "cost": ("chip", "cost"),
        "engine": ("chip", "engine"),
        "reference": ("estimator", "reference"),
        "shrink": ("estimator", "shrink"),
        "amplitude": ("estimator", "code", "amplitude"),
        "rule": ("rule", "name"),
        "tau_p": ("clock", "tau_p"),
        "tau_x": ("clock", "tau_x"),
        "tau_theta": ("clock", "tau_theta"),
    }
    if "estimator" in given:
        spec["estimator"] = _turned(spec["estimator"], given.pop("estimator"))
    if "code" in given:
        code = _turned(spec["estimator"].get("code", {}), given.pop("code"))
        spec["estimator"] = {**spec["estimator"], "code": code}
    rates = dict(spec["rule"].get("options", {}))
    rate = rates.get("learning_rate")
    if "rule" in given and given["rule"] != spec["rule"].get("name"):
        rates = {} if rate is None else {"learning_rate": rate}
        spec["rule"] = {"kind": "Rule", "options": rates}
    if "eta" in given:
        eta = given.pop("eta")
        if isinstance(rate, Mapping) and "init_value" in rate:
            eta = {**rate, "init_value": eta}
        rates["learning_rate"] = eta
        spec["rule"] = {**spec["rule"], "options": rates}
    for key, value in given.items():
        _put(spec, places.get(key, (key,)), value)
    return spec


def _turned(table: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """A table made one of another kind, with the entries that both kinds have."""
    known = {field.name for field in fields(kinds()[kind])} if kind in kinds() else ()
    kept = {name: value for name, value in table.items() if name in known}
    return {**kept, "kind": kind}


def _put(spec: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for name in place[:-1]:
        if name not in spec:
            raise ValueError(f"--{place[-1]} must have a {name} to change, got none")
        spec[name] = dict(spec[name])
        spec = spec[name]
    spec[place[-1]] = value
