"""`plexgrad doctor`: what this machine has, and how fast it simulates."""

import json
import os
from typing import Annotated, Any

import jax
import typer

from plexgrad import chips, codes, data, estimators, nets
from plexgrad.cli.options import use_devices
from plexgrad.core.clock import Clock
from plexgrad.core.record import versions
from plexgrad.training import Rule, train


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    speed: Annotated[
        bool, typer.Option(help="Measure the speed on two small networks.")
    ] = True,
) -> None:
    """Check the installation: versions, devices, data, and speed."""
    use_devices(None)
    found: dict[str, Any] = {
        "versions": versions(),
        "cores": os.cpu_count(),
        "devices": [str(device) for device in jax.devices()],
        "data": {name: _where(name) for name in data.names()},
    }
    if speed:
        found["evaluations/s"] = {
            "xor 2-2-1, 1024 seeds": _speed("xor", [2, 2, 1], 1024),
            "digits 64-32-10, 8 seeds": _speed("digits", [64, 32, 10], 8),
        }
    if as_json:
        typer.echo(json.dumps(found))
        return
    for key, value in found.items():
        if isinstance(value, dict):
            typer.echo(key)
            for name, item in value.items():
                shown = f"{item:.3g}" if isinstance(item, float) else item
                typer.echo(f"  {name:<26}{shown}")
        else:
            typer.echo(f"{key:<28}{value}")


def _where(name: str) -> str:
    try:
        missing = data.source(name).missing(None)
    except (ValueError, OSError) as error:
        return f"unreadable: {error}"
    return f"missing; plexgrad data fetch {name}" if missing else "here"


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
