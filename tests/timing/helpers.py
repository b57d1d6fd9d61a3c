"""A hand-made record: two taus, three seeds, and when each gets where is plain."""

import numpy as np

from plexgrad.core.record import Record

SPEC = {
    "task": {"name": "made"},
    "estimator": {
        "kind": "WeightPerturbation",
        "code": {"kind": "Rademacher", "amplitude": 0.01},
        "reference": "antithetic",
        "shrink": "none",
    },
    "clock": {"kind": "Clock", "tau_p": 1, "tau_x": 5, "tau_theta": 10},
    "batch": 4,
    "seeds": 3,
}
SLOTS = [0, 100, 200, 400]
# One seed learns fast, one slowly, one never passes 0.7.
ACCURACY = [[0.5, 0.5, 0.5], [0.9, 0.6, 0.5], [0.8, 0.7, 0.7], [0.95, 0.9, 0.6]]


def made(reference=True, **changes):
    """The record; keyword arguments replace its parts."""
    twin = Record(
        spec={**SPEC, "estimator": {"kind": "Backpropagation"}},
        final={},
        curves={
            "slot": np.array(SLOTS),
            "test_accuracy": np.array([[0.5] * 3, [0.8] * 3, [0.9] * 3, [0.9] * 3]),
        },
        evaluations={},
        throughput={"updates_per_s": 1000.0},
        versions={},
    )
    parts = {
        "spec": SPEC,
        "final": {},
        "curves": {
            "slot": np.array(SLOTS),
            "test_accuracy": np.array(ACCURACY),
        },
        "evaluations": {},
        "throughput": {},
        "versions": {},
        "reference": twin if reference else None,
        "extra": {"parameters": 7, "machine": "a bench"},
    }
    return Record(**parts | changes)
