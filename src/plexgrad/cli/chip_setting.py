"""What `plexgrad chip train` hands to `host.train`: options, presets, calibrations."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from plexgrad import data as datasets
from plexgrad.cli.options import merge, starting_spec, with_options
from plexgrad.lab import find
from plexgrad.lab.calibrate import Calibration
from plexgrad.training.specs import build, device_preset


def several(urls: str) -> list[str]:
    """The URLs of a list joined by commas; a comma within one is followed by none."""
    return re.split(r",(?=[A-Za-z][\w.+-]*:)", urls)


def started(
    task: str | None,
    given: dict[str, Any],
    eta: float | None,
    calibration: Path | None,
    url: str,
) -> dict[str, Any]:
    """Arguments of `host.train`: preset, then calibration, then options."""
    rule = "sgd"
    if calibration is not None:
        given, rule, eta = _as_calibrated(Calibration.load(calibration), given, eta)
    more = device_preset(str(task), find.family(url))
    base = merge({"key": 0} | starting_spec(task, None), more)
    spec = with_options(base, given)
    if eta is not None:
        options = {"learning_rate": eta}
        spec["rule"] = {"kind": "Rule", "name": rule, "options": options}
    return _arguments(spec)


def _as_calibrated(
    found: Calibration, given: dict[str, Any], eta: float | None
) -> tuple[dict[str, Any], str, float]:
    """Options, rule and learning rate of a calibration; what was given goes before."""
    advice = found.recommendation
    if advice is None:
        raise ValueError(
            f"the calibration of {found.identity} must hold a recommendation, but "
            f"{found.refused}"
        )
    told = {"amplitude": advice.amplitude, "tau_theta": advice.tau_theta}
    both = {
        **found.setting,
        **told,
        **{k: v for k, v in given.items() if v is not None},
    }
    return given | both, advice.rule, advice.eta if eta is None else eta


def _arguments(spec: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `host.train` from the spec of a simulated run."""
    built = build(spec)
    kept = ("data", "estimator", "rule", "clock", "slots", "batch", "key")
    cost = spec["chip"].get("cost", "mse")
    softmax = cost == "cross_entropy" or "CrossEntropy" in str(cost)
    found = {name: built[name] for name in kept if name in built}
    return found | {"cost": "cross_entropy" if softmax else "mse"}


def again(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `host.train` from the spec of a run on a device."""
    shell = {"chip": {"kind": "Simulated", "net": {"kind": "MLP", "sizes": [1, 1]}}}
    built = build({**spec, **shell})
    kept = ("estimator", "rule", "clock", "slots", "batch", "key", "sampling")
    found = {name: built[name] for name in (*kept, "points", "cost", "crossing")}
    return found | {"data": datasets.load(**spec["task"])}


def print_accounts(counts: dict[str, Any]) -> None:
    """What the device did, and what crossed the link, in a few lines."""
    link = counts["link"]
    for chip in counts.get("chips", ()):
        typer.echo(
            f"chip            {chip['serial']}: {chip['rows']:,} costs, left "
            f"{chip['left']} times, came back {chip['came_back']} times"
        )
    typer.echo(
        f"device          {counts['writes_max']} writes of the busiest cell, "
        f"{counts['saturated_cells']} cells saturated, busy {counts['device_s']:.3g} s"
    )
    if link["calls"]:
        each = link["bytes_out"] / link["calls"], link["bytes_in"] / link["calls"]
        trip = 1e3 * link["busy_s"] / link["calls"]
        typer.echo(
            f"link            {link['calls']} calls of {each[0]:.0f} bytes out and "
            f"{each[1]:.0f} in, {trip:.3g} ms each, {link['retries']} retries, "
            f"{counts['recoveries']} recoveries"
        )
