"""Plots of the seconds per evaluation against P, K, batch and seeds."""

from pathlib import Path
from typing import Any

from peers.cases import SWEEP

TITLES = {
    "P": "parameters P (batch 1, K = 64)",
    "K": "K, evaluations per update (784-128-10, batch 1)",
    "batch": "batch (784-128-10, K = 64)",
    "seeds": "seeds (update every pair)",
}


def series(results: dict[str, Any]) -> dict[str, dict[str, list[tuple]]]:
    """For every axis, the points (value, seconds per evaluation) of every method."""
    found: dict[str, dict[str, list[tuple]]] = {}
    for case in SWEEP:
        for name, row in results["cases"].get(case.name, {}).items():
            if row["status"] != "ok" or case.curve is None:
                continue
            axis, value = case.curve
            label = name
            if row["kind"] == "plexgrad" and axis in ("K", "P", "batch"):
                label = name.split(" K=")[0]
            if axis == "seeds":
                label = f"{case.problem.name}: {name}"
            points = found.setdefault(axis, {}).setdefault(label, [])
            points.append((value, 1 / row["evaluations_per_s"]))
    return found


def draw(results: dict[str, Any], folder: Path, stem: str) -> list[Path]:
    """Save the plots as PNG and SVG; nothing where no curve was measured."""
    found = series(results)
    if not found:
        return []
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(12, 9), constrained_layout=True)
    for axis, (name, title) in zip(axes.flat, TITLES.items(), strict=True):
        for label, points in found.get(name, {}).items():
            ours = "plexgrad" in label
            axis.loglog(
                *zip(*sorted(points), strict=True),
                marker="o",
                linestyle="-" if ours else "--",
                label=label,
            )
        axis.set_xlabel(title)
        axis.set_ylabel("seconds per evaluation")
        axis.grid(alpha=0.3)
        if name in found:
            axis.legend(fontsize="small")
    paths = [folder / f"{stem}.png", folder / f"{stem}.svg"]
    for path in paths:
        figure.savefig(path, dpi=120)
    plt.close(figure)
    return paths
