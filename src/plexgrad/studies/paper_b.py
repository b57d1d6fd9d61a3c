"""What the studies of paper B share: its network, its data, its iterations, its curves.

Oripov, Dienstfrey, McCaughan and Buckley 2025, "Scaling of hardware-compatible
perturbative training algorithms", doi:10.1063/5.0258271. An iteration perturbs every
layer once, one after another: as many slots as there are layers.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plexgrad import data as datasets
from plexgrad.chips import Simulated
from plexgrad.codes import Layerwise, Rademacher
from plexgrad.core.clock import Clock
from plexgrad.core.contracts import AbstractEstimator
from plexgrad.core.files import write_atomically
from plexgrad.core.reading import file_bytes, plain_json
from plexgrad.core.shape import by_name, each, real
from plexgrad.core.study_result import Series
from plexgrad.data import Dataset
from plexgrad.estimators import Backpropagation, WeightPerturbation
from plexgrad.nets import CNN, CrossEntropy
from plexgrad.studies.study import Desk, Published
from plexgrad.training import Progress, Rule, train

PAPER = "Oripov et al. 2025, doi:10.1063/5.0258271"
_SEEN = by_name(each(real))

NORM = 1e-2
"""M, the norm of a perturbation."""

BATCH = 100
ASSUMED = (
    "Cross-entropy with the published runs' raw label smoothing of 0.01, "
    "Glorot-uniform weights, batches of 100 drawn with replacement, perturbations of "
    "norm 0.01: as in the paper. Costs are computed in float32."
)


def chip_and_data(net: str, d: int) -> tuple[Simulated, Dataset]:
    """The VGG-like network of width d on Fashion-MNIST; "small" is a stand-in of it.

    The stand-in, for tests, has two layers and the digits of scikit-learn.
    """
    if net == "small":
        made = CNN((8, 8, 1), (d, "pool"), (10,), "tanh", "SAME")
        data = datasets.load("digits")
    else:
        made, data = CNN.vgg(d), datasets.load("fashion-mnist")
    return Simulated(made, CrossEntropy(0.01, raw_smoothing=True)), data


def parameters(d: int) -> int:
    """P of the VGG-like network with ten classes."""
    return 439 * d * d + 71 * d + 10


def layers(chip: Simulated) -> int:
    """Trainable layers: slots of one iteration of layerwise perturbation."""
    net: Any = chip.net
    return sum(isinstance(width, int) for width in net.body) + len(net.dense)


def estimator_of(method: str, chip: Simulated, shrink: Any = "none") -> Any:
    """ "layerwise", "simultaneous" (all layers at once, same norm), "backprop"."""
    if method == "backprop":
        return Backpropagation()
    if method == "simultaneous":
        return WeightPerturbation(
            Rademacher(NORM / chip.net.parameters**0.5), shrink=shrink
        )
    return WeightPerturbation(Layerwise(NORM), shrink=shrink)


def slots_of(method: str, chip: Simulated) -> int:
    """Slots of one iteration."""
    return layers(chip) if method == "layerwise" else 1


def climb(
    desk: Desk,
    settings: Mapping[str, Any],
    rule: Rule,
    ratio: float = 1.08,
) -> dict[str, Any]:
    """Train until every seed has reached the last target, or the iterations are over.

    `settings` holds net, d, method, tau (iterations for each update and each batch),
    iterations, seeds, key, and targets (shares of the test set). The curve is scored at
    updates that grow by `ratio`; every estimate is shrunk to its norm, as in the paper.
    """
    chip, data = chip_and_data(settings["net"], settings["d"])
    method, tau = settings["method"], settings["tau"]
    each = slots_of(method, chip) * tau
    estimator: AbstractEstimator = estimator_of(method, chip, "norm")
    clock = Clock(1, each, each)
    updates = settings["iterations"] // tau
    points = [each * n for n in spread_out(updates, ratio)]
    seen = _Seen(desk, points, settings["targets"][-1], each)
    common: dict[str, Any] = {"batch": BATCH, "sampling": "replacement"}
    record = train(
        chip,
        data,
        estimator=estimator,
        rule=rule,
        clock=clock,
        slots=points[-1],
        seeds=settings["seeds"],
        key=settings["key"],
        points=points,
        angles=False,
        advise=False,
        out=desk.folder / "run",
        resume=True,
        checkpoint_s=60.0,
        watch=seen,
        **common,
    )
    made = record.curves["slot"], record.curves["test_accuracy"]
    seen.found = dict(zip(made[0].tolist(), made[1].tolist(), strict=True))
    ends = max(seen.found)
    return {
        "updates": [slot // each for slot in sorted(seen.found)],
        "accuracy": [
            [None if math.isnan(a) else round(a, 4) for a in seen.found[slot]]
            for slot in sorted(seen.found)
        ],
        "evaluations": estimator.evaluations(clock, ends) * settings["seeds"],
    }


class _Seen:
    """Watches a run, keeps its test accuracies, and stops it once all have arrived."""

    def __init__(self, desk: Desk, points: list[int], target: float, each: int) -> None:
        self.desk, self.points, self.target = desk, set(points), target
        self.last, self.each, self.reached = points[-1], each, False
        self.file = desk.folder / "seen.json"
        self.found: dict[int, list[float]] = {}
        if self.file.exists():
            data = file_bytes(self.file)
            held = _SEEN(str(self.file), plain_json(str(self.file), data, nan=True))
            self.found = {int(slot): values for slot, values in held.items()}

    def __call__(self, glance: Progress) -> bool:
        share = math.log1p(glance.slot) / math.log1p(self.last)
        best = np.nanmax(glance.accuracy) if glance.accuracy.size else math.nan
        self.desk.tell(share, f"update {glance.slot // self.each}, {100 * best:.1f} %")
        if glance.slot in self.points and glance.accuracy.size:
            self.found[glance.slot] = np.asarray(glance.accuracy, float).tolist()
            write_atomically(self.file, json.dumps(self.found).encode())
        every = np.array(list(self.found.values()))
        self.reached = bool(every.size and (every.max(axis=0) >= self.target).all())
        return self.reached


def spread_out(last: int, ratio: float) -> list[int]:
    """Whole numbers from 1 to `last`, each about `ratio` times the one before."""
    found = [1]
    while found[-1] < last:
        found.append(min(last, max(found[-1] + 1, round(found[-1] * ratio))))
    return found


def first_at(
    cell: Mapping[str, Any], target: float, scale: float | int = 1
) -> list[float | None]:
    """Updates (times `scale`) after which each seed first had this accuracy.

    Between two scored points the logarithm of the updates is interpolated; None for a
    seed that did not get there.
    """
    updates, every = cell["updates"], cell["accuracy"]
    found: list[float | None] = []
    for seed in range(len(every[0])):
        accuracy = [np.nan if a[seed] is None else a[seed] for a in every]
        there = [n for n, a in enumerate(accuracy) if a >= target]
        if not there:
            found.append(None)
            continue
        n = there[0]
        at = float(updates[n])
        if n and updates[n - 1] > 0:
            part = (target - accuracy[n - 1]) / (accuracy[n] - accuracy[n - 1])
            at = updates[n - 1] * (updates[n] / updates[n - 1]) ** part
        found.append(at * scale)
    return found


def median(values: Sequence[float | None]) -> float | None:
    """The median over seeds, None unless more than half of them have a value."""
    some = [math.inf if v is None else v for v in values]
    middle = float(np.median(some)) if some else math.inf
    return middle if math.isfinite(middle) else None


def mean_sd(values: Sequence[float | int | None]) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation of the values that are there."""
    some = [v for v in values if v is not None]
    if not some:
        return None, None
    sd = float(np.std(some, ddof=1)) if len(some) > 1 else None
    return float(np.mean(some)), sd


def slope(x: Sequence[Any], y: Sequence[Any]) -> float | None:
    """The exponent of a power law through the points that are there, by least squares
    of the logarithms."""
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if a and b]
    if len({a for a, _ in pairs}) < 2:
        return None
    logs = np.log(np.asarray(pairs, float))
    return float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])


def published_series(
    name: str,
    paper: Published,
    column: str,
    most: float | int = math.inf,
    x: str = "parameters",
    group: str = "",
) -> Series:
    """A column of a paper's table against another, up to `most`, with its deviation."""
    places = [n for n, at in enumerate(paper[x]) if at <= most]
    y = [paper[column][n] for n in places]
    spread: tuple = ((), ())
    if "sd" in paper.columns:
        spread = tuple(
            [paper[column][n] + sign * paper["sd"][n] for n in places]
            for sign in (-1, 1)
        )
    at = [paper[x][n] for n in places]
    return Series(name, at, y, *spread, role="paper", group=group)
