"""What `plexgrad chip train` hands to `host.train`: options, presets, calibrations."""

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from plexgrad import data as datasets
from plexgrad.cli.options import merge, starting_spec, with_options
from plexgrad.cli.saying import echo
from plexgrad.core.params import FILE
from plexgrad.data import Dataset
from plexgrad.lab import find
from plexgrad.lab.calibrate import Calibration
from plexgrad.lab.forecast import Forecast
from plexgrad.lab.team import AnyBench
from plexgrad.report.durations import duration
from plexgrad.report.numbers import short
from plexgrad.training.specs import build, device_preset

TAKE = (
    "Take the device over from a host that is silent or hung up without a goodbye; "
    "never from one that is at work."
)
Take = Annotated[bool, typer.Option("--take", help=TAKE, show_default=False)]

COST = "cost"
"""The task in the record of a device that gives its own cost."""


READINGS = ("repeats", "average", "step_limit", "share", "scoring")
"""Options of a run on a device that its spec holds as they were given."""


READINGS = ("repeats", "average", "step_limit", "share", "scoring")
"""Options of a run on a device that its spec holds as they were given."""


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
    """Arguments of `host.train`: preset, then calibration, then options.

    Without a task, of a device that gives its own cost. Raises ValueError if nobody
    says how far such a device is to be moved.
    """
    rule = "sgd"
    if calibration is not None:
        found = Calibration.load(calibration)
        refuse_other_task(found, task, calibration)
        given, rule, eta = _as_calibrated(found, given, eta)
    family = find.family(url)
    if task is None:
        if given["amplitude"] is None or eta is None:
            raise ValueError(
                "a task must be given, or for a device that gives its own cost "
                "--amplitude and --eta, or --calibration: "
                + shlex.join(["plexgrad", "chip", "calibrate", url])
            )
        base = {"key": 0, "task": {"name": COST}} | device_preset(COST, family)
    else:
        more = device_preset(task, family)
        base = merge({"key": 0} | starting_spec(task, None), more)
    spec = with_options(base, given)
    if eta is not None:
        options = {"learning_rate": eta}
        spec["rule"] = {"kind": "Rule", "name": rule, "options": options}
    return _arguments(spec)


def as_calibrated(
    calibration: Path | None, tell: Callable[[str], object]
) -> Callable[[AnyBench], None] | None:
    """What looks at an open device before it is trained by a calibration."""
    if calibration is None:
        return None
    found = Calibration.load(calibration)

    def look(bench: AnyBench) -> None:
        if said := found.refuse_other(bench.identity, bench.can):
            tell(f"warning: {said}")

    return look


def expected(found: Forecast) -> str:
    """What a run will take, in a line."""
    said = (
        f"expected: {found.evaluations:,} evaluations and {found.writes:,} writes of "
        f"each cell; {duration(found.seconds, 2)} to go at the "
        f"{short(found.rate)} evaluations/s of its first windows"
    )
    if found.scoring_s > 0.05 * found.seconds:
        said += f", {duration(found.scoring_s, 2)} of it for scoring"
    if found.worn:
        said += f"; warning: a cell bears {found.endurance:,.0f} writes"
    return said


def explained(arguments: Mapping[str, Any], calibration: Path | None) -> dict[str, Any]:
    """What a run would ask of a device, and for how long if a calibration says so."""
    clock, slots = arguments["clock"], arguments["slots"]
    evaluations, updates = (
        arguments["estimator"].evaluations(clock, slots),
        clock.updates(slots),
    )
    found = {"slots": slots, "evaluations": evaluations, "updates": updates}
    rates = None if calibration is None else Calibration.load(calibration).rates
    if rates is None:
        return found | {"device_s": "not known without --calibration"}
    spent = evaluations * rates.evaluation_s + updates * rates.write_s
    return found | {"device_s": float(f"{spent:.3g}")}


def start_of(text: str | None) -> tuple[float, float] | str | None:
    """What `--start` names: a range LOW,HIGH, the folder of a run, or "keep".

    Raises ValueError for anything else.
    """
    if text is None or text == "keep":
        return text
    if (Path(text) / FILE).is_file():
        return text
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise ValueError(
            "start must be LOW,HIGH, the folder of a run with trained parameters, or "
            f"keep, got {text!r}"
        ) from None
    if low > high:
        raise ValueError(f"start must be LOW,HIGH in that order, got {text}")
    return low, high


def refuse_other_task(found: Calibration, task: str | None, place: Path) -> None:
    """Raise ValueError unless a calibration's recommendation is for this task."""
    if found.recommendation is not None and found.task != (task or ""):
        raise ValueError(
            f"the task must be that of the calibration in {place}, "
            f"{found.task or 'none'}; got {task or 'none'}"
        )


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
    built = _built(spec)
    kept = ("data", "estimator", "rule", "clock", "slots", "batch", "key")
    found = {name: built[name] for name in kept if name in built}
    return found | {"cost": cost_of(spec)}


def cost_of(spec: Mapping[str, Any]) -> str:
    """The cost that the host makes of a device's outputs, as of the simulated chip."""
    cost = spec.get("chip", {}).get("cost", "mse")
    softmax = cost == "cross_entropy" or "CrossEntropy" in str(cost)
    return "cross_entropy" if softmax else "mse"


def task_of(task: str | None) -> tuple[Dataset | None, str]:
    """Data and cost of a task; without one, those of a device that shows nothing."""
    if task is None:
        return None, "mse"
    spec = starting_spec(task, None)
    return datasets.load(**spec["task"]), cost_of(spec)


def again(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `host.train` from the spec of a run on a device."""
    built = _built({**spec, **SHELL})
    kept = ("data", "estimator", "rule", "clock", "slots", "batch", "key", "sampling")
    found = {name: built[name] for name in (*kept, "points", "cost", "crossing")}
    found |= {name: spec[name] for name in READINGS if name in spec}
    return found | {"keep": spec.get("keep", "last")}


SHELL = {"chip": {"kind": "Simulated", "net": {"kind": "MLP", "sizes": [1, 1]}}}
"""A chip for specs that hold a device instead; it is built and left."""


def _built(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a spec; without a task that has data, they are None."""
    if spec["task"].get("name") == COST:
        return build({**spec, **SHELL}, data=None)
    return build(spec)


def print_accounts(counts: dict[str, Any]) -> None:
    """What the device did, and what crossed the link, in a few lines."""
    link = counts["link"]
    for chip in counts.get("chips", ()):
        echo(
            f"chip            {chip['serial']}: {chip['rows']:,} costs, left "
            f"{chip['left']} times, came back {chip['came_back']} times"
        )
    echo(
        f"device          {counts['writes_max']} writes of the busiest cell, "
        f"{counts['saturated_cells']} cells saturated, busy {counts['device_s']:.3g} s"
    )
    typer.echo(
        f"readings        {counts['readings']:,}, {counts['scored_readings']:,} to "
        f"score; {counts['asked_again']} costs measured again, "
        f"{counts['skipped']} windows skipped, {counts['limited']} steps cut"
    )
    if link["calls"]:
        each = link["bytes_out"] / link["calls"], link["bytes_in"] / link["calls"]
        trip = 1e3 * link["busy_s"] / link["calls"]
        echo(
            f"link            {link['calls']} calls of {each[0]:.0f} bytes out and "
            f"{each[1]:.0f} in, {trip:.3g} ms each, {link['retries']} retries, "
            f"{counts['recoveries']} recoveries"
        )
