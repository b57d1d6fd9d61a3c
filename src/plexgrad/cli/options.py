"""From options to a spec: a preset, then a file, then every option that was given."""

import os
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import jax

from plexgrad.chips.naming import NONE, around, peeled, table
from plexgrad.core.reading import read_toml
from plexgrad.core.record import Record
from plexgrad.core.spec import from_spec, to_spec
from plexgrad.core.validate import positive_int
from plexgrad.nets import CNN
from plexgrad.training import processes
from plexgrad.training.specs import PARTS, analog_preset, kinds, know_module, preset

TAGS = ("kind", "name", "schedule")
"""Entries that say what a table is; with another one, the other entries fall."""

RECURRENT = {"rnn": ("RNN", 1), "ssm": ("SSM", 2)}
"""Recurrent nets, and how many sizes between inputs and outputs they are named by."""

ROWS = {
    "digits": 8,
    "nist7x7": 7,
    "mnist": 28,
    "fashion-mnist": 28,
    "cifar-10": 32,
}
"""Images that a recurrent net reads row by row; of other tasks, number by number."""


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


def make_known(module: str) -> None:
    """Let specs name the classes of a module, found as `python` would find it here."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    know_module(module)


def read_spec(path: Path) -> dict[str, Any]:
    """A spec from a TOML file, or from the record of another run.

    Raises FileNotFoundError or ValueError, naming the file.
    """
    if is_record(path):
        return Record.load(path).spec
    if not path.is_file():
        raise FileNotFoundError(f"no spec at {path}")
    return read_toml(path)


def is_record(path: Path) -> bool:
    """Whether a path names a record (or a run's folder) rather than a TOML file."""
    return path.is_dir() or path.suffix == ".json"


def starting_spec(
    task: str | None, file: Path | None, analog: bool = False
) -> dict[str, Any]:
    """The preset of a task, overlaid with a file's entries; a file may name the task.

    `analog` asks for the task's settings for analog time. A record holds everything, so
    no preset is laid under it. Raises ValueError if
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
    if analog and not whole:
        base = merge(base, analog_preset(name))
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
    """The net that `--net` names: "64-32-10", "cnn", "vgg-4", "rnn-16" or "ssm-8-16".

    Of recurrent nets only inner sizes are named. Raises ValueError for anything else.
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
    kind, count = RECURRENT.get(head, ("", 0))
    if count and len(sizes) == count + 1 and all(s.isdigit() for s in sizes[1:]):
        return _recurrent(kind, [int(size) for size in sizes[1:]], old, task)
    if len(sizes) < 2 or not all(size.isdigit() for size in sizes):
        raise ValueError(
            "net must be sizes joined by dashes, cnn, vgg-D, rnn-HIDDEN or "
            f"ssm-MODES-HIDDEN, got {text!r}"
        )
    kept = old if old.get("kind") == "MLP" else {"kind": "MLP", "activation": "relu"}
    return {**kept, "sizes": [int(size) for size in sizes]}


def _recurrent(
    kind: str, inner: list[int], old: Mapping[str, Any], task: str
) -> dict[str, Any]:
    """A recurrent net for what another net is for, with its settings if of one kind."""
    net = from_spec(old, kinds())
    steps = net.repeats if net.repeats > 1 else ROWS.get(task, net.inputs)
    kept = old if old.get("kind") == kind else {"kind": kind}
    sizes = [net.inputs // steps, *inner, net.outputs]
    return {**kept, "steps": steps, "sizes": sizes}


def with_options(spec: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with every option that was given (is not None) put in its place.

    Options of the network reach the chip inside all effects; `effect` replaces these.
    """
    given = {key: value for key, value in options.items() if value is not None}
    spec = merge(spec, {})
    for part in PARTS:
        if not isinstance(spec.get(part, {}), Mapping):
            raise ValueError(f"{part} must be a table, got {spec[part]!r}")
    chip, effects = peeled(spec.get("chip", {}))
    if chip:
        spec["chip"] = dict(chip)
    asked = spec.pop("effects", None)
    asked = given.pop("effect", None) or asked
    if asked is not None:
        effects = [] if list(asked) == [NONE] else [table(text) for text in asked]
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
        "tau_hp": ("dynamics", "tau_hp"),
    }
    if "estimator" in given:
        spec["estimator"] = _turned(spec["estimator"], given.pop("estimator"))
    if "code" in given:
        code = _turned(spec["estimator"].get("code", {}), given.pop("code"))
        spec["estimator"] = {**spec["estimator"], "code": code}
    if given.pop("analog", False) or "tau_hp" in given:
        spec = _analog(spec, given)
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
    if effects:
        spec["chip"] = around(spec.get("chip", {}), effects)
    return spec


def _analog(spec: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The spec in analog time, where the cost is read as it is."""
    old = spec.get("dynamics")
    estimator = dict(spec["estimator"])
    for name, value in (("reference", "direct"), ("shrink", "none")):
        if name in estimator and name not in given:
            estimator[name] = value
    dynamics = old if isinstance(old, Mapping) else {"kind": "Analog"}
    return {**spec, "estimator": estimator, "dynamics": dynamics}


def _turned(table: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """A table made one of another kind, with the entries that both kinds have.

    A kind is known in small letters too, as effects are: walsh, rank_one.
    """
    small = kind.replace("_", "").lower()
    kind = next((name for name in kinds() if name.lower() == small), kind)
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
