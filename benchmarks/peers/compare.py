"""A run beside a saved one: what became faster or slower beyond the noise.

The baselines have not changed, so how they moved is how the machine moved: a ratio is
corrected by the geometric mean of its case's baselines. Noise is the half range of the
blocks of both runs, and 5 % at least.
"""

import math
import statistics
from typing import Any

from peers.tables import markdown

LEAST = 0.05


def compared(new: dict[str, Any], old: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry for every method that ran in both, plexgrad's with a verdict."""
    found = []
    for case, rows in new["cases"].items():
        before = old["cases"].get(case, {})
        both = [
            (name, row, before[name])
            for name, row in rows.items()
            if row["status"] == "ok" and before.get(name, {}).get("status") == "ok"
        ]
        moves = {
            name: row["evaluations_per_s"] / past["evaluations_per_s"]
            for name, row, past in both
        }
        peers = [moves[name] for name, row, _ in both if row["kind"] == "baseline"]
        drift = math.exp(statistics.fmean(map(math.log, peers))) if peers else 1.0
        for name, row, past in both:
            corrected = moves[name] / drift
            noise = max(LEAST, _half_range(row) + _half_range(past))
            verdict = "slower" if corrected * (1 + noise) < 1 else "same"
            if corrected > 1 + noise:
                verdict = "faster"
            found.append(
                {
                    "case": case,
                    "method": name,
                    "ratio": moves[name],
                    "corrected": corrected,
                    "noise": noise,
                    "verdict": verdict if row["kind"] == "plexgrad" else "baseline",
                }
            )
    return found


def regressions(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries that became slower."""
    return [entry for entry in found if entry["verdict"] == "slower"]


def comparison_table(
    found: list[dict[str, Any]], new: dict[str, Any], old: dict[str, Any]
) -> str:
    """The comparison as Markdown; says so if the two ran on different machines."""
    lines = [
        [
            entry["case"],
            entry["method"],
            f"{entry['ratio']:.2f}",
            f"{entry['corrected']:.2f}",
            f"{entry['noise']:.0%}",
            entry["verdict"].replace("slower", "**slower**"),
        ]
        for entry in found
    ]
    columns = ["case", "method", "new / old", "corrected", "noise", "verdict"]
    text = f"### {new['label']} beside {old['label']}\n\n{markdown(columns, lines)}"
    if new["machine"] != old["machine"]:
        text += "\n\nThe machines differ: ratios compare machines, not code."
    return f"{text}\n\n{len(regressions(found))} regression(s)."


def _half_range(row: dict[str, Any]) -> float:
    rates = row["rates"]
    return (max(rates) - min(rates)) / 2 / row["evaluations_per_s"]
