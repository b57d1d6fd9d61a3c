"""`plexgrad train --tuned`: the setting is measured first, and the run takes it."""

from collections.abc import Callable, Mapping
from typing import Any

from plexgrad.cli.options import with_options
from plexgrad.training.specs import build
from plexgrad.training.tune import tune

FOUND = ("amplitude", "tau_theta", "eta")
"""The options that are found."""

TAKEN = ("chip", "data", "estimator", "rule", "clock", "key", "batch", "sampling")
"""Arguments of a run that `tune` takes too."""


def tuned(
    settings: dict[str, Any],
    options: Mapping[str, Any],
    folder: str | None,
    say: Callable[[str], object],
) -> dict[str, Any]:
    """The settings with what `tune` recommends for the chip of seed 0.

    Raises ValueError for options that would be overridden, and for analog time.
    """
    given = [name for name in FOUND if options.get(name) is not None]
    if given:
        raise ValueError(f"--tuned must find {', '.join(given)}, got them as well")
    if "dynamics" in settings:
        raise ValueError("--tuned must be of discrete time, got --analog")
    arguments = build(settings, folder)
    found = tune(**{name: arguments[name] for name in TAKEN if name in arguments})
    say(
        f"tuned with {found.spent:,} evaluations of one chip: amplitude "
        f"{found.amplitude:.3g}, tau_theta {found.tau_theta}, eta {found.eta:.3g}"
    )
    for sentence in found.warnings:
        say(f"warning: {sentence}")
    return with_options(settings, {name: getattr(found, name) for name in FOUND})
