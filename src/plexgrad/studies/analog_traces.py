"""What an oscilloscope would show of an analog run: cost, modulation, a parameter.

McCaughan et al. 2023 (doi:10.1063/5.0157645), the figure of the analog algorithm.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from plexgrad.chips import Simulated
from plexgrad.core.clock import Clock
from plexgrad.core.study_result import Axis, Plot, Series
from plexgrad.estimators import WeightPerturbation
from plexgrad.studies import paper_a
from plexgrad.training import Rule
from plexgrad.training.traces import traces


def measured(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The traces of one seed of XOR under a case's settings."""
    net = paper_a.network("xor")
    code = paper_a.code_at(asked["code"], asked["norm"], paper_a.parameters(net))
    found = traces(
        Simulated(net, "mse"),
        paper_a.dataset("xor"),
        estimator=WeightPerturbation(code),
        rule=Rule("sgd", learning_rate=asked["eta"]),
        slots=asked["slots"],
        after=asked["after"],
        key=paper_a.KEY,
        clock=Clock(*asked["taus"]),
        parameters=[0],
    )
    kept = {"slot": np.asarray(found.slot).tolist()}
    for name in ("cost", "modulation"):
        kept[name] = np.asarray(getattr(found, name), float)[0].tolist()
    for name in ("params", "perturbation", "gradient"):
        kept[name] = np.asarray(getattr(found, name), float)[0, :, 0].tolist()
    return kept


def scopes(cell: Mapping[str, Any], tau_x: int) -> list[Plot]:
    """The plots of measured traces, of samples of tau_x slots."""
    slot = cell["slot"]
    caption = (
        f"Sinusoids, one seed, from slot {slot[0]:,} on; another sample every "
        f"{tau_x} slots."
    )
    return [
        Plot(
            "analog-cost",
            "The cost, and its modulation after the high-pass",
            Axis("slot"),
            Axis("cost"),
            [
                Series("C", slot, cell["cost"]),
                Series("C~, ten times", slot, [10 * v for v in cell["modulation"]]),
            ],
            caption,
        ),
        Plot(
            "analog-parameter",
            "The first weight: its perturbation and its estimate",
            Axis("slot"),
            Axis("value"),
            [
                Series("perturbation", slot, cell["perturbation"]),
                Series("G", slot, cell["gradient"]),
            ],
            caption,
        ),
    ]
