"""What `efficiency.py` compares: three tasks, and the rows of their tables."""

from dataclasses import dataclass, replace

import jax

import plexgrad as pg
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout


@dataclass(frozen=True)
class Task:
    """What is trained, the pairs of every update, and the evaluations of every seed.

    `eta` is the first guess, from which tuning may walk `steps` factors of 2.
    """

    net: pg.nets.MLP
    cost: pg.nets.AbstractCost
    batch: int
    pairs: int
    accuracy: float
    evaluations: int
    eta: float
    together: int = 8
    seeds: int = 8
    tuning_seeds: int = 4
    steps: int = 6
    periods: bool = True


TASKS = {
    # With 64 pairs on a batch of 64 the noise of a constant step ends near 96 % itself.
    "digits": Task(
        pg.nets.MLP([64, 32, 10], "tanh"),
        pg.nets.CrossEntropy(0.1),
        batch=128,
        pairs=128,
        accuracy=0.96,
        evaluations=400_000,
        eta=0.01,
    ),
    # Few pairs: many short updates suit 220 parameters, and a run takes seconds.
    "nist7x7": Task(
        pg.nets.MLP.paper_a([49, 4, 4]),
        pg.nets.MSE(),
        batch=16,
        pairs=16,
        accuracy=0.95,
        evaluations=1_000_000,
        eta=0.02,
    ),
    # With 256 pairs, or a batch of 32, the noise of a constant step ends below 80 %.
    "fashion-mnist": Task(
        pg.nets.MLP([784, 128, 10], "relu"),
        pg.nets.CrossEntropy(),
        batch=64,
        pairs=1024,
        accuracy=0.80,
        evaluations=4_000_000,
        eta=0.003,
        together=2,
        tuning_seeds=2,
        periods=False,
    ),
}


@dataclass(frozen=True)
class Row:
    """One line of a table: a code with its reference and the slots of its window."""

    name: str
    code: AbstractCode
    reference: str = "antithetic"
    pairs: int = 0

    def per_slot(self) -> float:
        """Evaluations of one slot."""
        return 2 if self.reference == "antithetic" else 1 + 1 / self.pairs


def rows(task: Task) -> list[Row]:
    """The rows of a task: all codes at the same slots, then windows of a period."""
    like = Layout.of(jax.eval_shape(task.net.init, jax.random.key(0)))
    codes, d = pg.codes, 1e-2
    found = [
        Row("RankOne", codes.RankOne(d)),
        Row("Walsh", codes.Walsh(d)),
        Row("Walsh, not scrambled", codes.Walsh(d, scramble=False)),
        Row("Walsh, one-sided", codes.Walsh(d), "baseline"),
        Row("Rademacher", codes.Rademacher(d)),
        Row("Sequential", codes.Sequential(d)),
        Row("Sinusoid", codes.Sinusoid(d)),
        Row("Gaussian", codes.Gaussian(d)),
    ]
    found = [replace(row, pairs=task.pairs) for row in found]
    if task.periods:
        for code in (codes.Walsh(d), codes.Sequential(d), codes.Sinusoid(d)):
            period = code.period(like)
            name = f"{type(code).__name__}, window of a period"
            found.append(Row(name, code, pairs=period or task.pairs))
    return found
