"""`plexgrad doctor`: what this machine has, and how fast it simulates."""

import os
import shlex
from typing import Annotated, Any

import jax
import typer

from plexgrad import chips, codes, data, estimators, nets
from plexgrad.cli import compile_cache
from plexgrad.cli.options import starting_spec, use_devices
from plexgrad.cli.screen import show
from plexgrad.core.clock import Clock
from plexgrad.core.record import versions
from plexgrad.training import Rule, train
from plexgrad.training.explain import explain
from plexgrad.training.specs import build


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    speed: Annotated[
        bool, typer.Option(help="Measure the speed on two small networks.")
    ] = True,
    task: Annotated[
        str | None,
        typer.Option(
            "--explain",
            metavar="TASK",
            help="Say how a task's preset would run, by which engine, and why. "
            "`plexgrad train TASK ... --explain` does so for any setting.",
        ),
    ] = None,
) -> None:
    """Check the installation: versions, devices, data, and speed."""
    use_devices(None)
    if task is not None:
        arguments = build({"key": 0} | starting_spec(task, None))
        show({"task": task, **explain(**arguments)}, as_json)
        return
    found: dict[str, Any] = {
        "versions": versions(),
        "cores": os.cpu_count(),
        "devices": [str(device) for device in jax.devices()],
        "compiled programs": compile_cache.told(),
        "data": {name: _where(name) for name in data.names()},
    }
    if speed:
        found["evaluations/s"] = {
            "xor 2-2-1, 1024 seeds": _speed("xor", [2, 2, 1], 1024),
            "digits 64-32-10, 8 seeds": _speed("digits", [64, 32, 10], 8),
        }
    show(found, as_json)


def _where(name: str) -> str:
    try:
        missing = data.source(name).missing(None)
    except (ValueError, OSError) as error:
        return f"unreadable: {error}"
    return f"missing; plexgrad data fetch {shlex.quote(name)}" if missing else "here"


def _speed(task: str, sizes: list[int], seeds: int) -> float:
    record = train(
        chips.Simulated(nets.MLP(sizes)),
        data.load(task),
        estimator=estimators.WeightPerturbation(codes.Rademacher(1e-2)),
        rule=Rule("sgd", learning_rate=1e-3),
        clock=Clock(),
        slots=4000 if task == "xor" else 500,
        key=0,
        seeds=seeds,
        points=1,
    )
    return record.throughput["evaluations_per_s"]
