"""Options that every command has that trains: when to stop, and what to keep."""

from typing import Annotated, Any

import typer

ENDS = "Where it ends"


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=ENDS, show_default=False)


Until = Annotated[
    list[str] | None,
    _option(
        "Stop where METRIC=LEVEL is reached at a point of the curves, on the mean over "
        "seeds: test_accuracy=0.97, test_cost=0.01, train_..., or cost (of the newest "
        "slots); repeatable, any one ends it."
    ),
]
PatiencePoints = Annotated[
    int | None,
    _option("Stop after so many points in a row that were no better on the test set."),
]
BestKept = Annotated[
    bool,
    _option(
        "Keep the parameters of the best point (test accuracy, then test cost) in "
        "params.npz, not the last ones.",
        "--best",
    ),
]
