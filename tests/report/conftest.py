"""A record as training would write it, made of plain curves."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from plexgrad.core.record import Record

SLOTS, TAU_THETA = 400_000, 256


def digits(
    points: int = 60, seeds: int = 8, reference: bool = True, **changes: Any
) -> Record:
    """Weight perturbation on ten classes, with backpropagation beside it."""
    rng = np.random.default_rng(0)
    slot = np.linspace(0, SLOTS, points).astype(int) // TAU_THETA * TAU_THETA
    wobble = 0.01 * np.cumsum(rng.normal(size=(points, seeds)), axis=0) / points**0.5
    learned = 1 - np.exp(-slot[:, None] / rng.uniform(5e4, 8e4, seeds))
    accuracy = 0.1 + 0.85 * learned + wobble + 0.003 * rng.normal(size=(points, seeds))
    cosine = 0.31 + 0.03 * rng.normal(size=(points, seeds))
    cosine[1::2] = np.nan  # not measured at every point
    curves = {
        "slot": slot,
        "evaluations": 2 * slot,
        "train_cost": 2.3 * (1 - learned) + 0.12 - wobble,
        "test_cost": 2.2 * (1 - learned) + 0.2 - wobble,
        "test_accuracy": accuracy,
        "gradient_cosine": cosine,
    }
    confusion = rng.integers(0, 20, (10, 10)) * (rng.random((10, 10)) > 0.6)
    np.fill_diagonal(confusion, rng.integers(240, 285, 10))
    record = Record(
        spec={
            "task": {"name": "digits", "test_share": 0.2},
            "chip": {
                "kind": "Simulated",
                "net": {"kind": "MLP", "sizes": [64, 32, 10], "activation": "tanh"},
                "cost": {"kind": "CrossEntropy"},
            },
            "estimator": {
                "kind": "WeightPerturbation",
                "code": {"kind": "Rademacher", "amplitude": 0.01},
                "reference": "antithetic",
                "shrink": "none",
            },
            "rule": {
                "kind": "Rule",
                "name": "adam",
                "options": {"learning_rate": 0.01},
            },
            "clock": {"tau_p": 1, "tau_x": 256, "tau_theta": 256},
            "batch": 64,
            "slots": SLOTS,
            "seeds": seeds,
            "key": 0,
        },
        final={
            name: curves[name][-1]
            for name in ("test_accuracy", "test_cost", "train_cost")
        },
        curves=curves,
        evaluations={
            "per_seed": 2 * SLOTS,
            "total": 2 * SLOTS * seeds,
            "perturbed": 2 * SLOTS,
            "baseline": 0,
            "updates": SLOTS // TAU_THETA,
        },
        throughput={
            "evaluations_per_s": 1_254_321.0,
            "updates_per_s": 2450.0,
            "seconds": 5.1,
            "compile_s": 2.34,
        },
        versions={"plexgrad": "0.1.0", "python": "3.12.1", "jax": "0.8.0"},
        extra={
            "confusion": confusion.tolist(),
            "classes": [str(index) for index in range(10)],
            "source": "Handwritten digits as scikit-learn ships them.",
            "parameters": 2410,
            "cosine_law": 0.31,
            "machine": "2 cores of an x86-64 server",
        },
    )
    if reference:
        record.reference = _backpropagation(record, points, seeds)
    for name, value in changes.items():
        setattr(record, name, value)
    return record


def _backpropagation(record: Record, points: int, seeds: int) -> Record:
    rng = np.random.default_rng(1)
    updates = record.curves["slot"] // TAU_THETA
    learned = 1 - np.exp(-updates / 60)[:, None] + np.zeros(seeds)
    noise = 0.003 * rng.normal(size=(points, seeds))
    curves = {
        "slot": record.curves["slot"],
        "evaluations": updates,
        "train_cost": 2.3 * (1 - learned) + 0.02,
        "test_cost": 2.2 * (1 - learned) + 0.1 - noise,
        "test_accuracy": np.clip(0.1 + 0.873 * learned + noise, 0, 1),
    }
    return Record(
        spec=record.spec,
        final={name: curves[name][-1] for name in record.final},
        curves=curves,
        evaluations={"per_seed": int(updates[-1]), "updates": int(updates[-1])},
        throughput={},
        versions=record.versions,
    )


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """Makes the record; keyword arguments replace its parts."""
    return digits
