"""The time table: CIFAR-10 on three kinds of hardware, and an honest upper bound.

McCaughan et al. 2023 (doi:10.1063/5.0157645), Table 3, from `plexgrad.timing`: the
paper's times are 2 n tau_p for n steps; the bound adds writes, sample loads, and
batches that are shown one image after another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

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
from plexgrad.studies import paper_a
from plexgrad.studies.study import AbstractStudy, Case, Desk, Expected, Published
from plexgrad.timing import table3

TIMES = ("HW1", "HW2", "HW3")
TABLE_3 = Published(
    "Table 3, CIFAR-10 after 10^7 steps",
    {
        "hardware": list(TIMES),
        "tau_p, s": [1e-3, 10e-9, 200e-12],
        "time, s": [5.6 * 3600, 0.2, 4e-3],
        "backpropagation, s": [480.0] * 3,
    },
    "McCaughan et al. 2023, Table 3: 5.6 h, 200 ms, 4 ms",
    "second-hand",
)


@dataclass(frozen=True)
class Time(AbstractStudy):
    """Table 3, and the upper bound beside it."""

    name: ClassVar[str] = "a-time"
    title: ClassVar[str] = "How long CIFAR-10 would take on hardware"
    source: ClassVar[str] = f"{paper_a.SOURCE}, Table 3"
    expected: ClassVar[Mapping[Scale, Expected]] = dict.fromkeys(
        ("tiny", "machine", "paper"), Expected(1)
    )
    published: ClassVar[Sequence[Published]] = (TABLE_3,)

    def cases(self, scale: Scale) -> list[Case]:
        return [Case("table-3", {"steps": 10**7})]

    def run(self, case: Case, desk: Desk) -> dict[str, Any]:
        return table3().to_json() | {"evaluations": 0}

    def result(self, scale: Scale, cells: Mapping[str, Any]) -> StudyResult:
        table = cells["table-3"]
        last = table["rule"][-1]["platforms"]
        verdicts = [
            Verdict.within(
                f"{name}: 2 n τ_p for 10^7 steps",
                TABLE_3.at("time, s", hardware=name),
                last[name]["rule_s"],
                0.01,
                unit="s",
            )
            for name in TIMES
        ]
        backpropagation = TABLE_3.at("backpropagation, s", hardware="HW1")
        rule = [
            [row["steps"], *(row["platforms"][name]["rule_s"] for name in TIMES)]
            for row in table["rule"]
        ]
        bound = [
            [
                _case(row),
                *(row["platforms"][name]["bound_s"] for name in TIMES),
                ", ".join(row["platforms"][name]["dominant"] for name in TIMES),
            ]
            for row in table["bound"]
        ]
        in_seconds = tuple(Column(name, "s") for name in TIMES)
        cases = [row for row in table["bound"]]
        return StudyResult(
            "The three times of the paper follow from n and τ_p alone. What they leave "
            "out is small where a perturbation takes long, and decides where it is "
            "fast: writes, sample loads and batches shown image by image.",
            verdicts=verdicts,
            tables=[
                Table("The paper's rule, 2 n τ_p", ("steps", *in_seconds), rule),
                Table(
                    "Upper bound at 10^7 steps of 1000 images",
                    ("case", *in_seconds, "governed by"),
                    bound,
                    "Nothing overlaps: evaluations, writes and loads one after "
                    "another.",
                ),
                TABLE_3.table,
            ],
            plots=[
                Plot(
                    "time",
                    "CIFAR-10, 10^7 steps",
                    Axis("hardware", ticks=TIMES),
                    Axis("time", "s", log=True),
                    [
                        Series(
                            "2 n τ_p",
                            range(3),
                            [last[name]["rule_s"] for name in TIMES],
                        ),
                        *(
                            Series(
                                words,
                                range(3),
                                [row["platforms"][name]["bound_s"] for name in TIMES],
                            )
                            for words, row in (
                                ("bound", cases[0]),
                                ("bound, image by image", cases[-2]),
                            )
                        ),
                        Series("paper", range(3), TABLE_3["time, s"], role="paper"),
                        Series(
                            "backpropagation",
                            (-0.4, 2.4),
                            (backpropagation, backpropagation),
                            role="law",
                        ),
                    ],
                    "The bounds are those of τ_x = τ_θ = 1. Backpropagation is the "
                    "paper's, on a computer. Lines join what belongs together; nothing "
                    "lies between platforms.",
                )
            ],
            notes=[
                f"The τ_p at which 10^7 steps take as long as the paper's "
                f"backpropagation is {table['break_even_s'] * 1e6:.3g} µs.",
                "The table counts time, not energy. The paper's τ_θ and τ_x for "
                "CIFAR-10 are not known, so several are shown.",
            ],
        )


def _case(row: Mapping[str, Any]) -> str:
    shown = "image by image" if row["one_by_one"] else "a batch at once"
    return f"τ_x {row['tau_x']:,}, τ_θ {row['tau_theta']:,}, {shown}"
