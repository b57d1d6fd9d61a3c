r"""`tune`: measure a chip with some hundred evaluations, and say how to train it.

Only readings of the cost and writes are used, as silicon allows them.

1. Readings at rest: the noise of one reading.
2. An amplitude scan (`amplitude_scan`): linear range, curvature, gradient power, and
   the amplitude of least error.
3. Writes, checked by the cost (`writes`): do updates arrive, and with what error.
4. A pilot descent (`pilot`) in segments, each longer than the last and with the step
   that was best by what was known before it (`step_size`). Every slot of it tells
   gradient power and curvature again. The costs of the same few batches before and
   after a segment tell how fast it really went, and so how much of the gradient all
   batches share.
5. tau_theta is the shortest window that gains nearly as much per evaluation as the
   best, eta the step that gains most there, or that lasts.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Key

from plexgrad.core.clock import Clock
from plexgrad.core.contracts import AbstractTrainable
from plexgrad.core.keys import as_key
from plexgrad.core.validate import at_least, int_at_least
from plexgrad.data import Dataset
from plexgrad.estimators import WeightPerturbation
from plexgrad.training.amplitude_scan import Scan, roughness, scanned
from plexgrad.training.arguments import refuse_mismatch
from plexgrad.training.discrete import Keys
from plexgrad.training.order import Order, Sampling
from plexgrad.training.pilot import CHECKED, SEGMENTS, descend, proven
from plexgrad.training.probing import Bench, Probing
from plexgrad.training.recommendation import ADAPTIVE, Findings, Recommendation
from plexgrad.training.rule import Rule
from plexgrad.training.step_size import Method, Terrain
from plexgrad.training.tune_words import reasons, warnings
from plexgrad.training.writes import with_writes

LEAST_BUDGET = 300
RESTS = 16
SCAN_SHARE = 0.25
DIRECTIONS = 6
"""Directions of the scan, at least."""

ROUGH = 2.0
"""A cost is rough if it shows so many times the noise at rest."""

ROUNDING = 2.0**-23
"""Noise of a float32 cost, relative to it."""

STAGES = {
    "noise": "readings at rest",
    "amplitude": "both ways along random patterns",
    "writes": "updates that cancel",
    "pilot": "a short descent",
}
"""What is measured, in order."""

Watch = Callable[[str, int], None]
"""Told each stage that is done, and the evaluations spent by then."""


def tune(
    chip: AbstractTrainable,
    data: Dataset,
    *,
    estimator: WeightPerturbation,
    rule: Rule | str = "sgd",
    clock: Clock | None = None,
    key: Key[Array, ""] | int = 0,
    batch: int = 1,
    sampling: Sampling = "epoch",
    budget: int = 1000,
    write_cost: float = 0.0,
    watch: Watch | None = None,
) -> Recommendation:
    """Recommend amplitude, tau_theta and eta for a chip and a task, by measuring them.

    The chip is that of seed 0 of a run with this key. `estimator` gives the code and
    the reference (its amplitude does not matter), `clock` tau_p and tau_x; tau_theta is
    tau_x times a power of two. About `budget` evaluations are spent, 300 at least;
    `write_cost` is how many of them one write is worth. `eta` is constant, for plain
    descent, with momentum, or an adaptive rule.

    Raises TypeError for another estimator, ValueError for another rule and if no
    amplitude moves the cost.
    """
    if not isinstance(chip, AbstractTrainable):
        raise TypeError(f"chip must be one that can be trained, got {chip!r}")
    if not isinstance(estimator, WeightPerturbation):
        raise TypeError(f"estimator must be a WeightPerturbation, got {estimator!r}")
    chip.refuse_foreign(estimator)
    refuse_mismatch(chip, data)
    keys = Keys.split(jax.random.fold_in(as_key(key), 0))
    order = Order(len(data.x_train), batch, sampling)
    return advised(
        Bench(chip, data, order, keys),
        estimator=estimator,
        rule=rule,
        clock=clock,
        budget=budget,
        write_cost=write_cost,
        watch=watch,
    )


def advised(
    bench: Probing,
    *,
    estimator: WeightPerturbation,
    rule: Rule | str = "sgd",
    clock: Clock | None = None,
    budget: int = 1000,
    write_cost: float = 0.0,
    watch: Watch | None = None,
) -> Recommendation:
    """`tune` on any bench; its parameters end where the pilot has led."""
    rule = refuse(rule, budget, write_cost)
    begun = bench.spent
    spent: dict[str, int] = {}

    def stage(name: str) -> None:
        """The evaluations since the last call are those of this stage."""
        spent[name] = bench.spent - begun - sum(spent.values())
        if watch is not None:
            watch(name, bench.spent - begun)

    unit = _at(estimator, 1.0)
    rest = bench.readings(unit.code, (0.0,) * RESTS, bench.show(1))[0]
    # A reading is a float32: its last bits are noise even where there is none.
    noise = max(float(np.std(rest, ddof=1)), ROUNDING * float(np.abs(rest).mean()))
    stage("noise")
    scan, noise = _scan(bench, unit, noise, budget)
    stage("amplitude")
    power = scan.best_power(noise, estimator.reference)
    amplitude = bench.nearest(math.sqrt(power / unit.code.power(bench.layout)))
    estimator = _at(unit, amplitude)
    method = Method(estimator, clock or Clock(), bench.layout)
    pairs = replace(method, estimator=replace(estimator, reference="antithetic"))
    start = terrain = Terrain(
        noise=noise,
        level=float(rest.mean()),
        total=scan.total,
        gradient=scan.total / 4,
        trace=scan.trace,
        bend=scan.bend,
        cubic=scan.cubic,
        linear=scan.most,
        scatter=scan.scatter,
        readings=scan.directions,
    )
    planned, tau_x = pairs.planned(terrain), pairs.clock.tau_x
    update = pairs.step(terrain, tau_x) * pairs.rms(terrain, tau_x, planned)
    terrain = with_writes(bench, terrain, update, scan.most)
    stage("writes")
    left = budget + begun - bench.spent - CHECKED * (len(SEGMENTS) + 1)
    segments = descend(bench, pairs, terrain, left // 3, write_cost)
    stage("pilot")

    terrain = segments[-1].terrain
    slots = method.window(terrain, write_cost)
    # Training begins again where the pilot began.
    high = replace(terrain, level=max(terrain.level, start.level))
    step = max(method.step(terrain, slots), method.lasting(high, slots))
    step = min(step, max(method.leap(start, slots), proven(segments, slots)))
    found = Findings(scan, segments, method, start, terrain, slots, step, write_cost)
    eta = found.eta(rule)
    return Recommendation(
        amplitude=amplitude,
        tau_theta=slots,
        eta=eta,
        rule=rule.name,
        reasons=reasons(found, eta, rule.name),
        warnings=warnings(found),
        measured=found.measured(),
        curves=found.curves(),
        evaluations=spent,
    )


def _at(estimator: WeightPerturbation, amplitude: float) -> WeightPerturbation:
    code: Any = estimator.code
    return replace(estimator, code=replace(code, amplitude=amplitude))


def _scan(
    bench: Probing, estimator: WeightPerturbation, noise: float, budget: int
) -> tuple[Scan, float]:
    """The scan, and the noise of a reading with all that is not smooth in it."""
    levels = np.array(bench.levels)
    turns = (0.0, *(sign * level for level in bench.levels for sign in (1, -1)))
    directions = max(DIRECTIONS, int(SCAN_SHARE * budget / len(turns)))
    costs = bench.readings(estimator.code, turns, bench.show(directions))
    if not np.isfinite(costs).all():
        raise ValueError(
            f"the cost must be finite, got {costs[~np.isfinite(costs)][0]} at an "
            f"amplitude of at most {levels[-1]:g}"
        )
    up, down = costs[:, 1::2], costs[:, 2::2]
    powers = estimator.code.power(bench.layout) * levels**2
    odd, even = (up - down) / 2, (up + down) / 2 - costs[:, :1]
    rough = roughness(powers, even)
    noise = rough if rough > ROUGH * noise else noise
    scan = scanned(levels, powers, odd, even, noise)
    if not scan.seen:
        raise ValueError(
            "the cost must depend on the parameters: perturbations of "
            f"{levels[0]:g} to {levels[-1]:g} moved it by no more than the "
            f"noise of a reading, {noise:.3g}, in {directions} directions"
        )
    return scan, noise


def refuse(rule: Rule | str, budget: int, write_cost: float | int) -> Rule:
    """The rule; ValueError for one that is not known here, or for too few costs."""
    int_at_least("budget", budget, LEAST_BUDGET)
    at_least("write_cost", write_cost, 0.0)
    rule = Rule(rule, learning_rate=1.0) if isinstance(rule, str) else rule
    if rule.name != "sgd" and rule.name not in ADAPTIVE:
        raise ValueError(
            f"rule must be one of sgd, {', '.join(ADAPTIVE)}; got {rule.name!r}"
        )
    return rule
