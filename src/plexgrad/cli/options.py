"""From options to a spec: a preset, then a file, then every option that was given."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from plexgrad.core.record import Record
from plexgrad.core.spec import to_spec
from plexgrad.core.validate import positive_int
from plexgrad.nets import CNN
from plexgrad.training.specs import preset


def use_devices(count: int | None) -> None:
    """One JAX device for each core, unless told otherwise; call it before any other."""
    if count is None and "JAX_NUM_CPU_DEVICES" in os.environ:
        return
    wanted = os.cpu_count() or 1 if count is None else positive_int("devices", count)
    jax.config.update("jax_num_cpu_devices", wanted)


def read_spec(path: Path) -> dict[str, Any]:
    """A spec from a TOML file, or from the record of another run.

    Raises FileNotFoundError or ValueError, naming the file.
    """
    if path.is_dir() or path.suffix == ".json":
        return Record.load(path).spec
    if not path.is_file():
        raise FileNotFoundError(f"no spec at {path}")
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} must be TOML: {error}") from error


def starting_spec(task: str | None, file: Path | None) -> dict[str, Any]:
    """The preset of a task, overlaid with a file's entries; a file may name the task.

    Raises ValueError if neither says which task to train.
    """
    found = {} if file is None else read_spec(file)
    named = found.get("task", task) if task is None else task
    if named is None:
        raise ValueError("a task must be given: plexgrad train TASK, or --spec FILE")
    name = named["name"] if isinstance(named, Mapping) else named
    spec = merge(preset(name), found)
    spec["task"] = dict(named) if isinstance(named, Mapping) else {"name": named}
    return spec


def merge(spec: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`spec` with the entries of `more`; tables of one kind are merged entry by entry.

    A table that names another kind replaces the whole table.
    """
    merged = dict(spec)
    for key, value in more.items():
        old = merged.get(key)
        same = isinstance(old, Mapping) and isinstance(value, Mapping)
        if same and value.get("kind", old.get("kind")) == old.get("kind"):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged


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
            f"net must be sizes joined by dashes (64-32-10), cnn, or vgg-D, got {text!r}"
        )
    kept = old if old.get("kind") == "MLP" else {"kind": "MLP", "activation": "relu"}
    return {**kept, "sizes": [int(size) for size in sizes]}


def with_options(spec: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with every option that was given (is not None) put in its place."""
    given = {key: value for key, value in options.items() if value is not None}
    spec = merge(spec, {})
    if "net" in given:
        spec["chip"] = {**spec["chip"], "net": network(given.pop("net"), spec)}
    places = {
        "activation": ("chip", "net", "activation"),
        "cost": ("chip", "cost"),
        "estimator": ("estimator", "kind"),
        "reference": ("estimator", "reference"),
        "shrink": ("estimator", "shrink"),
        "code": ("estimator", "code", "kind"),
        "amplitude": ("estimator", "code", "amplitude"),
        "rule": ("rule", "name"),
        "tau_p": ("clock", "tau_p"),
        "tau_x": ("clock", "tau_x"),
        "tau_theta": ("clock", "tau_theta"),
    }
    if "code" in given:
        code = spec["estimator"]["code"]
        kept = {"amplitude": code["amplitude"]} if "amplitude" in code else {}
        spec = merge(spec, {"estimator": {"code": {"kind": given["code"], **kept}}})
    if "rule" in given and given["rule"] != spec["rule"].get("name"):
        rate = spec["rule"]["options"]["learning_rate"]
        spec["rule"] = {"kind": "Rule", "options": {"learning_rate": rate}}
    if "eta" in given:
        options_of = dict(spec["rule"]["options"])
        rate = options_of["learning_rate"]
        scheduled = isinstance(rate, Mapping) and "init_value" in rate
        eta = given.pop("eta")
        options_of["learning_rate"] = {**rate, "init_value": eta} if scheduled else eta
        spec["rule"] = {**spec["rule"], "options": options_of}
    for key, value in given.items():
        _put(spec, places.get(key, (key,)), value)
    return spec


def _put(spec: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for name in place[:-1]:
        spec[name] = dict(spec[name])
        spec = spec[name]
    spec[place[-1]] = value
