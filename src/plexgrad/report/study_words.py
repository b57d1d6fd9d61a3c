"""What a study's result says, in words: cells of tables, verdicts, facts."""

import math
from typing import Any

from plexgrad.core.study_result import Column, StudyResult, Table, Verdict
from plexgrad.report.numbers import count, seconds, short

SCALES = {
    "tiny": "Tiny scale: a check that the study runs, too small to be a result.",
    "machine": "Machine scale: what two cores do in minutes.",
    "paper": "Paper scale.",
}
NONE = "-"


def cell(value: Any) -> str:
    """A value as it stands in a table: 1,132, 0.9659, yes, words, or -."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        if value == 0 or 1e-4 <= abs(value) < 1e5:
            digits = 0 if abs(value) >= 1000 else 4
            return f"{value:,.0f}" if digits == 0 else f"{value:.{digits}g}"
        return short(value) if abs(value) < 1e15 and abs(value) >= 1 else f"{value:.3g}"
    if isinstance(value, list | tuple):
        return " / ".join(map(cell, value))
    return str(value)


def head(column: Column) -> str:
    """A column's name with its unit."""
    return f"{column.name}, {column.unit}" if column.unit else column.name


def words(table: Table) -> int:
    """How many columns from the left on hold words."""
    number = 0
    for place in range(len(table.columns)):
        if any(isinstance(row[place], int | float) for row in table.rows):
            break
        number += 1
    return number


def outcome(verdict: Verdict) -> str:
    """One word: met, not met, or not measured."""
    return {True: "met", False: "not met", None: "not measured"}[verdict.met]


def ours(verdict: Verdict) -> str:
    """Our number with its unit and what it varies by."""
    parts = [cell(verdict.ours), verdict.unit if verdict.ours is not None else ""]
    return " ".join(part for part in (*parts, verdict.spread) if part)


def target(verdict: Verdict) -> str:
    """The number that a claim names, with its unit."""
    if verdict.target is None:
        return NONE
    return " ".join(part for part in (cell(verdict.target), verdict.unit) if part)


def tally(result: StudyResult) -> str:
    """How many verdicts came out how."""
    said = [outcome(verdict) for verdict in result.verdicts]
    counted = [(word, said.count(word)) for word in ("met", "not met", "not measured")]
    return ", ".join(f"{n} {word}" for word, n in counted if n) or "no verdicts"


def facts(result: StudyResult) -> list[tuple[str, str]]:
    """Who, where, how long: names and values."""
    known = result.facts
    found = [
        ("command", str(known.get("command", NONE))),
        ("machine", str(known.get("machine", NONE))),
        ("time of all cells", seconds(known.get("seconds", math.nan))),
        ("cost evaluations", count(known.get("evaluations", math.nan))),
        ("cells", count(known.get("cells", math.nan))),
    ]
    return found + [(name, str(v)) for name, v in known.get("versions", {}).items()]
