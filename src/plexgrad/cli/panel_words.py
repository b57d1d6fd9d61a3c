"""What the panel of a run says: every number by its name, as words for people."""

import math
from collections.abc import Mapping
from typing import Any

from plexgrad.core.words import line
from plexgrad.training.following import Followed, left_s, rate

Row = tuple[str, str]
NOTHING = "-"

STATES = {
    "starting": "starting",
    "running": "running",
    "paused": "paused: all updates are applied, the perturbation is off",
    "waiting": "waiting for the device, which does not answer",
    "finished": "finished",
    "stopped": "stopped between two windows; it can go on with --resume",
    "diverged": "diverged: the cost is not finite",
    "failed": "failed; the terminal that it was started in says why",
    "killed": "killed: its process is gone; it can go on with --resume",
    "silent": "silent: nothing from its machine lately",
}


def title(run: Followed) -> str:
    """What is trained, and on what."""
    task = run.about.get("task") or run.folder.name
    chip = run.about.get("chip")
    return line(f"{task} on {chip}" if chip else f"{task} in {run.folder}")


def state_words(run: Followed) -> str:
    """The state in words, and for how long a run has said nothing."""
    state = run.state()
    words = line(STATES.get(state, state))
    silent = run.silent_s() if run.lines else 0.0
    if state in ("running", "silent") and silent > 5:
        words += f", no news for {duration(silent)}"
    return words


def columns(run: Followed) -> list[list[Row]]:
    """Three columns: the run, the link, the chip. Rates are those of the last seconds.

    A number that is not known, or does not apply, is a dash.
    """
    lines = run.phase()
    last: Mapping[str, Any] = lines[-1] if lines else {}
    return [_run(run, lines, last), _link(lines, last), _chip(run, last)]


def _run(run: Followed, lines: list[dict[str, Any]], last: Mapping[str, Any]) -> list:
    going = run.state() in ("running", "paused", "waiting")
    accuracy = last.get("accuracy")
    return [
        ("cost", number(last.get("cost"))),
        ("test accuracy", NOTHING if accuracy is None else f"{100 * accuracy:.1f} %"),
        ("evaluations", count(last.get("evaluations"))),
        ("step rate", per_s(rate(lines, "steps" if "steps" in last else "slot"))),
        ("time", duration(last.get("seconds"))),
        ("scoring", duration(last.get("score_s"))),
        ("left", duration(left_s(lines)) if going else NOTHING),
    ]


def _link(lines: list[dict[str, Any]], last: Mapping[str, Any]) -> list[Row]:
    linked = bool(last.get("calls"))
    trip = rate(lines, "busy_s", "calls") if linked else math.nan
    each = [rate(lines, name, "calls") for name in ("bytes_out", "bytes_in")]
    known = linked and all(map(math.isfinite, each))
    return [
        ("round trip", seconds(trip)),
        ("bytes a call", f"{each[0]:.0f} + {each[1]:.0f}" if known else NOTHING),
        ("calls", count(last.get("calls")) if linked else NOTHING),
        ("retries", count(last.get("retries")) if linked else NOTHING),
        ("reconnections", count(last.get("reconnects")) if linked else NOTHING),
        ("recoveries", count(last.get("recoveries"))),
    ]


def _chip(run: Followed, last: Mapping[str, Any]) -> list[Row]:
    unit = run.about.get("unit", "1")
    drift, ends = last.get("drift"), run.about.get("endurance")
    worn = (last.get("writes_max") or 0) / ends if ends else None
    cells, saturated = run.about.get("parameters"), count(last.get("saturated_cells"))
    return [
        ("most writes", count(last.get("writes_max"))),
        ("mean writes", count(last.get("writes_mean"))),
        ("endurance used", NOTHING if worn is None else f"{100 * worn:.3g} %"),
        ("saturated", f"{saturated} of {cells}" if cells else saturated),
        ("drift", number(drift) + ("" if unit == "1" or drift is None else f" {unit}")),
        ("chip busy", duration(last.get("device_s"))),
    ]


def text(run: Followed) -> str:
    """All of it as lines, for where there is no panel."""
    lines = [title(run), state_words(run)]
    for column in columns(run):
        lines += [f"  {name:<16}{value}" for name, value in column]
    return "\n".join(lines)


def number(value: float | int | None) -> str:
    """A number in three digits."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:.3g}"


def count(value: float | int | None) -> str:
    """A count in full."""
    return NOTHING if value is None else f"{value:,.0f}"


def per_s(value: float | int) -> str:
    """A rate."""
    if not math.isfinite(value):
        return NOTHING
    return f"{value:,.0f} /s" if value >= 10 else f"{value:.2g} /s"


def seconds(value: float | int) -> str:
    """A short time, in the unit that suits it."""
    if not math.isfinite(value):
        return NOTHING
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e6:.3g} us"


def duration(value: float | int | None) -> str:
    """A longer time, as a clock shows it."""
    if value is None or not math.isfinite(value):
        return NOTHING
    minutes, rest = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
