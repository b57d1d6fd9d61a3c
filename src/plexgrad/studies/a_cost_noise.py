"""Noise of the cost, on both measurements or on the perturbed one alone.

McCaughan et al. 2023 (doi:10.1063/5.0157645): a noise sigma_C on every cost. The paper
leaves the baseline free of it; an instrument reads both alike. Training tolerates it as
long as it is small against the modulation of the cost, and beyond with a longer
integration or a smaller eta.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from plexgrad.chips import Simulated
from plexgrad.core.probe import Slots
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
from plexgrad.estimators import WeightPerturbation
from plexgrad.studies import paper_a
from plexgrad.studies.a_write_noise import crossing
from plexgrad.studies.study import AbstractStudy, Case, Desk, Expected

NORM = 0.01
FAST, SLOW, LONG = (10, 0.2), (10, 0.1), (200, 2.0)
"""tau_theta and eta: SLOW and LONG descend alike per slot, half as fast as FAST."""
SIGMAS = (0.0, 5e-5, 1e-4, 2e-4, 4e-4)
SLOTS = 300_000
PATIENT = (200, 0.5)
"""Eight times less descent per slot than FAST, in four times the slots."""
LOUD = 2e-4


@dataclass(frozen=True)
class CostNoise(AbstractStudy):
    """Slots to 80 % accuracy against the noise of the cost."""

    name: ClassVar[str] = "a-cost-noise"
    title: ClassVar[str] = "Training through a noisy cost"
    source: ClassVar[str] = f"{paper_a.SOURCE}, cost noise"
    expected: ClassVar[Mapping[Scale, Expected]] = {
        "tiny": Expected(5),
        "machine": Expected(300),
        "paper": Expected(3600, on="16 cores", measured=False),
    }

    def cases(self, scale: Scale) -> list[Case]:
        slots = {"tiny": 200, "machine": SLOTS, "paper": 4_000_000}[scale]
        seeds = {"tiny": 2, "machine": 16, "paper": 100}[scale]
        if scale == "tiny":
            grid = [(10, 0.2, 0.01, False)]
        elif scale == "machine":
            grid = [(*line, s, False) for line in (FAST, SLOW, LONG) for s in SIGMAS]
            grid += [(*FAST, s, True) for s in SIGMAS[1:]]
            grid += [(*PATIENT, LOUD, False)]
        else:
            fine = (0.0, *(round(5e-5 * 2**n, 6) for n in range(10)))
            lines = ((1, 0.02), (1, 0.005), FAST, SLOW, LONG, (200, 0.5))
            grid = [(*line, s, False) for line in lines for s in fine]
            grid += [(*line, s, True) for line in lines for s in fine[1:]]
        probe = {"task": "nist7x7", "norm": NORM, "seeds": seeds, "slots": 200}
        return [
            Case("modulation", probe, 2 * 200 * seeds),
            *(
                paper_a.case(
                    f"tau-{tau}-eta-{eta:g}-{'quiet' if quiet else 'both'}-{sigma:g}",
                    {
                        "task": "nist7x7",
                        "norm": NORM,
                        "taus": [1, 1, tau],
                        "eta": eta,
                        "sigma": sigma,
                        "quiet": quiet,
                        "effects": [
                            ["CostNoise", {"sigma": sigma, "noiseless_baseline": quiet}]
                        ],
                        "slots": (4 if (tau, eta) == PATIENT else 1) * slots,
                        "seeds": seeds,
                    },
                )
                for tau, eta, sigma, quiet in grid
            ),
        ]

    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        if case.name == "modulation":
            return {"rms": _modulation(case.settings), "evaluations": case.evaluations}
        return paper_a.told(paper_a.trained(case.settings, desk), "nist7x7")

    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        cases = self.cases(scale)[1:]
        runs = paper_a.grouped(cases, cells, "quiet", "taus", "eta")
        slots, seeds = (cases[0].settings[name] for name in ("slots", "seeds"))
        unit = float(np.mean(cells["modulation"]["rms"]))
        rows, times, shares, limits = [], [], [], {}
        for (quiet, taus, eta), some in runs.items():
            words = "perturbed cost alone" if quiet else "both costs"
            tau = taus[2]
            for asked, cell in some:
                rows.append(
                    [
                        words,
                        tau,
                        eta,
                        asked["sigma"],
                        asked["sigma"] / unit,
                        100 * paper_a.share(cell),
                        *paper_a.quartiles(cell),
                    ]
                )
            full = some
            if quiet:  # without noise both are the same run
                still = runs.get((False, taus, eta), [])
                full = [run for run in still if run[0]["sigma"] == 0] + some
            sigmas = [asked["sigma"] for asked, _ in full]
            won = [paper_a.share(cell) for _, cell in full]
            limits[quiet, tau, eta] = crossing(sigmas, won)
            x, each = [s / unit for s in sigmas], [cell for _, cell in full]
            name = f"τ_θ {tau}, η {eta:g}" + (", C alone" if quiet else "")
            low, middle, high = zip(*map(paper_a.quartiles, each), strict=True)
            ends = [asked["slots"] for asked, _ in full]
            high = [h or end for h, end in zip(high, ends, strict=True)]
            times.append(Series(name, x, middle, low, high))
            shares.append(paper_a.shares(name, x, each))
        return StudyResult(
            "A noise of a part of the cost's own modulation is tolerated; beyond, a "
            "slower descent is needed, by a smaller η or by longer integration, which "
            "are the same, and it takes more slots.",
            verdicts=[*_verdicts(limits, seeds), *_patience(runs, seeds)],
            tables=[
                Table(
                    "Success against cost noise",
                    (
                        "noise on",
                        Column("τ_θ", "slots"),
                        "η",
                        "σ_C",
                        "σ_C over modulation",
                        Column("succeed", "%"),
                        Column("25 %", "slots"),
                        Column("median", "slots"),
                        Column("75 %", "slots"),
                    ),
                    rows,
                    f"{seeds} seeds, {slots:,} slots, four times as many at η = "
                    f"{PATIENT[1]:g}. The modulation is the rms of "
                    f"C - C0 at the start, {unit:.3g}.",
                ),
                Table(
                    "Noise that half of the seeds learn through",
                    ("noise on", Column("τ_θ", "slots"), "η", "σ_C"),
                    [
                        ["perturbed cost alone" if quiet else "both costs", *line, v]
                        for (quiet, *line), v in limits.items()
                    ],
                    "Interpolated in the logarithm of σ_C, from 0 on linearly; none "
                    "outside the grid.",
                ),
            ],
            plots=[
                Plot(
                    "cost-noise-time",
                    "Slots to 80 % accuracy",
                    Axis("noise σ_C over the modulation of the cost"),
                    Axis("slots", log=True),
                    times,
                    "Median and quartiles over all seeds; an upper quartile that is "
                    "not reached is drawn at the end of the run.",
                ),
                Plot(
                    "cost-noise-share",
                    "Seeds that reach 80 % accuracy",
                    Axis("noise σ_C over the modulation of the cost"),
                    Axis("share of seeds", "%"),
                    shares,
                    f"Within {slots:,} slots (four times as many at η = "
                    f"{PATIENT[1]:g}). Bars: one standard error of the share.",
                ),
            ],
            notes=[
                "The paper's numbers are not known. Its noise is on the perturbed "
                "cost alone.",
                "M = 0.01 as in the paper; τ_θ = 10 and 200, the paper's is 1.",
                paper_a.ETA,
                paper_a.TRAINING_SET,
                paper_a.LETTERS,
            ],
        )


def _modulation(asked: Mapping[str, Any]) -> list[float]:
    """Per seed, the root mean square of C - C0 at the start, over the letters."""
    net, letters = paper_a.network(asked["task"]), paper_a.dataset(asked["task"])
    code = paper_a.code_at("Rademacher", asked["norm"], paper_a.parameters(net))
    chip, estimator = Simulated(net, "mse"), WeightPerturbation(code)
    places = np.linspace(0, len(letters.x_train) - 1, asked["slots"]).astype(int)
    train = letters.x_train, letters.y_train
    shown = tuple(jnp.asarray(part[places][:, None]) for part in train)

    def one(key: Any) -> Any:
        start, code_key, noise = jax.random.split(key, 3)
        params = net.init(start)
        probe = estimator.ask(code_key, Slots.range(asked["slots"]), params)
        signal: Any = chip.measure(params, probe, shown, noise).signal
        return jnp.sqrt(jnp.mean(jnp.square(signal)))

    keys = jax.random.split(jax.random.key(paper_a.KEY), asked["seeds"])
    return np.asarray(jax.jit(jax.vmap(one))(keys), float).tolist()


def _verdicts(limits: Mapping[tuple, Any], seeds: int) -> list[Verdict]:
    both, alone = limits.get((False, *FAST)), limits.get((True, *FAST))
    slow, long = limits.get((False, *SLOW)), limits.get((False, *LONG))
    spread = f"{seeds} seeds"
    return [
        Verdict.between(
            "half the η learns through more noise: threshold over threshold (τ_θ = 10)",
            _ratio(slow, both),
            1.0,
            None,
            spread=spread,
        ),
        Verdict.within(
            "what counts is η / τ_θ: threshold at τ_θ = 200, η = 2 over that at "
            "τ_θ = 10, η = 0.1",
            1.0,
            _ratio(long, slow),
            0.3,
            spread=spread,
        ),
        Verdict.within(
            "a noisy baseline costs a factor of √2: threshold of the perturbed cost "
            "alone over that of both (τ_θ = 10, η = 0.2)",
            2**0.5,
            _ratio(alone, both),
            0.25,
            spread=spread,
        ),
    ]


def _patience(runs: Mapping[tuple, list], seeds: int) -> list[Verdict]:
    """Whether a slow descent learns through what stops a fast one."""
    won = {
        (taus[2], eta): paper_a.share(cell)
        for (quiet, taus, eta), some in runs.items()
        for asked, cell in some
        if not quiet and asked["sigma"] == LOUD
    }
    fast = won.get(FAST)
    return [
        Verdict.between(
            f"noise of {LOUD:g} stops the fast descent: share of seeds",
            fast,
            None,
            0.5,
            spread=f"{seeds} seeds",
        ),
        Verdict.between(
            "an eighth of η / τ_θ in four times the slots learns through it: share "
            "of seeds",
            won.get(PATIENT),
            0.5,
            None,
            spread=f"{seeds} seeds",
        ),
    ]


def _ratio(over: float | None, under: float | None) -> float | None:
    return over / under if over and under else None
