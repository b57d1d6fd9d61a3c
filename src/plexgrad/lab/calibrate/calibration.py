"""What a calibration found, as plain data that can be saved and read."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from plexgrad.core import shape
from plexgrad.core.files import write_atomically
from plexgrad.core.reading import read_json
from plexgrad.lab.calibrate.cells import Cells
from plexgrad.lab.calibrate.declared import Comparison
from plexgrad.lab.calibrate.knobs import Knobs
from plexgrad.lab.calibrate.link import Link
from plexgrad.lab.calibrate.noise import Noise
from plexgrad.lab.calibrate.rates import Rates
from plexgrad.lab.calibrate.settling import Settling
from plexgrad.lab.capabilities import Capabilities
from plexgrad.lab.device import Identity
from plexgrad.lab.roster import groups_of
from plexgrad.training.recommendation import Recommendation

FILE = "calibration.json"


@dataclass(frozen=True)
class Calibration:
    """A device, what was measured of it, and how it should be trained.

    `recommendation` is None if no task was given, or for the reason in `refused`.
    `setting` holds what it is for: code, reference, tau_p, tau_x, batch. `findings` are
    sentences of what makes all else void; then nothing is recommended. `rates` are what
    a time platform needs, where they were measured.
    """

    url: str
    identity: Identity
    capabilities: Capabilities
    task: str
    link: Link
    settling: Settling
    noise: Noise
    knobs: Knobs
    cells: Cells
    compared: tuple[Comparison, ...]
    recommendation: Recommendation | None
    refused: str
    setting: dict[str, Any]
    evaluations: int
    writes: int
    seconds: float
    findings: tuple[str, ...] = ()
    rates: Rates | None = None

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the device, a sentence each, the worst first."""
        return self.findings or tuple(_faults(self))

    def refuse_other(self, identity: Identity, can: Capabilities) -> str:
        """What to beware of when another device is trained by this; "" for the same.

        Raises ValueError if its knobs are others: amplitude and rate mean nothing then.
        """
        mine, theirs = groups_of(self.capabilities), groups_of(can)
        if mine != theirs:
            raise ValueError(
                f"the calibration must be of a device with these knobs, {theirs}; that "
                f"of {self.identity} is for {mine}"
            )
        if self.identity.serial in identity.serial.split(" + "):
            return ""
        return (
            f"the calibration is of another device, {self.identity}; amplitude and "
            f"learning rate may not suit {identity}"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data; infinite numbers are words, and NaN is null."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        for name in _PARTS:
            found[name] = asdict(found[name])
        found["capabilities"] = self.capabilities.to_json()
        found["compared"] = [asdict(each) for each in self.compared]
        advice = self.recommendation
        found["recommendation"] = None if advice is None else advice.to_json()
        found["rates"] = None if self.rates is None else asdict(self.rates)
        found["faults"] = list(self.faults)
        return _plain(found)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Calibration":
        """The inverse of `to_json`.

        Raises ValueError if a part is missing or is not what it should be.
        """
        needed = [each.name for each in fields(cls) if each.default is MISSING]
        if missing := [name for name in needed if name not in data]:
            raise ValueError(f"a calibration must hold {', '.join(missing)}")
        names = [each.name for each in fields(cls) if each.name in data]
        found = {
            name: _RULES[name](name, _numbers(data[name]))
            if name in _RULES
            else data[name]
            for name in names
        }
        for name, kind in _PARTS.items():
            if name == "knobs":
                pairs = found[name]["saturated"].items()
                found[name]["saturated"] = {int(key): value for key, value in pairs}
            found[name] = kind(**found[name])
        if (rates := found.get("rates")) is not None:
            found["rates"] = Rates(**rates)
        found["capabilities"] = Capabilities.from_json(found["capabilities"])
        found["compared"] = tuple(Comparison(**each) for each in found["compared"])
        if (advice := found["recommendation"]) is not None:
            found["recommendation"] = Recommendation.from_json(advice)
        it = cls(**found)
        _refuse_unknown_knobs(it)
        _refuse_unequal("settling", it.settling.waits_s, it.settling.errors)
        _refuse_unequal("noise", it.noise.times_s, it.noise.costs)
        return it

    def save(self, folder: str | Path) -> Path:
        """Write `calibration.json`, whole or not at all."""
        path = Path(folder) / FILE
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        write_atomically(path, text.encode())
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Calibration":
        """Read a file, or the one in a folder.

        Raises FileNotFoundError or ValueError, naming the file.
        """
        path = Path(path)
        path = path / FILE if path.is_dir() else path
        try:
            return cls.from_json(shape.mapping("it", read_json(path, name="it")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a calibration: {error}") from error


_PARTS: dict[str, Any] = {
    "identity": Identity,
    "link": Link,
    "settling": Settling,
    "noise": Noise,
    "knobs": Knobs,
    "cells": Cells,
}


def _nan_of(kind: type) -> shape.Rule:
    """The rule of a dataclass in which null is a number that is not known."""
    rule = shape.of(kind)

    def check(name: str, value: Any) -> dict[str, Any]:
        found = shape.mapping(name, value).items()
        return rule(name, {k: math.nan if v is None else v for k, v in found})

    return check


def _can(name: str, value: Any) -> dict[str, Any]:
    found = shape.mapping(name, value)
    if found.get("amplitude_high") is None:
        found = {**found, "amplitude_high": math.inf}
    return shape.of(Capabilities)(name, found)


def _advice(name: str, value: Any) -> dict[str, Any]:
    found = shape.mapping(name, value)
    measured = shape.mapping(f"{name}.measured", found.get("measured")).items()
    known = {key: math.nan if each is None else each for key, each in measured}
    advice = shape.of(Recommendation)(name, {**found, "measured": known})
    for figure, lines in advice["curves"].items():
        _refuse_unequal(f"{name}.curves.{figure[:40]}", *lines.values())
    return advice


_RULES: dict[str, shape.Rule] = {
    **{name: _nan_of(kind) for name, kind in _PARTS.items()},
    "url": shape.text,
    "task": shape.text,
    "refused": shape.text,
    "capabilities": _can,
    "compared": shape.each(_nan_of(Comparison)),
    "recommendation": shape.maybe(_advice),
    "setting": shape.mapping,
    "evaluations": shape.whole,
    "writes": shape.whole,
    "seconds": shape.real,
    "findings": shape.of(tuple[str, ...]),
    "rates": shape.maybe(shape.of(Rates)),
}
"""What each part must be."""


def _refuse_unequal(name: str, *columns: Sequence[Any]) -> None:
    if len(lengths := {len(column) for column in columns}) > 1:
        raise ValueError(f"{name} must have as many of each, got {sorted(lengths)}")


def _refuse_unknown_knobs(it: Calibration) -> None:
    count, knobs = it.capabilities.parameters, it.knobs
    for name in ("up", "down"):
        if (held := len(getattr(knobs, name))) not in (0, count):
            raise ValueError(f"knobs.{name} must hold none or {count}, got {held}")
    named = (*knobs.dead, *knobs.saturated, *knobs.undecided)
    for number in (*named, *it.cells.stuck, *it.cells.unread):
        if not 0 <= number < count:
            raise ValueError(f"knobs must be numbered below {count}, got {number}")


def _faults(it: Calibration) -> list[str]:
    can, knobs, said = it.capabilities, it.knobs, []
    for way, other in (("high", "up"), ("low", "down")):
        if stuck := [n for n, side in knobs.saturated.items() if side == way]:
            said.append(
                f"{named(can, stuck)} saturated at the {way} rail: moving {other} does "
                "nothing."
            )
    if knobs.dead:
        said.append(
            f"{named(can, list(knobs.dead))} dead: no effect above {knobs.seen:.2g}."
        )
    if cells := it.cells.stuck:
        said.append(f"{named(can, list(cells))} not following what is written.")
    if cells := it.cells.unread:
        said.append(f"{named(can, list(cells))} not read as written.")
    if it.noise.drifts:
        said.append(f"The cost drifts by {it.noise.drift_per_s:.2g} per second.")
    slow, waited = it.settling.settled_s, float(it.capabilities.settle_s)
    if slow > waited:
        said.append(
            f"A write takes {slow:.2g} s to settle after it returns; the driver "
            f"declares {waited:.2g} s."
        )
    for each in it.compared:
        if each.verdict == "differs" and each.name != "settle_s":
            said.append(
                f"{each.name} is declared as {each.declared:.3g}, measured as "
                f"{each.measured:.3g}."
            )
    return said


def named(can: Capabilities, knobs: list[int], most: int = 6) -> str:
    """Knobs by name with a verb: "w1[7] is", "w1[7], b1[2] and 12 more are"."""
    names = [can.where(n) for n in sorted(knobs)[:most]]
    more = f" and {len(knobs) - most} more" if len(knobs) > most else ""
    return f"{', '.join(names)}{more} {'is' if len(knobs) == 1 else 'are'}"


def _plain(value: Any) -> Any:
    """Without tuples, numpy numbers, and what JSON cannot hold."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else {"number": str(value)}
    return value


def _numbers(value: Any) -> Any:
    """The inverse of `_plain`, but for tuples."""
    if isinstance(value, dict):
        if value.keys() == {"number"}:
            return float(value["number"])
        return {key: _numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [math.nan if each is None else _numbers(each) for each in value]
    return value
