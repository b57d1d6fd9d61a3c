"""What `tune` found, and what it recommends: with reasons in words, and JSON-able."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from plexgrad.training.amplitude_scan import Scan
from plexgrad.training.pilot import Segment
from plexgrad.training.rule import Rule
from plexgrad.training.step_size import Method, Terrain

ADAPTIVE = (
    "adam",
    "adamw",
    "nadam",
    "nadamw",
    "amsgrad",
    "rmsprop",
    "uncorrected_adam",
)
"""Rules that divide an estimate by its own root mean square."""

STEPS = np.geomspace(1 / 64, 4, 65)
"""Steps at which the gain is drawn, relative to the recommended one."""


@dataclass(frozen=True)
class Recommendation:
    """A perturbation amplitude, an integration time in slots, and a learning rate.

    `rule` is the optax rule that `eta` is for. `reasons` and `warnings` are sentences,
    `measured` named numbers, `curves` lists of numbers by figure and name, and
    `evaluations` what was spent on each stage.
    """

    amplitude: float
    tau_theta: int
    eta: float
    rule: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    measured: dict[str, float]
    curves: dict[str, dict[str, list[float]]]
    evaluations: dict[str, int]

    @property
    def spent(self) -> int:
        """All evaluations that were spent."""
        return sum(self.evaluations.values())

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "spent": self.spent}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Recommendation":
        """The inverse of `to_json`. Raises ValueError if a part is missing."""
        names = [field.name for field in fields(cls)]
        if missing := [name for name in names if name not in data]:
            raise ValueError(f"a recommendation must hold {', '.join(missing)}")
        values: dict[str, Any] = {name: data[name] for name in names}
        for name in ("reasons", "warnings"):
            values[name] = tuple(values[name])
        return cls(**values)


@dataclass(frozen=True)
class Findings:
    """What was measured and chosen; `step` is eta of plain descent.

    The terrain is that where the pilot ended, and at the `start`.
    """

    scan: Scan
    segments: list[Segment]
    method: Method
    start: Terrain
    terrain: Terrain
    tau_theta: int
    step: float
    write_cost: float

    @property
    def amplitude(self) -> float:
        """The recommended amplitude."""
        return self.method.estimator.code.amplitude

    def eta(self, rule: Rule) -> float:
        """The learning rate of a rule that makes steps as long as `step`."""
        if rule.name in ADAPTIVE:
            return self.update
        momentum = dict(rule.options).get("momentum") or 0.0
        return self.step * (1 - float(momentum))

    @property
    def update(self) -> float:
        """Root mean square of one parameter's update."""
        gradient = self.method.planned(self.terrain)
        return self.step * self.method.rms(self.terrain, self.tau_theta, gradient)

    @property
    def ratio(self) -> float:
        """Signal to noise of the gradient, in power, after as many slots as P."""
        power = self.method.estimator.code.power(self.method.layout)
        signal = self.terrain.signal_noise(power, self.method.estimator.reference)
        return self.terrain.total * power / signal

    def measured(self) -> dict[str, float]:
        """Named numbers."""
        terrain, method = self.terrain, self.method
        found = {name: float(value) for name, value in asdict(terrain).items()}
        return found | {
            "parameters": float(method.layout.size),
            "linear_from": self.scan.least,
            "linear_to": self.scan.most,
            "dead_below": self.scan.dead,
            "planned_gradient": method.planned(terrain),
            "signal_to_noise": self.ratio,
            "largest_stable_eta": method.limit(terrain, self.tau_theta),
            "update": self.update,
            "step": self.step,
        }

    def curves(self) -> dict[str, dict[str, list[float]]]:
        """What the figures show."""
        scan, method, terrain = self.scan, self.method, self.terrain
        tried = np.geomspace(scan.powers[0], scan.powers[-1], 161)
        per_root = scan.amplitudes[0] / math.sqrt(scan.powers[0])
        reference = method.estimator.reference
        gradient = method.planned(terrain)
        each = method.evaluations(self.tau_theta)
        etas = self.step * STEPS
        gains = [method.gain(terrain, self.tau_theta, gradient, eta) for eta in etas]
        rates = method.rates(terrain, self.write_cost)
        slots = np.cumsum([segment.slots for segment in self.segments])
        drawn = {
            "scan": {
                "amplitude": scan.amplitudes,
                "slope_power": scan.odd,
                "departure": scan.departure,
                "floor": scan.floor,
            },
            "error": {
                "amplitude": np.sqrt(tried) * per_root,
                "error": scan.error(tried, terrain.noise, reference),
            },
            "steps": {"eta": etas, "gain": np.asarray(gains) / each},
            "windows": {"tau_theta": list(rates), "gain": list(rates.values())},
            "pilot": {
                "slots": slots,
                "cost": [segment.cost for segment in self.segments],
                "drop": [segment.drop for segment in self.segments],
                "error": [segment.error for segment in self.segments],
                "eta": [segment.eta for segment in self.segments],
                "tau_theta": [segment.tau_theta for segment in self.segments],
                "gradient": [segment.terrain.gradient for segment in self.segments],
                "total": [segment.terrain.total for segment in self.segments],
                "trace": [segment.terrain.trace for segment in self.segments],
            },
        }
        return {
            figure: {name: [float(v) for v in values] for name, values in lines.items()}
            for figure, lines in drawn.items()
        }
