"""plexgrad's own rows: end to end through `pg.train`, as the record tells its speed.

The automatic choice comes first, then every engine and loop that can answer. One call
is one parameter update; the calls of a block are one run.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import jax
import numpy as np

import plexgrad as pg
from peers.cases import Work
from peers.problems import DELTA, Problem
from peers.timing import Runner
from plexgrad.data import Dataset
from plexgrad.training import fused

# The choice of the loop as for a long run, whatever the length of a timed one.
fused.LEAST_S = 0.0

SAMPLES = 6400
CUT = 2048
"""Slots of the shortened window in which a slow engine may be timed."""
SLOW_S = 6.0
COMPILED = ("numba", "kernel", "compiled", "fused")
"""Words in the name of an engine or loop that is not JAX alone."""


@dataclass(frozen=True)
class Variant:
    """How plexgrad is told to do a work; None leaves it the choice."""

    engine: str | None = None
    loop: str | None = None

    @property
    def automatic(self) -> bool:
        """Whether everything is left to plexgrad."""
        return self.engine is None and self.loop is None

    @property
    def jax_alone(self) -> bool:
        """Whether no other compiler has a part."""
        words = f"{self.engine} {self.loop}"
        return not self.automatic and not any(word in words for word in COMPILED)

    def row(self, work: Work) -> str:
        """The name of the row."""
        name = f"plexgrad {work.name}"
        if self.engine is not None:
            name += f", engine {self.engine}"
        if self.loop is not None and self.engine is None:
            name += f", loop {self.loop}"
        return name


def engines() -> tuple[str, ...]:
    """The names of all engines. The one place that knows where they are listed."""
    try:
        from plexgrad.chips.engines import ENGINES  # ty: ignore
    except ImportError:
        return ("materialised", "outer")
    return tuple(getattr(engine, "name", engine) for engine in ENGINES)


def loops() -> tuple[str, ...]:
    """The names of the loops that `train` lets one choose, if it does."""
    known = "loop" in inspect.signature(pg.train).parameters
    return ("jax", "fused") if known else ()


def variants() -> Iterator[Variant]:
    """The automatic choice, every engine in the JAX loop, and every other loop."""
    yield Variant()
    plain = "jax" if loops() else None
    for engine in engines():
        yield Variant(engine, plain)
    for loop in loops():
        if loop != plain:
            yield Variant(None, loop)


def network(problem: Problem) -> pg.nets.MLP | pg.nets.CNN:
    """The same network as a plexgrad one."""
    if problem.channels:
        body = [part for width in problem.channels for part in (width, "pool")]
        shape = (problem.image, problem.image, 1)
        return pg.nets.CNN(shape, body, problem.sizes, activation="relu")
    output = "sigmoid" if problem.hidden == "sigmoid" else "linear"
    return pg.nets.MLP(problem.sizes, activation=problem.hidden, output=output)


@lru_cache
def dataset(problem: Problem) -> Dataset:
    """Uniform inputs and random targets: values do not change the speed."""
    x, y = problem.samples(max(SAMPLES, 4 * problem.batch))
    names = tuple(str(n) for n in range(max(2, problem.outputs)))
    return Dataset("random", x, y, x[:10], y[:10], names, "random", {})


class Bench:
    """One work in one variant, as a method to be timed."""

    def __init__(self, problem: Problem, work: Work, variant: Variant) -> None:
        self.problem, self.variant = problem, variant
        self.net = network(problem)
        code = getattr(pg.codes, work.code)(DELTA)
        self.estimator = pg.estimators.WeightPerturbation(code, "antithetic")
        if work.per_update is None:
            self.window = code.period(jax.eval_shape(self.net.init, jax.random.key(0)))
        else:
            self.window = work.per_update // 2
        self.seen: pg.Record | None = None
        self.first = 0.0

    def run(self, count: int) -> float:
        """Seconds of a run of `count` updates."""
        problem, options = self.problem, {}
        if self.variant.loop is not None:
            options["loop"] = self.variant.loop
        chip = pg.chips.Simulated(
            self.net, problem.cost, engine=self.variant.engine or "auto"
        )
        record = pg.train(
            chip,
            dataset(problem),
            estimator=self.estimator,
            rule=pg.Rule("sgd", learning_rate=problem.learning_rate),
            clock=pg.Clock(tau_x=self.window, tau_theta=self.window),
            slots=count * self.window,
            key=0,
            seeds=problem.seeds,
            batch=problem.batch,
            points=1,
            angles=False,
            **options,
        )
        self.first = self.first or record.throughput["compile_s"]
        self.seen = record
        return record.throughput["seconds"]

    def cost(self) -> float:
        """The cost on the data where the last run ended, against that at its start."""
        assert self.seen is not None  # noqa: S101
        return float(np.mean(self.seen.final["train_cost"]))

    def shorten(self) -> str:
        """Cut a long window where the engine is too slow for it; says so.

        An engine that needs the whole window keeps it.
        """
        whole = self.window
        if self.variant.automatic or whole <= CUT:
            return ""
        self.window = CUT
        try:
            self.run(1)
            spent = self.run(1)
        except (TypeError, ValueError):
            self.window = whole
            return ""
        if spent * whole / CUT > SLOW_S:
            return f"window cut to {CUT} slots"
        self.window, self.first = whole, 0.0
        return ""


def runner(problem: Problem, work: Work, variant: Variant) -> Runner:
    """A work in a variant, ready to be timed.

    Raises ValueError or TypeError, saying why, where the engine or loop refuses it.
    """
    bench = Bench(problem, work, variant)
    note = bench.shorten()
    return Runner(
        bench.run,
        2 * bench.window * problem.seeds,
        problem.seeds,
        bench.cost,
        lambda: bench.first,
        # A run grows its calls from one update up; a longer block dilutes that.
        longer=2.0,
        note=note,
    )
