"""Damaged and hostile inputs for every reader of bytes, as many as are asked for.

    python benchmarks/fuzz.py --inputs 1000000 --jobs 2
    python benchmarks/fuzz.py --only record.json --seed 799

Each reader runs in a process of its own. Its inputs are drawn by seed from 0 on, so
that an input is named by its reader and seed for good; `--seed` runs one of them alone
and shows what it raises. A reader may refuse an input, in words; "other" counts what it
must not do: raise anything else, or accept what cannot be used then.
"""

import argparse
import collections
import itertools
import multiprocessing
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fuzz.reader import DRAWN, Reader  # noqa: E402
from tests.fuzz.readers import READERS  # noqa: E402

HEAD = "reader", "inputs", "accepted", "refused", "other", "slowest", "memory"
ROW = "{:<20}{:>10}{:>10}{:>10}{:>7}{:>12}{:>10}"


def fuzz(task: tuple[str, int]) -> dict[str, Any]:
    """Counts of one reader over so many inputs."""
    name, inputs = task
    reader = by_name(name)
    counts, others = collections.Counter(), {}
    slowest, at = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        drawn = itertools.islice(reader.inputs(place), inputs)
        before = memory_mb()
        for seed, data in drawn:
            began = time.perf_counter()
            try:
                good = reader.try_one(place, data, seed % DRAWN == 0)
                counts["accepted" if good else "refused"] += 1
            except Exception as error:
                counts["other"] += 1
                others.setdefault(f"{type(error).__name__}: {error}"[:120], seed)
            spent = time.perf_counter() - began
            if spent > slowest:
                slowest, at = spent, seed
    more = memory_mb() - before
    found = {"name": name, "inputs": inputs, "slowest": slowest, "at": at}
    return {**found, **counts, "memory": more, "others": others}


def memory_mb() -> float:
    """The most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def by_name(name: str) -> Reader:
    """The reader of that name."""
    return next(reader for reader in READERS if reader.name == name)


def show(found: dict[str, Any]) -> None:
    """A row of the table, and what should not have happened."""
    slowest = f"{1e3 * found['slowest']:.1f} ms"
    counts = [found.get(key, 0) for key in ("inputs", "accepted", "refused", "other")]
    print(ROW.format(found["name"], *counts, slowest, f"{found['memory']:.0f} MB"))
    for words, seed in found["others"].items():
        print(f"    seed {seed}: {words}")
    sys.stdout.flush()


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each reader")
    parser.add_argument("--only", nargs="*", default=[r.name for r in READERS])
    parser.add_argument("--jobs", type=int, default=1, help="readers side by side")
    parser.add_argument("--seed", type=int, help="run this input alone")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.seed is not None:
        one(by_name(asked.only[0]), asked.seed)
        return
    print(ROW.format(*HEAD))
    tasks = [(name, asked.inputs) for name in asked.only]
    context = multiprocessing.get_context("spawn")
    with context.Pool(asked.jobs, warnings.simplefilter, ("ignore",), 1) as pool:
        for found in pool.imap(fuzz, tasks):
            show(found)


def one(reader: Reader, seed: int) -> None:
    """Read one input; what it raises is shown whole."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = itertools.islice(reader.inputs(Path(folder)), seed, seed + 1)
        for _, data in drawn:
            print(f"{len(data)} bytes: {data[:200]!r}")
            print("accepted" if reader.try_one(Path(folder), data, True) else "refused")


if __name__ == "__main__":
    main()
