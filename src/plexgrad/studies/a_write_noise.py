r"""Noise of every write, and how longer integration restores training.

McCaughan et al. 2023 (doi:10.1063/5.0157645): every update leaves a random error
sigma_theta, drawn once for all parameters in the paper and once for each of them in
hardware. With tau_theta slots to a write there are fewer writes for the same descent:
at a rate eta tau_theta the noise that a parameter holds is
$\sigma^2 / (2 \eta \tau_\theta h)$ for a curvature h, so the noise that is tolerated
should grow as $\sqrt{\tau_\theta}$ [derived].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from plexgrad.core.study_result import (
    Axis,
    Column,
    Plot,
    Scale,
    Series,
    StudyResult,
    Table,
    Verdict,
)
from plexgrad.studies import paper_a
from plexgrad.studies.study import AbstractStudy, Case, Desk, Expected

RATE = 0.02
"""eta / tau_theta: the same descent per slot for every tau_theta."""
SIGMAS = {
    10: (0.0, 0.004, 0.01, 0.025),
    50: (0.0, 0.01, 0.025, 0.06),
    250: (0.0, 0.025, 0.06, 0.15),
}
SHARED = {10: (0.004, 0.01), 250: (0.025, 0.06)}
HALF = 0.5


@dataclass(frozen=True)
class WriteNoise(AbstractStudy):
    """Success against the noise of a write, for several slots to a write."""

    name: ClassVar[str] = "a-write-noise"
    title: ClassVar[str] = "Training through noisy writes"
    source: ClassVar[str] = f"{paper_a.SOURCE}, update noise"
    expected: ClassVar[Mapping[Scale, Expected]] = {
        "tiny": Expected(4),
        "machine": Expected(300),
        "paper": Expected(3600, on="16 cores", measured=False),
    }

    def cases(self, scale: Scale) -> list[Case]:
        slots = {"tiny": 200, "machine": 250_000, "paper": 1_000_000}[scale]
        seeds = {"tiny": 2, "machine": 16, "paper": 100}[scale]
        if scale == "tiny":
            grid = [(10, 0.01, False)]
        elif scale == "machine":
            grid = [(tau, s, False) for tau, some in SIGMAS.items() for s in some]
            grid += [(tau, s, True) for tau, some in SHARED.items() for s in some]
        else:
            fine = [0.0, *(round(0.001 * 2**n, 4) for n in range(10))]
            grid = [(tau, s, False) for tau in (1, 10, 50, 250) for s in fine]
            grid += [(tau, s, True) for tau in (1, 10, 50, 250) for s in fine[1:]]
        return [
            paper_a.case(
                f"tau-{tau}-{'shared' if shared else 'each'}-{sigma:g}",
                {
                    "task": "nist7x7",
                    "taus": [1, 1, tau],
                    "eta": RATE * tau,
                    "sigma": sigma,
                    "shared": shared,
                    "effects": [["WriteNoise", {"sigma": sigma, "shared": shared}]],
                    "slots": slots,
                    "seeds": seeds,
                },
            )
            for tau, sigma, shared in grid
        ]

    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        return paper_a.told(paper_a.trained(case.settings, desk), "nist7x7")

    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        cases = self.cases(scale)
        runs = paper_a.grouped(cases, cells, "shared", "taus")
        slots, seeds = (cases[0].settings[name] for name in ("slots", "seeds"))
        rows, limits = [], {}
        finals: dict[bool, list[Series]] = {False: [], True: []}
        shares: dict[bool, list[Series]] = {False: [], True: []}
        for (shared, taus), some in runs.items():
            tau, words = taus[2], "shared draw" if shared else "each its own"
            if shared:  # without noise there is nothing to share
                still = runs.get((False, taus), [])
                some = [run for run in still if run[0]["sigma"] == 0] + some
            sigmas = [asked["sigma"] for asked, _ in some]
            won = [paper_a.share(cell) for _, cell in some]
            limits[shared, tau] = crossing(sigmas, won)
            for (asked, cell), part in zip(some, won, strict=True):
                if asked["shared"] == shared:
                    rows.append(
                        [
                            words,
                            tau,
                            asked["eta"],
                            asked["sigma"],
                            100 * part,
                            paper_a.quartiles(cell)[1],
                            100 * float(np.mean([v or 0.0 for v in cell["final"]])),
                            100 * float(np.std([v or 0.0 for v in cell["final"]])),
                        ]
                    )
            positive = [n for n, sigma in enumerate(sigmas) if sigma > 0]
            name = f"τ_θ = {tau}"
            x = [sigmas[n] for n in positive]
            shown = [some[n][1] for n in positive]
            shares[shared].append(paper_a.shares(name, x, shown))
            finals[shared].append(
                Series.of_samples(
                    name,
                    x,
                    [[100 * (v or 0.0) for v in some[n][1]["final"]] for n in positive],
                )
            )
        return StudyResult(
            "A write that misses by σ_θ is tolerated up to a threshold; with more "
            "slots to a write, at the same descent per slot, the threshold is higher.",
            verdicts=_verdicts(limits, seeds),
            tables=[
                Table(
                    "Success against write noise",
                    (
                        "noise",
                        Column("τ_θ", "slots"),
                        "η",
                        "σ_θ",
                        Column("succeed", "%"),
                        Column("median", "slots"),
                        Column("final accuracy", "%"),
                        Column("sd", "%"),
                    ),
                    rows,
                    f"{seeds} seeds, {slots:,} slots, η = {RATE:g} τ_θ.",
                ),
                Table(
                    "Noise that half of the seeds learn through",
                    ("noise", Column("τ_θ", "slots"), "σ_θ"),
                    [
                        ["shared draw" if shared else "each its own", tau, value]
                        for (shared, tau), value in limits.items()
                    ],
                    "Interpolated in the logarithm of σ_θ, from 0 on linearly.",
                ),
            ],
            plots=[
                plot
                for shared in (False, True)
                if shares[shared]
                for plot in _plots(shared, shares[shared], finals[shared], slots)
            ],
            notes=[
                "The paper's numbers are not known; that a larger τ_θ helps is.",
                "Noise per parameter is what hardware does. The paper's shared draw is "
                "no milder: it moves all weights of a neuron together, and with them "
                "its sum.",
                paper_a.ETA,
                paper_a.TRAINING_SET,
                paper_a.LETTERS,
            ],
        )


def crossing(sigmas: list[float], won: list[float]) -> float | None:
    """The noise at which the share of successes falls through one half, if it does."""
    points = sorted(zip(sigmas, won, strict=True))
    for (low, before), (high, after) in zip(points, points[1:], strict=False):
        if before >= HALF > after:
            part = (before - HALF) / (before - after)
            return float(low * (high / low) ** part if low else high * part)
    return None


def _verdicts(limits: Mapping[tuple[bool, int], Any], seeds: int) -> list[Verdict]:
    known = {t: v for (shared, t), v in limits.items() if not shared and v}
    taus, slope, ratio = sorted(known), None, None
    if len(taus) > 1:
        x, y = np.log(taus), np.log([known[tau] for tau in taus])
        slope, ratio = float(np.polyfit(x, y, 1)[0]), known[taus[-1]] / known[taus[0]]
    spread = f"{seeds} seeds"
    return [
        Verdict.between(
            "a larger τ_θ restores training: threshold at the longest over that at "
            "the shortest",
            ratio,
            1.5,
            None,
            spread=spread,
        ),
        Verdict.near(
            "exponent of the threshold against τ_θ", 0.5, slope, 0.15, spread=spread
        ),
    ]


def _plots(
    shared: bool, shares: list[Series], finals: list[Series], slots: int
) -> list[Plot]:
    name = "shared" if shared else "each"
    words = "one draw for all parameters" if shared else "a draw for each"
    noise = Axis("noise of a write σ_θ", log=True)
    return [
        Plot(
            f"write-noise-{name}",
            f"Seeds that reach 80 % accuracy, {words}",
            noise,
            Axis("share of seeds", "%"),
            shares,
            f"Within {slots:,} slots. Bars: one standard error of the share.",
        ),
        Plot(
            f"write-noise-{name}-accuracy",
            f"Accuracy at the end, {words}",
            noise,
            Axis("accuracy", "%"),
            finals,
            "Mean and standard deviation over seeds; one that diverged counts as 0.",
        ),
    ]
