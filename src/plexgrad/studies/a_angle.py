r"""The angle of the running estimate to the true gradient, against integration time.

McCaughan et al. 2023 (doi:10.1063/5.0157645): no update is made, G integrates, and its
angle to the gradient of the whole data set is measured on NIST7x7 with 49-4-4. Beside
it stand the laws. On held data, for random signs, $\cos\varphi = \sqrt{N/(N+P-1)}$; a
code with a period is exact after it. With a new sample in every slot, with
$\rho = E|g_x|^2 / |g|^2$ over samples x,

    cos = (1 + (rho P - 1) / N)^(-1/2)     random signs
    cos = (1 + (rho - 1) P / N)^(-1/2)     orthogonal codes, after whole periods
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from plexgrad.chips import Simulated
from plexgrad.core.layout import Layout, add, cosine, scale
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
from plexgrad.studies.study import AbstractStudy, Case, Desk, Expected
from plexgrad.training.discrete import Keys
from plexgrad.training.order import Order

BLOCK = 4
"""Slots measured at once; periods are multiples of it."""
HELD = 101
"""Every so many letters make the batch that is held."""
MODES = {"held": "one batch held", "new": "a new sample in every slot"}
NORM = 0.01


@dataclass(frozen=True)
class Angle(AbstractStudy):
    """Angle against slots for each code, on held and on changing samples."""

    name: ClassVar[str] = "a-angle"
    title: ClassVar[str] = "Gradient angle against integration time"
    source: ClassVar[str] = f"{paper_a.SOURCE}, angle of G to the gradient"
    expected: ClassVar[Mapping[Scale, Expected]] = {
        "tiny": Expected(4),
        "machine": Expected(90),
        "paper": Expected(1200, on="16 cores", measured=False),
    }

    def cases(self, scale: Scale) -> list[Case]:
        seeds = {"tiny": 2, "machine": 30, "paper": 200}[scale]
        slots = {"tiny": 512, "machine": 4096, "paper": 65_536}[scale]
        names = ("Rademacher",) if scale == "tiny" else paper_a.CODES
        made = []
        for mode in ("new",) if scale == "tiny" else MODES:
            for code in names:
                settings = {"code": code, "mode": mode, "slots": slots}
                settings |= {"seeds": seeds, "norm": NORM, "key": paper_a.KEY}
                rests = slots if mode == "new" else slots // BLOCK
                cost = seeds * (slots + rests)
                made.append(Case(f"{mode}-{code}", settings, cost))
        return made

    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        asked = case.settings
        net, letters = paper_a.network("nist7x7"), paper_a.dataset("nist7x7")
        size = paper_a.parameters(net)
        code = paper_a.code_at(asked["code"], asked["norm"], size)
        like = Layout.of(jax.eval_shape(net.init, jax.random.key(0)))
        x, y = jnp.asarray(letters.x_train), jnp.asarray(letters.y_train)
        held = asked["mode"] == "held"
        if held:
            x, y = x[::HELD], y[::HELD]
        chip, estimator = Simulated(net, "mse"), WeightPerturbation(code)
        order, blocks = Order(len(x), 1), asked["slots"] // BLOCK

        def batch(keys: Keys, start: Array) -> tuple[Array, Array]:
            if held:
                return x[None], y[None]
            numbers = start + jnp.arange(BLOCK, dtype=jnp.uint32)
            chosen = order.indices(keys.data, numbers)
            return x[chosen], y[chosen]

        def one(key: Key[Array, ""]) -> tuple[Float[Array, " blocks"], Array]:
            keys = Keys.split(key)
            params = net.init(keys.init)
            truth = jax.grad(chip.loss)(params, (x, y))

            def step(total: Any, number: Array) -> tuple[Any, Array]:
                start = number * jnp.uint32(BLOCK)
                probe = estimator.ask(keys.code, Slots(start, BLOCK), params)
                shown = batch(keys, start)
                reading = chip.measure(params, probe, shown, keys.noise)
                total = add(total, scale(estimator.tell(probe, reading), 1.0 / blocks))
                return total, cosine(total, truth)

            zero = jax.tree.map(jnp.zeros_like, params)
            numbers = jnp.arange(blocks, dtype=jnp.uint32)
            _, found = jax.lax.scan(step, zero, numbers)
            return found, spread(params, truth)

        def spread(params: Any, truth: Any) -> Float[Array, ""]:
            def square(sample: tuple[Array, Array]) -> Array:
                alone = jax.tree.map(lambda leaf: leaf[None], sample)
                return _square(jax.grad(chip.loss)(params, alone))

            some = max(1, len(x) // 4000)
            each = jax.lax.map(square, (x[::some], y[::some]), batch_size=500)
            return jnp.mean(each) / _square(truth)

        keys = jax.random.split(jax.random.key(asked["key"]), asked["seeds"])
        run = jax.jit(one)
        found, ratios = [], []
        for number, key in enumerate(keys):
            cosines, ratio = run(key)
            found.append(np.asarray(cosines, float))
            ratios.append(float(ratio))
            desk.tell((number + 1) / len(keys), f"seed {number + 1}")
        period = code.period(like)
        marks = _marks(asked["slots"], period)
        return {
            "slots": marks,
            "cosine": [[float(c[n // BLOCK - 1]) for n in marks] for c in found],
            "rho": ratios,
            "parameters": size,
            "period": period,
            "evaluations": case.evaluations,
        }

    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        plots, rows, verdicts = [], [], []
        for mode, words in MODES.items():
            mine = {
                case.settings["code"]: cells[case.name]
                for case in self.cases(scale)
                if case.settings["mode"] == mode
            }
            if not mine:
                continue
            series = [
                Series.of_samples(code, cell["slots"], _columns(_angles(cell)))
                for code, cell in mine.items()
            ]
            for code, cell in mine.items():
                at = cell["period"] or cell["parameters"]
                for n in (at, 4 * at, 16 * at):
                    if n not in cell["slots"]:
                        continue
                    place, law = cell["slots"].index(n), _law(cell, mode, n)
                    angles = [row[place] for row in _angles(cell)]
                    found = np.mean([row[place] for row in cell["cosine"]])
                    exact = mode == "held" and cell["period"] is not None
                    rows.append(
                        [
                            words,
                            code,
                            n,
                            float(np.mean(angles)),
                            float(np.std(angles, ddof=1)),
                            float(found),
                            1.0 if exact else law,
                        ]
                    )
                    verdicts += _verdict(words, code, n, cell, float(found), law, exact)
            series += _laws(mine, mode)
            plots.append(
                Plot(
                    f"angle-{mode}",
                    f"Angle of the running estimate, {words}",
                    Axis("slots", log=True),
                    Axis("angle to the gradient of all data", "°"),
                    series,
                    "Bands: standard deviation over seeds. The law of random signs is "
                    "that of P and, with new samples, of their spread ρ.",
                )
            )
        columns = (
            "data",
            "code",
            "slots",
            Column("angle", "°"),
            Column("sd", "°"),
            "mean cosine",
            "law",
        )
        return StudyResult(
            "No update is made; the angle of the running estimate falls as the laws "
            "say. On held data a code with a period is exact after it; with a new "
            "sample in every slot the codes are alike, because samples differ.",
            verdicts=verdicts,
            tables=[Table("Angles after whole periods", columns, rows)],
            plots=plots,
            notes=[
                "The reference is the exact gradient, the paper's a finite difference "
                "of step 0.001.",
                f"Held data are every {HELD}th letter, and their own gradient.",
                "The paper names neither the number of seeds nor the angles reached; "
                "the numbers wanted here are those of the laws.",
                "Networks are at their start, M = 0.01.",
                paper_a.LETTERS,
            ],
        )


def _square(tree: Any) -> Float[Array, ""]:
    return sum((jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)), jnp.float32(0.0))


def _marks(slots: int, period: int | None) -> list[int]:
    """Slots at which angles are kept: evenly on a log axis, and at whole periods."""
    even = BLOCK * np.unique(np.geomspace(1, slots // BLOCK, 24).round().astype(int))
    at = period or 220
    whole = [n * at for n in (1, 2, 4, 8, 16, 32, 64) if n * at <= slots]
    return sorted({int(n) for n in even} | set(whole))


def _angles(cell: Mapping[str, Any]) -> list[list[float]]:
    return np.degrees(np.arccos(np.clip(cell["cosine"], -1, 1))).tolist()


def _columns(rows: list[list[float]]) -> list[list[float]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _law(cell: Mapping[str, Any], mode: str, slots: float | int) -> float:
    """The mean cosine over seeds that theory gives."""
    size, rho = cell["parameters"], np.asarray(cell["rho"])
    if mode == "held":
        return float((1 + (size - 1) / slots) ** -0.5)
    excess = size * (rho - 1) if cell["period"] else size * rho - 1
    return float(np.mean((1 + excess / slots) ** -0.5))


def _laws(mine: Mapping[str, Any], mode: str) -> list[Series]:
    cell = mine["Rademacher"]
    x = np.geomspace(cell["slots"][0], cell["slots"][-1], 40).tolist()
    y = [math.degrees(math.acos(_law(cell, mode, n))) for n in x]
    return [Series("law of random signs", x, y, role="law")]


def _verdict(
    words: str,
    code: str,
    slots: int,
    cell: Mapping[str, Any],
    found: float,
    law: float,
    exact: bool,
) -> list[Verdict]:
    spread = f"{len(cell['cosine'])} seeds"
    if exact:
        if slots != cell["period"]:
            return []
        angle = float(np.degrees(np.arccos(min(1.0, found))))
        claim = f"{code}, {words}: exact after its period of {slots:,} slots"
        return [Verdict.between(claim, angle, None, 1.0, unit="°", spread=spread)]
    if cell["period"] and (mode_held(words) or slots == cell["period"]):
        return []  # after one period a few samples decide
    claim = f"{code}, {words}: mean cosine after {slots:,} slots as the law says"
    by = 0.02 if mode_held(words) else 0.03
    return [Verdict.within(claim, law, found, by, spread=spread)]


def mode_held(words: str) -> bool:
    """Whether these words say that the data are held."""
    return words == MODES["held"]
