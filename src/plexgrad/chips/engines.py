"""Which engine simulates a block of slots, and why.

The choice is the cheapest engine, by its own cost model, of those that can do the work.
It depends on the code, the network, the batch and the number of slots only, never on
the machine, so that the same seed gives the same bits wherever it runs.
"""

from typing import NamedTuple

from plexgrad.chips.engine import AbstractEngine, Work
from plexgrad.chips.layered import Layered
from plexgrad.chips.materialised import Materialised
from plexgrad.chips.outer import Outer
from plexgrad.chips.shared import Shared
from plexgrad.chips.walsh_period import WalshPeriod
from plexgrad.core.validate import one_of

ENGINES: dict[str, AbstractEngine] = {
    engine.name: engine
    for engine in (Materialised(), Shared(), Outer(), WalshPeriod(), Layered())
}
"""Every engine by its name, the reference first."""

NAMES = ("auto", *ENGINES)


class Bid(NamedTuple):
    """What an engine says about some work: seconds per slot, or why it refuses."""

    engine: str
    seconds: float
    refusal: str


def bids(work: Work) -> list[Bid]:
    """What every engine says, the cheapest first and refusals last."""
    said = []
    for name, engine in ENGINES.items():
        refusal = engine.refusal(work)
        seconds = float("inf") if refusal else engine.seconds(work)
        said.append(Bid(name, seconds, refusal))
    return sorted(said, key=lambda bid: bid.seconds)


def choose(work: Work, name: str = "auto") -> AbstractEngine:
    """The engine of this name; "auto" is the cheapest that can do the work.

    Raises ValueError for an unknown name, and for an engine that refuses the work.
    """
    one_of("engine", name, NAMES)
    if name == "auto":
        return ENGINES[bids(work)[0].engine]
    if why := ENGINES[name].refusal(work):
        raise ValueError(f"engine must be one that can do the work, got {name}: {why}")
    return ENGINES[name]
