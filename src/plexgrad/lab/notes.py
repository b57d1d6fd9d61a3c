"""What an operator is told of a run, without a flood: the 1st, 2nd, 4th, 8th time."""

import warnings
from collections.abc import Callable

Tell = Callable[[str], object]


def warn(said: str) -> None:
    """Tell it as a warning, where nobody else listens."""
    warnings.warn(said, stacklevel=2)


class Notes:
    """Counts by their kind, and `tell` hears of each kind as its count doubles."""

    def __init__(self, tell: Tell | None = None) -> None:
        self.tell = tell
        self.counts: dict[str, int] = {}
        self._next: dict[str, int] = {}

    def add(self, kind: str, said: str, count: int = 1) -> None:
        """Count something; `said` are its words."""
        total = self.counts[kind] = self.counts.get(kind, 0) + count
        if total < self._next.get(kind, 1):
            return
        self._next[kind] = 2 * total
        if self.tell is not None:
            self.tell(said if total == 1 else f"{said}; {total} by now")
