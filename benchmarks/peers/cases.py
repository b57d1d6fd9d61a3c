"""The cases: which network, which of plexgrad's works, which baselines.

A case is timed in one process, so ratios within it are fair. `WORKS` of a case are runs
of plexgrad on the same network; K counts evaluations per update, antithetic halves
included, and K = None is a whole period of the code with the sample held. Cases with a
`curve` are points of the plots.
"""

from dataclasses import dataclass, replace

from peers.problems import Problem

BASELINES = {
    "i": "torch eager pair",
    "ii": "torch.func.vmap",
    "iii": "JAX scan",
    "iii'": "JAX jitted step",
    "iv": "JAX scan+vmap",
    "iv-s": "JAX vmap over seeds",
    "v": "evosax Open_ES",
}
NEEDS = {"i": "torch", "ii": "torch", "v": "evosax"}
ONE_NET = ("i", "ii", "iii", "iii'", "iv", "v")
SEEDS = ("i", "ii", "iii", "iii'", "iv", "iv-s", "v")


@dataclass(frozen=True)
class Work:
    """One of plexgrad's runs: a code, and K evaluations per update (None: a period).

    `timed=False` measures its memory only.
    """

    name: str
    code: str
    per_update: int | None
    timed: bool = True


@dataclass(frozen=True)
class Case:
    """A problem, plexgrad's works on it, and the baselines beside them."""

    name: str
    problem: Problem
    works: tuple[Work, ...]
    baselines: tuple[str, ...] = ONE_NET
    curve: tuple[str, int] | None = None


def rank_one(count: int) -> Work:
    """Rank-1 random signs."""
    return Work(f"rank-1 K={count}", "RankOne", count)


def full_rank(count: int) -> Work:
    """Independent signs for every parameter."""
    return Work(f"full-rank K={count}", "Rademacher", count)


PAIR = Work("full-rank K=2", "Rademacher", 2)
PERIOD = Work("Walsh period", "Walsh", None)
DENSE = (rank_one(64), rank_one(2), PERIOD, full_rank(64))
LARGE = (rank_one(512), rank_one(64), full_rank(64))

XOR = Problem("XOR 2-2-1", (2, 2, 1), hidden="sigmoid", cost="mse")
LETTERS = Problem("49-4-4", (49, 4, 4), hidden="sigmoid", cost="mse")
MLP = Problem("784-128-10", (784, 128, 10))
CNN = Problem("CNN", (10,), channels=(16, 32, 32))
MILLION = Problem("784-1258-10", (784, 1258, 10))

MAIN = (
    Case("XOR 1024 seeds", replace(XOR, seeds=1024), (PAIR,), SEEDS),
    Case("49-4-4 1024 seeds", replace(LETTERS, seeds=1024), (PAIR,), SEEDS),
    Case("49-4-4 one net", LETTERS, (PAIR,)),
    Case("784-128-10 b1", MLP, DENSE),
    Case("784-128-10 b100", replace(MLP, batch=100), LARGE),
    Case("CNN b1", CNN, (rank_one(64), full_rank(64))),
    Case(
        "CNN b100",
        replace(CNN, batch=100, population=16),
        (rank_one(16), full_rank(16)),
    ),
    Case(
        "CNN b1000",
        replace(CNN, batch=1000, population=4),
        (rank_one(16), full_rank(16)),
    ),
    Case(
        "P=1e6 K=1e4",
        MILLION,
        (rank_one(10_000), replace(full_rank(10_000), timed=False)),
        ("i", "iii", "iv"),
    ),
)

WIDTHS = {  # P of (inputs, hidden, 10): 100, 1000, 1e4, 1e5, 1e6 and 1e7 to 0.2 %
    100: (7, 5),
    1000: (22, 30),
    10_000: (100, 90),
    100_000: (784, 126),
    1_000_000: (784, 1258),
    10_000_000: (4096, 2434),
}
COPIES = 2**28
"""Bytes that the perturbed copies of a vmapped baseline may take on a curve."""


def _sweep() -> tuple[Case, ...]:
    pairs = ("iii", "iv")
    found = []
    for size, (inputs, hidden) in WIDTHS.items():
        population = max(2, min(64, COPIES // (4 * size) // 2 * 2))
        problem = Problem(f"P={size}", (inputs, hidden, 10), population=population)
        works = (rank_one(64), full_rank(64))
        found.append(Case(f"sweep P={size}", problem, works, pairs, ("P", size)))
    for count in (2, 4, 16, 64, 256, 1024):
        problem = replace(MLP, population=count)
        works = (rank_one(count), full_rank(count))
        found.append(Case(f"sweep K={count}", problem, works, pairs, ("K", count)))
    for batch in (1, 4, 16, 64, 256):
        problem = replace(MLP, batch=batch, population=16)
        works = (rank_one(64), full_rank(64))
        where = ("batch", batch)
        found.append(Case(f"sweep batch={batch}", problem, works, pairs, where))
    for seeds in (1, 16, 128, 1024, 8192):
        for net in (XOR, LETTERS):
            problem = replace(net, seeds=seeds)
            name = f"sweep seeds={seeds} {net.name}"
            where = ("seeds", seeds)
            found.append(Case(name, problem, (PAIR,), ("iv-s",), where))
    return tuple(found)


SWEEP = _sweep()


def case_named(name: str) -> Case:
    """The case of this name."""
    for case in (*MAIN, *SWEEP):
        if case.name == name:
            return case
    raise ValueError(f"case must be one of --list, got {name!r}")
