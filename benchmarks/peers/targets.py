"""The speed that is asked of plexgrad, row by row, and whether this run shows it.

A ratio is taken within one case: blocks of one repeat against each other, then the
median. A Walsh period is also held against its structured bound, scaled from the
reference machine by the measured GEMM limit.
"""

import math
import statistics
from dataclasses import dataclass
from typing import Any

from peers.cases import BASELINES, SWEEP, case_named

REFERENCE_FLOPS = 216e9
BOUND = 6.7e7 / REFERENCE_FLOPS
"""Evaluations per second of the structured bound of a Walsh period on 784-128-10, per
flop per second of the machine's GEMM limit."""


@dataclass(frozen=True)
class Target:
    """`wanted` of a `kind` for a work of a case, against baseline `against`."""

    case: str
    work: str
    kind: str
    wanted: float
    against: str = ""

    @property
    def words(self) -> str:
        """What is asked, as a table says it."""
        what = f"{self.case}, {self.work}"
        if self.kind == "memory":
            return f"{what}: peak memory below {self.wanted / 1000:g} GB"
        if self.kind == "gemm":
            return f"{what}: at least {self.wanted:.0%} of the GEMM limit"
        if self.kind == "bound":
            return f"{what}: at least {self.wanted:.0%} of the structured bound"
        if self.kind == "best":
            return f"{what}: at least {self.wanted:g} times the best baseline"
        if self.kind == "automatic":
            return f"{what}: choice at least {self.wanted:g} times the best engine"
        alone = "JAX alone, " if self.kind == "alone" else ""
        name = f"({self.against}) {BASELINES[self.against]}"
        return f"{what}: {alone}at least {self.wanted:g} times {name}"


PAIR, ONE, TWO, FULL = "full-rank K=2", "rank-1 K=64", "rank-1 K=2", "full-rank K=64"
TARGETS = (
    Target("XOR 1024 seeds", PAIR, "times", 6, "iv-s"),
    Target("XOR 1024 seeds", PAIR, "times", 2500, "i"),
    Target("49-4-4 1024 seeds", PAIR, "times", 6, "iv-s"),
    Target("49-4-4 1024 seeds", PAIR, "times", 300, "i"),
    Target("49-4-4 one net", PAIR, "times", 10, "iii"),
    Target("784-128-10 b1", ONE, "times", 100, "iii"),
    Target("784-128-10 b1", ONE, "times", 180, "i"),
    Target("784-128-10 b1", TWO, "times", 5, "iii"),
    Target("784-128-10 b1", "Walsh period", "times", 2000, "iii"),
    Target("784-128-10 b1", "Walsh period", "alone", 400, "iii"),
    Target("784-128-10 b1", "Walsh period", "bound", 0.30),
    Target("784-128-10 b100", "rank-1 K=512", "times", 30, "iii"),
    Target("784-128-10 b100", FULL, "times", 2.3, "iii"),
    Target("CNN b1", ONE, "times", 5, "iv"),
    Target("CNN b1", FULL, "times", 2, "iv"),
    Target("CNN b100", "rank-1 K=16", "best", 0.95),
    Target("CNN b100", "full-rank K=16", "best", 0.95),
    Target("CNN b1000", "rank-1 K=16", "best", 0.95),
    Target("CNN b1000", "full-rank K=16", "best", 0.95),
    Target("CNN b1000", "rank-1 K=16", "gemm", 0.35),
    Target("CNN b1000", "full-rank K=16", "gemm", 0.35),
    Target("P=1e6 K=1e4", "rank-1 K=10000", "memory", 1500),
    Target("P=1e6 K=1e4", "full-rank K=10000", "memory", 1500),
)


def ratio(row: dict[str, Any], other: dict[str, Any]) -> float:
    """How many times faster a row is than another of its case."""
    pairs = zip(row["rates"], other["rates"], strict=False)
    return statistics.median(mine / theirs for mine, theirs in pairs)


def fastest(rows: dict[str, Any], kind: str, **facts: Any) -> tuple[str, dict] | None:
    """Name and row of the fastest that ran, of this kind and with these facts."""
    found = [
        (name, row)
        for name, row in rows.items()
        if row["kind"] == kind
        and row.get("status") == "ok"
        and all(row.get(fact) == value for fact, value in facts.items())
    ]
    return max(found, key=lambda item: item[1]["evaluations_per_s"], default=None)


def checked(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Every target whose case was run, with what was measured and the verdict."""
    every = [target for target in TARGETS if target.case in results["cases"]]
    curves = {case.name for case in SWEEP}
    for name in results["cases"]:
        if name not in curves:
            every += [
                Target(name, work.name, "automatic", 0.85)
                for work in case_named(name).works
                if work.timed
            ]
    rows = []
    for target in every:
        measured, why = _measure(target, results)
        less = target.kind == "memory"
        met = measured is not None and (
            measured <= target.wanted if less else measured >= target.wanted
        )
        verdict = "not measured" if measured is None else "met" if met else "missed"
        rows.append(
            {
                "target": target.words,
                "wanted": target.wanted,
                "measured": measured,
                "verdict": verdict,
                "with": why,
            }
        )
    return rows


def _measure(target: Target, results: dict[str, Any]) -> tuple[float | None, str]:
    """The measured number and what it rests on, or None and why not."""
    rows = results["cases"][target.case]
    mine = rows.get(f"plexgrad {target.work}")
    if mine is None:
        return None, "not run"
    if target.kind == "memory":
        peak = mine.get("peak_mb")
        return (None, "memory not measured") if peak is None else (peak, "MB")
    if target.kind == "alone":
        found = fastest(rows, "plexgrad", work=target.work, jax_alone=True)
        if found is None:
            return None, "no engine ran"
        why, mine = found
    else:
        why = ""
    if mine["status"] != "ok":
        return None, mine["status"]
    if target.kind in ("bound", "gemm"):
        return _share(target, mine["evaluations_per_s"], results["limits"])
    if target.kind == "automatic":
        found = fastest(rows, "plexgrad", work=target.work, automatic=False)
        if found is None:
            return None, "no engine ran"
        return ratio(mine, found[1]), found[0]
    if target.kind == "best":
        found = fastest(rows, "baseline")
        if found is None:
            return None, "no baseline ran"
        return ratio(mine, found[1]), found[0]
    name = f"({target.against}) {BASELINES[target.against]}"
    other = rows.get(name, {"status": "not run"})
    if other["status"] != "ok":
        return None, f"{name}: {other['status']}"
    number = ratio(mine, other)
    return (number if math.isfinite(number) else None), why


def _share(target: Target, rate: float, limits: dict) -> tuple[float, str]:
    """The share of the GEMM limit (the best of all ways), and that of every way.

    The ways differ by a factor of two on some machines, and the reference's own figure
    does not say which it was.
    """
    flops = case_named(target.case).problem.flops

    def share(limit: float) -> float:
        if target.kind == "bound":
            return rate / (BOUND * limit)
        return rate * flops / limit

    ways = {**limits["gemm_by"]}
    if target.kind == "bound":
        ways["reference"] = REFERENCE_FLOPS
    words = [f"{share(v):.2g} of {k} {v / 1e9:.0f} GFLOP/s" for k, v in ways.items()]
    return share(limits["gemm_flops"]), ", ".join(words)
