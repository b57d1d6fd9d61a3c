r"""What the studies of paper A share: its networks, its amplitudes, its success.

McCaughan et al. 2023, doi:10.1063/5.0157645. All codes of a study have one perturbation
norm M, so a parameter's offset is M / sqrt(P), and M for the sequential code, which
moves one at a time. Learning rates are those of the mean estimate; the paper's sums,
divided by M^2, have eta (paper) = P eta / tau_theta.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import jax
import numpy as np

from plexgrad import chips, codes, data, nets
from plexgrad.chips import Simulated
from plexgrad.core.clock import Clock
from plexgrad.core.code import AbstractCode
from plexgrad.core.contracts import AbstractTrainable
from plexgrad.core.layout import Layout
from plexgrad.core.record import Record
from plexgrad.core.study_result import Series
from plexgrad.data import Dataset
from plexgrad.estimators import Backpropagation, WeightPerturbation
from plexgrad.studies.study import Case, Desk
from plexgrad.timing.reach import first_at
from plexgrad.training import Rule, train
from plexgrad.training.analog import Analog
from plexgrad.training.progress import Progress

SOURCE = "McCaughan et al. 2023, doi:10.1063/5.0157645"
CODES = ("Rademacher", "Walsh", "Sequential", "Sinusoid")
SIZES = {"xor": (2, 2, 1), "parity-4": (4, 4, 1), "nist7x7": (49, 4, 4)}
SUCCESS = {"xor": 0.9, "parity-4": 0.9, "nist7x7": 0.8}
"""Accuracy from which a run counts as a success, as in the paper."""

SCORED = 11
"""The letters are scored on every 11th image (4,013 of 44,136): sd 0.6 % at 0.8.

They take turns, so every tenth would show two of the four only.
"""

KEY = 2023

TRAINING_SET = "As in the paper, these tasks are tested on their training set."
LETTERS = (
    "NIST7x7 is a re-creation by the published recipe, not the original images; "
    "accuracy is that of every 11th image."
)
ETA = (
    "Learning rates η are those of the mean estimate; the paper's sums over M² have "
    "η (paper) = P η / τ_θ."
)


@lru_cache
def dataset(task: str) -> Dataset:
    """The task's data; the letters with fewer images to score on."""
    whole = data.load(task)
    if task != "nist7x7":
        return whole
    x, y = whole.x_train[::SCORED].copy(), whole.y_train[::SCORED].copy()
    return replace(whole, x_test=x, y_test=y)


def network(task: str, low: float | int = -0.5, high: float | int = 0.5) -> nets.MLP:
    """The paper's network: all sigmoid, bias subtracted, uniform start."""
    return nets.MLP.paper_a(SIZES[task], low, high)


def parameters(net: nets.AbstractNet) -> int:
    """P."""
    return Layout.of(jax.eval_shape(net.init, jax.random.key(0))).size


def code_at(name: str, norm: float | int, size: int) -> AbstractCode:
    """A code whose perturbation of `size` parameters has this norm."""
    alone = name == "Sequential"
    return getattr(codes, name)(norm if alone else norm / size**0.5)


def wrapped(net: nets.AbstractNet, effects: Sequence[Any]) -> AbstractTrainable:
    """A simulated chip with the mean squared error, in effects (name, options)."""
    chip: AbstractTrainable = Simulated(net, "mse")
    for name, options in effects:
        chip = getattr(chips, name)(chip, **options)
    return chip


def places(slots: int, per_decade: int = 16, first: int = 1000) -> list[int]:
    """Slots at which a run is scored: evenly on a logarithmic axis, from 0 on."""
    decades = max(0.0, np.log10(slots / first))
    count = max(2, round(per_decade * decades) + 1)
    even = np.geomspace(min(first, slots), slots, count).round().astype(int)
    return [0, *np.unique(even).tolist()]


def trained(
    settings: Mapping[str, Any],
    desk: Desk,
    set_: Dataset | None = None,
    net: nets.AbstractNet | None = None,
) -> Record:
    """The run that plain settings say; its folder is the cell's, so it resumes.

    Needed: task, slots, seeds, eta. Others have the paper's values: all tau = 1, random
    signs, M = 0.05, batch 1, an ideal chip, discrete time.
    """
    asked = dict(settings)
    task = asked["task"]
    net = net or network(task, *asked.get("start", (-0.5, 0.5)))
    method = asked.get("code", "Rademacher")
    if method == "backpropagation":
        estimator: Any = Backpropagation()
    else:
        code = code_at(method, asked.get("norm", 0.05), parameters(net))
        estimator = WeightPerturbation(code, asked.get("reference", "baseline"))
    slots = asked["slots"]

    def watch(seen: Progress) -> None:
        desk.tell(seen.slot / max(1, slots), f"slot {seen.slot:,}")

    return train(
        wrapped(net, asked.get("effects", ())),
        set_ or dataset(task),
        estimator=estimator,
        rule=Rule("sgd", learning_rate=asked["eta"]),
        clock=Clock(*asked.get("taus", (1, 1, 1))),
        slots=slots,
        key=asked.get("key", KEY),
        seeds=asked["seeds"],
        batch=asked.get("batch", 1),
        points=[int(n) for n in asked.get("points") or places(slots)],
        angles=False,
        advise=False,
        out=desk.folder,
        resume=True,
        dynamics=_dynamics(asked),
        watch=watch,
    )


def _dynamics(asked: Mapping[str, Any]) -> Any:
    found = asked.get("dynamics", "discrete")
    return Analog(asked["tau_hp"]) if "tau_hp" in asked else found


def told(record: Record, task: str) -> dict[str, Any]:
    """A run as plain data: when every seed succeeded, and the curve of accuracy."""
    cost, slot = record.curves["test_cost"], record.curves["slot"]
    curve = np.where(np.isfinite(cost), record.curves["test_accuracy"], np.nan)
    won = first_at(slot, curve, [SUCCESS[task]])[0] if task in SUCCESS else []
    each = [row[np.isfinite(row)] for row in curve]
    mean, sd = (
        [f(row) if row.size else np.nan for row in each] for f in (np.mean, np.std)
    )
    return {
        "won": [int(n) if np.isfinite(n) else None for n in won],
        "final": [_or_none(v) for v in record.final["test_accuracy"]],
        "slot": slot.tolist(),
        "mean": [_or_none(v) for v in mean],
        "sd": [_or_none(v) for v in sd],
        "diverged": len(record.diverged),
        "evaluations": int(record.evaluations["total"]),
    }


def evaluations(settings: Mapping[str, Any]) -> int:
    """Cost evaluations of a run: two per slot where sample or parameters change."""
    slots, taus = settings["slots"], settings.get("taus", (1, 1, 1))
    if settings.get("dynamics", "discrete") != "discrete":
        return slots * settings["seeds"]
    clock = Clock(*taus)
    rests = clock.baselines(slots)
    if settings.get("code") == "backpropagation":
        return rests * settings["seeds"]
    return (slots + rests) * settings["seeds"]


def case(name: str, settings: Mapping[str, Any]) -> Case:
    """A case that `trained` can run, weighed by its evaluations."""
    return Case(name, settings, evaluations(settings))


def share(cell: Mapping[str, Any]) -> float:
    """The share of seeds that succeeded."""
    return float(np.mean([n is not None for n in cell["won"]]))


def shares(name: str, x: Sequence[Any], cells: Sequence[Mapping[str, Any]]) -> Series:
    """The share of seeds that succeed in percent, with its standard error."""
    found = np.array([share(cell) for cell in cells])
    seeds = np.array([len(cell["won"]) for cell in cells])
    by = np.sqrt(found * (1 - found) / seeds)
    sides = (100 * part for part in (found, found - by, found + by))
    return Series(name, x, *(side.tolist() for side in sides))


def quartiles(cell: Mapping[str, Any]) -> tuple[float | None, ...]:
    """25, 50 and 75 % of the slots to success; None where too few seeds succeeded."""
    slots = sorted(np.inf if n is None else n for n in cell["won"])
    found = np.quantile(slots, (0.25, 0.5, 0.75), method="higher")
    return tuple(float(n) if np.isfinite(n) else None for n in found)


def boxes(name: str, runs: Iterable[Mapping[str, Any]]) -> Series:
    """The slots to success of every seed that succeeds, a box for each run."""
    cells = list(runs)
    won = [[n for n in cell["won"] if n is not None] for cell in cells]
    middle = [quartiles(cell)[1] for cell in cells]
    return Series(name, range(len(cells)), middle, samples=won if any(won) else ())


def late(cell: Mapping[str, Any], slots: int) -> float:
    """Mean slots to success, a failure counted as twice the run."""
    return float(np.mean([2 * slots if n is None else n for n in cell["won"]]))


def grouped(
    cases: Iterable[Case], cells: Mapping[str, Any], *names: str
) -> dict[tuple, list[tuple[Mapping[str, Any], Mapping[str, Any]]]]:
    """Settings and cells of the cases, by what they have under these names."""
    found: dict[tuple, list] = {}
    for each in cases:
        key = tuple(_hashable(each.settings.get(name)) for name in names)
        found.setdefault(key, []).append((each.settings, cells[each.name]))
    return found


def best(runs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> tuple:
    """The settings and the cell that succeed soonest on average."""
    return min(runs, key=lambda run: late(run[1], run[0]["slots"]))


def of_paper(settings: Mapping[str, Any]) -> float:
    """The paper's eta, of a sum over M^2, that does the same."""
    size = parameters(network(settings["task"]))
    return settings["eta"] * size / settings.get("taus", (1, 1, 1))[2]


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _or_none(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
