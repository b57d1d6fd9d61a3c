"""What a study found: tables, plots and verdicts as plain data, beside the paper's.

Written as `result.json`. Studies fill it in and reports draw it; neither knows the
other. Numbers that are not finite become None.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from plexgrad.core import shape
from plexgrad.core.files import write_atomically
from plexgrad.core.reading import read_json
from plexgrad.core.spec import from_spec, to_spec
from plexgrad.core.validate import one_of

FORMAT = 1
"""Version of the file's shape."""

Scale = Literal["tiny", "machine", "paper"]
Role = Literal["ours", "paper", "law"]


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of words, numbers or None; columns may be given as words alone."""

    title: str
    columns: Sequence[Any]
    rows: Sequence[Sequence[Any]]
    note: str = ""

    def __post_init__(self) -> None:
        columns = (Column(c) if isinstance(c, str) else c for c in self.columns)
        object.__setattr__(self, "columns", tuple(columns))
        object.__setattr__(self, "rows", tuple(tuple(map(_cell, r)) for r in self.rows))
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"rows of {self.title!r} must have {len(self.columns)} cells, "
                    f"got {row!r}"
                )


@dataclass(frozen=True)
class Axis:
    """What runs along an axis; `ticks` names the places 0, 1, 2, ... if they are no
    numbers."""

    label: str
    unit: str = ""
    log: bool = False
    ticks: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "ticks", tuple(self.ticks))


@dataclass(frozen=True)
class Series:
    """Points of a plot. `low` and `high` are the ends of their spread, if any.

    `samples` holds the single values behind each point, drawn as a box with its points.
    Series of one `group` share a colour; those of the role "paper" are drawn hollow, a
    "law" as a dashed line. Raises ValueError unless all have one length.
    """

    name: str
    x: Sequence[Any]
    y: Sequence[Any]
    low: Sequence[Any] = ()
    high: Sequence[Any] = ()
    samples: Sequence[Sequence[Any]] = ()
    role: Role = "ours"
    group: str = ""

    def __post_init__(self) -> None:
        one_of("role", self.role, ("ours", "paper", "law"))
        for name in ("x", "y", "low", "high"):
            object.__setattr__(self, name, _numbers(getattr(self, name)))
        samples = tuple(_numbers(each) for each in self.samples)
        object.__setattr__(self, "samples", samples)
        for name in ("y", "low", "high", "samples"):
            many = len(getattr(self, name))
            if many != len(self.x) and (many or name == "y"):
                raise ValueError(
                    f"{name} of {self.name!r} must have {len(self.x)} points, "
                    f"got {many}"
                )

    @classmethod
    def of_samples(
        cls, name: str, x: Sequence[Any], samples: Sequence[Sequence[Any]], **more: Any
    ) -> "Series":
        """Means and standard deviations (from two values on) of samples at each x."""
        each = [np.asarray([v for v in s if v is not None], float) for s in samples]
        each = [values[np.isfinite(values)] for values in each]
        mean = [v.mean() if v.size else math.nan for v in each]
        sd = [v.std(ddof=1) if v.size > 1 else 0.0 for v in each]
        low = [m - s for m, s in zip(mean, sd, strict=True)]
        high = [m + s for m, s in zip(mean, sd, strict=True)]
        return cls(name, x, mean, low, high, **more)


@dataclass(frozen=True)
class Plot:
    """Series on two axes. `name` is that of its file or id: one word."""

    name: str
    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    caption: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "series", tuple(self.series))


@dataclass(frozen=True)
class Verdict:
    """Whether a number of ours lies where a claim wants it: in [low, high].

    The ends belong to it, to 1e-9 of their size: last bits differ between processors.
    None for `low` or `high` leaves that side open. `met` is None where there is no
    number to judge. `spread` says in words what the number varies by.
    """

    claim: str
    target: Any
    ours: Any
    tolerance: str
    low: Any = None
    high: Any = None
    unit: str = ""
    spread: str = ""

    def __post_init__(self) -> None:
        for name in ("target", "ours", "low", "high"):
            object.__setattr__(self, name, _cell(getattr(self, name)))

    @property
    def met(self) -> bool | None:
        if self.ours is None:
            return None
        above = self.low is None or _at_most(self.low, self.ours)
        return above and (self.high is None or _at_most(self.ours, self.high))

    @classmethod
    def within(
        cls, claim: str, target: float | int, ours: Any, share: float | int, **more: Any
    ) -> "Verdict":
        """Within so much of the target's size: share=0.15 is 15 %."""
        by, rule = abs(target) * share, f"within {100 * share:g} %"
        return cls(claim, target, ours, rule, target - by, target + by, **more)

    @classmethod
    def near(
        cls, claim: str, target: float | int, ours: Any, by: float | int, **more: Any
    ) -> "Verdict":
        """Within `by` of the target."""
        return cls(claim, target, ours, f"± {by:g}", target - by, target + by, **more)

    @classmethod
    def factor(
        cls,
        claim: str,
        target: float | int,
        ours: Any,
        factor: float | int,
        **more: Any,
    ) -> "Verdict":
        """Within a factor of the target, above 0."""
        rule = f"within a factor of {factor:g}"
        return cls(claim, target, ours, rule, target / factor, target * factor, **more)

    @classmethod
    def between(
        cls,
        claim: str,
        ours: Any,
        low: float | int | None,
        high: float | int | None,
        **more: Any,
    ) -> "Verdict":
        """Inside a range, or on one side of a number."""
        if low is None:
            rule = f"at most {high:g}"
        else:
            rule = f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
        return cls(claim, None, ours, rule, low, high, **more)


_KINDS: dict[str, type] = {
    cls.__name__: cls for cls in (Column, Table, Axis, Series, Plot, Verdict)
}


@dataclass(frozen=True)
class StudyResult:
    """What a study says about its cells.

    A study fills in the first five; running it adds who, where and how long (`study`:
    name, title, source, scale; `facts`: command, machine, versions, seconds,
    evaluations) and the cells themselves, by name.
    """

    summary: str
    verdicts: Sequence[Verdict] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    notes: Sequence[str] = ()
    study: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    cells: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("verdicts", "tables", "plots", "notes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def with_run(
        self, study: Mapping[str, Any], facts: Mapping[str, Any], cells: Mapping
    ) -> "StudyResult":
        """The same with what is known once it has run."""
        return replace(self, study=study, facts=facts, cells=cells)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        made = {f.name: getattr(self, f.name) for f in fields(self)}
        shown = ("verdicts", "tables", "plots")
        return {"format": FORMAT, **made} | {k: to_spec(made[k]) for k in shown}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "StudyResult":
        """The inverse of `to_json`. Raises ValueError if it is something else."""
        if data.get("format") != FORMAT:
            raise ValueError(
                f"a result's format must be {FORMAT}, got {data.get('format')!r}"
            )
        data, names = _RESULT("result", data), [f.name for f in fields(cls)]
        shown = ("verdicts", "tables", "plots")
        built = {name: from_spec(data[name], _KINDS) for name in shown}
        return cls(**{name: data[name] for name in names} | built)

    def save(self, folder: str | Path) -> Path:
        """Write `result.json` into `folder`, whole or not at all."""
        path = Path(folder) / "result.json"
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        write_atomically(path, (text + "\n").encode())
        return path

    @classmethod
    def load(cls, path: str | Path) -> "StudyResult":
        """Read a result from its file or its folder.

        Raises FileNotFoundError or ValueError, naming the file.
        """
        path = Path(path)
        path = path / "result.json" if path.is_dir() else path
        if not path.is_file():
            raise FileNotFoundError(f"no result of a study at {path}")
        try:
            return cls.from_json(shape.mapping("a result", read_json(path, name="it")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a study's result: {error}") from error


def _cell(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(values: Any) -> tuple[float | int | None, ...]:
    return tuple(_cell(value) for value in values)


def _at_most(one: Any, other: Any) -> bool:
    return one <= other or math.isclose(one, other, rel_tol=1e-9)


def _of_kind(kind: type, **others: shape.Rule) -> shape.Rule:
    """The rule of one of the parts, which names its kind."""
    rule = shape.of(kind)

    def check(name: str, value: Any) -> dict[str, Any]:
        found = rule(name, value)
        names = ("kind", *(each.name for each in fields(kind)))
        if found.get("kind") != kind.__name__ or set(found) - set(names):
            raise ValueError(
                f"{name} must be a {kind.__name__} with {', '.join(names)}"
            )
        for key, other in others.items():
            if key in found:
                found[key] = other(f"{name}.{key}", found[key])
        return found

    return check


_NUMBER = shape.maybe(shape.real)
_POINTS = shape.each(_NUMBER)
_WORD = shape.maybe(shape.either(shape.real, shape.truth, shape.text))
_SERIES = _of_kind(
    Series,
    **dict.fromkeys(("x", "y", "low", "high"), _POINTS),
    samples=shape.each(_POINTS),
)
_AXIS = _of_kind(Axis)
_RESULT = shape.fields(
    {
        "summary": shape.text,
        "verdicts": shape.each(
            _of_kind(
                Verdict, **dict.fromkeys(("target", "ours", "low", "high"), _NUMBER)
            )
        ),
        "tables": shape.each(
            _of_kind(
                Table,
                columns=shape.each(_of_kind(Column)),
                rows=shape.each(shape.each(_WORD)),
            )
        ),
        "plots": shape.each(
            _of_kind(Plot, x=_AXIS, y=_AXIS, series=shape.each(_SERIES))
        ),
        "notes": shape.each(shape.text),
        "study": shape.fields(
            dict.fromkeys(("name", "title", "source", "scale"), shape.text),
            others=shape.text,
        ),
        "facts": shape.fields(
            {},
            {
                "command": shape.text,
                "machine": shape.text,
                "seconds": shape.real,
                "evaluations": shape.whole,
                "cells": shape.whole,
                "versions": shape.by_name(shape.text),
            },
        ),
        "cells": shape.mapping,
    }
)
"""The shape of a result's file."""
