"""The arguments of a run: brought into one form, or refused by name."""

from pathlib import Path
from typing import Any

import jax

from plexgrad.core.clock import Clock
from plexgrad.core.contracts import AbstractEstimator, AbstractTrainable
from plexgrad.core.validate import function, instance
from plexgrad.data import Dataset


def refuse_other_types(estimator: Any, clock: Any, out: Any, watch: Any) -> None:
    """Raise TypeError, with what is expected, for an argument of another type."""
    instance(
        "estimator",
        estimator,
        AbstractEstimator,
        "estimator, such as WeightPerturbation(Rademacher(0.01))",
    )
    instance("clock", clock, Clock, "Clock, such as Clock(tau_theta=10)")
    if out is not None:
        instance("out", out, str | Path, "path of a folder")
    if watch is not None:
        function("watch", watch)


def refuse_no_dataset(data: Any) -> None:
    """Raise TypeError unless these are samples and targets."""
    instance("data", data, Dataset, 'Dataset, such as plexgrad.data.load("xor")')


def refuse_mismatch(chip: AbstractTrainable, data: Dataset) -> None:
    """Raise ValueError unless the network fits the data, sample by sample."""
    for what, mine, theirs in (
        ("inputs", chip.inputs, data.features),
        ("outputs", chip.outputs, data.outputs),
    ):
        if mine != theirs:
            raise ValueError(
                f"the network's {what} must match the data {data.name!r}: "
                f"{theirs}, got {mine}"
            )
    name = jax.random.key(0)
    params = jax.eval_shape(chip.init, name)
    jax.eval_shape(chip.score, params, data.x_train[:1], data.y_train[:1], name)
