"""The contract of a study: one figure or table of a paper, made again in cells.

A study is one file. Its cases are independent of each other, so a run can stop between
any two and go on later; what a case finds is plain data, and the result is a function
of that data alone. The skeleton:

    @dataclass(frozen=True)
    class CostNoise(AbstractStudy):
        '''Success against cost noise.'''

        name: ClassVar[str] = "a-cost-noise"      # on the command line; a- or b- first
        title: ClassVar[str] = "Training through a noisy cost"
        source: ClassVar[str] = "McCaughan et al. 2023, doi:10.1063/5.0157645, fig 8"
        expected: ClassVar[dict] = {              # rough times; evaluations are counted
            "tiny": Expected(2),                  # from the cases
            "machine": Expected(300),
            "paper": Expected(600, on="one H100", measured=False),
        }
        published: ClassVar[tuple] = (            # never a number that is not known
            Published("Fig 8", {"sigma": [0.1], "won": [None]}, "read off", "paper"),
        )

        def cases(self, scale):                   # names are file names
            few = {"tiny": 1, "machine": 4, "paper": 16}[scale]
            return [
                Case(f"sigma-{sigma:g}", {"sigma": sigma, "seeds": few}, 10_000 * few)
                for sigma in (0.0, 0.1)
            ]

        def run(self, case, desk):                # plain data, from case.settings alone
            found = train(..., out=desk.folder, resume=True)
            return {"steps": [...], "evaluations": found.evaluations["total"]}

        def result(self, scale, cells):           # cells[name] is what run returned
            return StudyResult("One sentence.", verdicts=..., tables=..., plots=...)

The laws in `tests/studies` find it: it runs at tiny scale in seconds, resumes, and its
result survives its file.
"""

import abc
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from plexgrad.core.study_result import Scale, StudyResult, Table
from plexgrad.core.validate import int_at_least, one_of, positive

SCALES: tuple[Scale, ...] = get_args(Scale)

Mark = Literal[
    "paper", "paper's code", "paper's data", "second-hand", "unverified", "derived"
]
"""How sure a published number is: where it was read."""


@dataclass(frozen=True)
class Case:
    """One independent cell: a name fit for a file, plain settings, what it may cost.

    `evaluations` are the cost evaluations it should take, which weigh it in progress.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    evaluations: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._=+-]*", self.name):
            raise ValueError(
                "a case's name must be letters, digits and ._=+- only, "
                f"got {self.name!r}"
            )
        int_at_least("evaluations", self.evaluations, 0)


@dataclass(frozen=True)
class Expected:
    """Roughly how long a scale takes, on what; `measured` or projected."""

    seconds: float | int
    on: str = "2 cores"
    measured: bool = True

    def __post_init__(self) -> None:
        positive("seconds", self.seconds)


@dataclass(frozen=True)
class Published:
    """Numbers of a paper in columns of one length; None where it gives none."""

    title: str
    columns: Mapping[str, Sequence[Any]]
    source: str
    mark: Mark

    def __post_init__(self) -> None:
        one_of("mark", self.mark, get_args(Mark))
        if len({len(values) for values in self.columns.values()}) != 1:
            raise ValueError(f"columns of {self.title!r} must be of one length")

    def __getitem__(self, column: str) -> Sequence[Any]:
        return self.columns[column]

    def at(self, column: str, **where: Any) -> Any:
        """The value of a column in the row where other columns have these values."""
        rows = zip(*(self.columns[name] for name in where), strict=True)
        wanted = tuple(where.values())
        return next(
            (v for v, row in zip(self[column], rows, strict=True) if row == wanted),
            None,
        )

    @property
    def table(self) -> Table:
        """As a table of a result."""
        rows = list(zip(*self.columns.values(), strict=True))
        note = f"{self.source} [{self.mark}]"
        return Table(self.title, tuple(self.columns), rows, note)


def _silent(share: float | int, news: str = "") -> None:
    pass


@dataclass(frozen=True)
class Desk:
    """What a case may use while it runs.

    `folder` stays if the run is killed, and is removed once the cell is saved: give it
    to `train(out=desk.folder, resume=True)` where a cell takes long. `tell(share,
    news)` says how much of the cell is done.
    """

    folder: Path
    tell: Callable[..., None] = _silent


class AbstractStudy(abc.ABC):
    """One figure or table; a frozen dataclass without required fields."""

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    expected: ClassVar[Mapping[Scale, Expected]]
    published: ClassVar[Sequence[Published]] = ()

    @abc.abstractmethod
    def cases(self, scale: Scale) -> list[Case]:
        """The cells of a scale, the cheapest first where it does not matter."""

    @abc.abstractmethod
    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        """One cell as plain data, a function of the case's settings alone.

        "evaluations" in it counts the cost evaluations that were made.
        """

    @abc.abstractmethod
    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        """What all cells of a scale say, from what `run` returned for each."""

    def evaluations(self, scale: Scale) -> int:
        """Cost evaluations that a scale should take."""
        return sum(case.evaluations for case in self.cases(scale))
