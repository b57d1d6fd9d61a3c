"""The timing rule, the same for every method, and the peak memory of this process.

Warm up (compile) with one call, time one call, repeat it until a block lasts long
enough. Blocks of all methods are interleaved: each repeat runs every method of the case
once, so that a drift of the machine touches all of them.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

LONG_S = 8.0
"""Seconds after which a method with slow calls is given fewer blocks (at least two)."""


@dataclass
class Runner:
    """One method, ready to run.

    `run(n)` does n calls, waits for the result and returns the seconds they took; one
    call makes `evaluations` cost evaluations and `updates` parameter updates. `cost()`
    is the mean cost over the ring at the present parameters (None: cannot be asked).
    `compile_s()` tells the seconds of compilation where the method knows them itself.
    """

    run: Callable[[int], float]
    evaluations: int
    updates: int
    cost: Callable[[], float] | None = None
    compile_s: Callable[[], float] | None = None
    longer: float = 1.0
    note: str = ""


@dataclass
class Timed:
    """What came out: the blocks as (calls, seconds), and what the first call cost.

    `guess` is the rate, in evaluations per second, seen while warming up.
    """

    runner: Runner
    compile_s: float
    calls: int
    repeats: int
    guess: float
    blocks: list[tuple[int, float]] = field(default_factory=list)

    def block(self, seconds: float) -> None:
        """Time one block, and correct the number of calls where it was too short."""
        spent = max(self.runner.run(self.calls), 1e-9)
        self.blocks.append((self.calls, spent))
        wanted = seconds * self.runner.longer
        if spent < 0.8 * wanted:
            self.calls = math.ceil(self.calls * wanted / spent)


def repeated(call: Callable[[], object], wait: Callable[[object], object]) -> Callable:
    """`run` of a method whose call returns something to wait for."""

    def run(count: int) -> float:
        began, last = time.perf_counter(), None
        for _ in range(count):
            last = call()
        wait(last)
        return time.perf_counter() - began

    return run


def warm(runner: Runner, repeats: int, seconds: float) -> Timed:
    """Compile, and find how many calls make a block."""
    began = time.perf_counter()
    for _ in range(2):  # the second compiles again if the first changed a weak type
        runner.run(1)
    first = time.perf_counter() - began
    once = max(runner.run(1), 1e-9)
    compile_s = runner.compile_s() if runner.compile_s else max(0.0, first - 2 * once)
    wanted, tried, spent = seconds * runner.longer, 1, once
    while spent < wanted / 4:
        # A short run says little: it may be all overhead.
        tried = math.ceil(tried * wanted / spent)
        spent = max(runner.run(tried), 1e-9)
    if once > LONG_S / repeats:
        repeats = max(2, min(repeats, int(LONG_S / once)))
    calls = max(1, math.ceil(tried * wanted / spent))
    guess = runner.evaluations * tried / spent
    return Timed(runner, compile_s, calls, repeats, guess)


def interleave(ready: list[Timed], seconds: float) -> None:
    """Time all methods, block after block."""
    for repeat in range(max((timed.repeats for timed in ready), default=0)):
        for timed in ready:
            if repeat < timed.repeats:
                timed.block(seconds)


def peak_mb() -> float | None:
    """Peak resident memory of this process in MB; None where the kernel does not say.

    From /proc, because `ru_maxrss` starts at the peak of the parent.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    for line in status.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None
