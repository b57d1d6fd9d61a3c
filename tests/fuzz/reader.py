"""What a reader is, for the tests and for `benchmarks/fuzz.py`.

A reader may refuse an input with a ValueError (or what else is told here); whatever it
accepts must be usable: a record can be reported, a run can be followed.
"""

import dataclasses
import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import mutations

ROOT = Path(__file__).parents[2]
DRAWN = 50
"""One in so many records and results that are accepted is drawn, which takes long."""


@dataclasses.dataclass(frozen=True)
class Reader:
    """How a kind of input is made, read and used; `refusals` beside ValueError."""

    name: str
    samples: Callable[[Path], list[bytes]]
    read: Callable[[Path, bytes, bool], Any]
    mutated: Callable[[random.Random, bytes], bytes] = mutations.bytes_of
    refusals: tuple[type[Exception], ...] = ()

    def inputs(self, folder: Path) -> Iterator[tuple[int, bytes]]:
        """Seeds from 0, and the input of each."""
        samples = self.samples(folder)
        for seed in itertools.count():
            rng = random.Random(f"{self.name} {seed}")
            yield seed, self.mutated(rng, rng.choice(samples))

    def try_one(self, folder: Path, data: bytes, drawn: bool) -> bool:
        """Whether an input is accepted; what is no clear refusal is raised."""
        try:
            self.read(folder, data, drawn)
        except (ValueError, *self.refusals) as error:
            if len(str(error)) > 1000:
                raise RuntimeError(f"a message of {len(str(error))} letters") from error
            return False
        return True


def from_file(name: str) -> Callable[..., Any]:
    """Makes a reader of a path one of bytes."""

    def of(read: Callable[[Path, bool], Any]) -> Callable[[Path, bytes, bool], Any]:
        def wrapped(folder: Path, data: bytes, drawn: bool) -> Any:
            path = folder / name
            path.write_bytes(data)
            return read(path, drawn)

        return wrapped

    return of
