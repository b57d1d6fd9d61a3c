"""A device's parameters by the names of its groups, as records keep them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from plexgrad.lab.team import AnyBench


def names(bench: AnyBench) -> list[str]:
    """A name for each group of parameters; those of one name are numbered."""
    given = [group.name for group in bench.can.groups]
    return [
        name if given.count(name) == 1 else f"{name}-{given[:n].count(name) + 1}"
        for n, name in enumerate(given)
    ]


def named(bench: AnyBench, theta: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters (P,) by group, (1, *shape): one chip in the place of seeds."""
    found, stop = {}, 0
    for name, group in zip(names(bench), bench.can.groups, strict=True):
        part, stop = theta[stop : stop + group.count], stop + group.count
        found[name] = np.asarray(part, np.float32).reshape(1, *group.shape).copy()
    return found


def flat(bench: AnyBench, params: Mapping[str, Any]) -> np.ndarray:
    """Parameters (P,) from those of a run on a device like this, or of a simulation.

    The flat order of a network's leaves is that of a chip. Of several seeds the first
    is taken. Raises ValueError if they are not as many as the device has.
    """
    wanted = names(bench)
    order = wanted if set(wanted) == set(params) else list(params)
    many = [np.asarray(params[name], np.float32) for name in order]
    theta = np.concatenate([array[:1].reshape(-1) for array in many])
    if len(theta) != bench.can.parameters:
        raise ValueError(
            f"start must have the {bench.can.parameters} parameters of "
            f"{bench.identity}, got {len(theta)}"
        )
    return theta
