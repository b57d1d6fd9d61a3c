"""What `plexgrad tune` measured, as one picture: amplitude, step, window, pilot."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.core.record import write_atomically
from plexgrad.report import canvas
from plexgrad.report.hardware_time import refuse_suffix
from plexgrad.training.recommendation import Recommendation

BLUE, ORANGE, GREEN, DARK, LIGHT = "#0b6e99", "#d4692a", "#4c8c3f", "#333333", "#dcebf2"
ROOM = 3.0
"""By how much more than what is drawn an axis of powers shows."""


def draw_tune(found: Recommendation, file: str | Path) -> Path:
    """Draw into a PNG, SVG or PDF. Raises ValueError for another kind of file."""
    refuse_suffix(file)

    def painted(figure: Any) -> None:
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
        axes = figure.subplots(2, 2)
        for place, paint in zip(
            axes.flat, (_scan, _pilot, _steps, _windows), strict=True
        ):
            paint(place, found)
            place.grid(color="#e4e4e4", lw=0.7)
            place.set_axisbelow(True)
            place.spines[["top", "right"]].set_visible(False)
            place.legend(frameon=False, fontsize=8.5, loc="best")

    path = Path(file)
    form = path.suffix[1:].lower()
    write_atomically(path, canvas.image(painted, (11, 8), {}, form, dpi=110))
    return path


def _curve(found: Recommendation, figure: str, *names: str) -> list[np.ndarray]:
    return [np.asarray(found.curves[figure][name], float) for name in names]


def _scan(axes: Any, found: Recommendation) -> None:
    names = ("amplitude", "slope_power", "departure", "floor")
    x, slope, departure, floor = _curve(found, "scan", *names)
    tried, error = _curve(found, "error", "amplitude", "error")
    told = found.measured
    axes.axvspan(told["linear_from"], told["linear_to"], color=LIGHT, label="linear")
    axes.plot(x, slope, "o-", color=DARK, lw=1.2, ms=4, label="slopes")
    axes.plot(x, floor, "--", color=ORANGE, lw=1.4, label="noise of a pair")
    there = departure > 0
    axes.plot(x[there], departure[there], "s", color=GREEN, ms=4, label="departure")
    axes.plot(tried, error, color=BLUE, lw=2, label="error to expect")
    _chosen(axes, found.amplitude, f"chosen {found.amplitude:.2g}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    high = max(slope.max(), found.measured["total"]) * ROOM
    shown = np.concatenate([error, departure[there]])
    axes.set_ylim(max(shown.min() / ROOM, high * 1e-8), high)
    axes.set_xlabel("perturbation amplitude")
    axes.set_ylabel("power, in that of the gradient's units")
    axes.set_title(
        "Amplitude: noise against departure from linearity", loc="left", fontsize=10.5
    )


def _pilot(axes: Any, found: Recommendation) -> None:
    slots, cost, drop, error, eta = _curve(
        found, "pilot", "slots", "cost", "drop", "error", "eta"
    )
    x = np.append(0, slots)
    y = np.append(cost[0] + drop[0], cost)
    axes.errorbar(
        x,
        y,
        np.append(0, error),
        color=BLUE,
        lw=1.8,
        marker="o",
        ms=4,
        capsize=3,
        label="cost of the same batches",
    )
    for place, level, rate in zip(slots, cost, eta, strict=True):
        axes.annotate(
            f"eta {rate:.2g}",
            (place, level),
            (0, 9),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=DARK,
        )
    axes.margins(y=0.25)
    axes.set_xlabel("slots of the pilot")
    axes.set_ylabel("cost")
    axes.set_title("Pilot descent: how fast it really goes", loc="left", fontsize=10.5)


def _steps(axes: Any, found: Recommendation) -> None:
    eta, gain = _curve(found, "steps", "eta", "gain")
    axes.plot(eta, gain, color=BLUE, lw=2, label="gain, by the model")
    axes.axhline(0, color=DARK, lw=0.8)
    _chosen(axes, found.measured["step"], f"chosen {found.measured['step']:.2g}")
    limit = found.measured["largest_stable_eta"]
    if limit < eta.max():
        axes.axvline(limit, color=ORANGE, lw=1.4, ls="--", label="unstable beyond")
    top = max(gain.max(), 0) or abs(gain).max()
    axes.set_ylim(-0.6 * top, 1.35 * top)
    axes.set_xscale("log")
    axes.set_xlabel("eta of plain descent")
    axes.set_ylabel("fall of the cost per evaluation")
    axes.set_title(
        f"Step size, at tau_theta = {found.tau_theta}", loc="left", fontsize=10.5
    )


def _windows(axes: Any, found: Recommendation) -> None:
    slots, gain = _curve(found, "windows", "tau_theta", "gain")
    axes.plot(
        slots,
        gain,
        "o-",
        color=BLUE,
        lw=1.6,
        ms=4,
        label="gain at the best step of each",
    )
    axes.axhline(0, color=DARK, lw=0.8)
    _chosen(axes, found.tau_theta, f"chosen {found.tau_theta}")
    top = max(gain.max(), 0) or abs(gain).max()
    axes.set_ylim(max(min(gain.min(), 0) * 1.1, -0.6 * top), 1.35 * top)
    axes.set_xscale("log", base=2)
    every = [2.0**n for n in range(0, 21, 2) if slots.min() <= 2.0**n <= slots.max()]
    axes.set_xticks(every, [f"{int(n)}" for n in every])
    axes.set_xlabel("tau_theta, slots")
    axes.set_ylabel("fall of the cost per evaluation")
    axes.set_title("Integration time", loc="left", fontsize=10.5)


def _chosen(axes: Any, x: float | int, label: str) -> None:
    if math.isfinite(x):
        axes.axvline(x, color=DARK, lw=1.4, ls=":", label=label)
