"""Who is in a team: what all can do, what they are called, and their joint accounts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from plexgrad.lab.accounts import Accounts
from plexgrad.lab.capabilities import Capabilities
from plexgrad.lab.device import Identity, LinkCounts

SAME = ("shape", "low", "high", "step", "unit")
ALL = (
    "holds_data",
    "any_samples",
    "applies_updates",
    "fused",
    "exact_writes",
    "deterministic",
    "simulated",
)
OWN = ("skipped", "limited", "scored", "scored_readings", "score_s")
"""Counts of the run itself, which no member has."""

MOST = ("amplitude_low", "amplitude_step", "settle_s", "noise_std", "drift_per_s")


def common(
    cans: Sequence[Capabilities], identities: Sequence[Identity]
) -> Capabilities:
    """What every one of them can do; together they take as many rows as all do.

    Raises ValueError, naming two chips, unless their parameters and samples are alike.
    """
    first = cans[0]
    for can, who in zip(cans[1:], identities[1:], strict=True):
        for name, mine, theirs in (
            ("parameters", groups_of(first), groups_of(can)),
            ("inputs", first.inputs, can.inputs),
            ("outputs", first.outputs, can.outputs),
        ):
            if mine != theirs:
                raise ValueError(
                    f"{name} of a team must be alike: {identities[0]} has {mine}, "
                    f"{who} has {theirs}"
                )
    found: dict[str, Any] = {n: all(getattr(c, n) for c in cans) for n in ALL}
    found |= {name: max(getattr(can, name) for can in cans) for name in MOST}
    for name in ("returns", "makes_codes"):
        every = [set(getattr(can, name)) for can in cans]
        kept = set.intersection(*every)
        found[name] = tuple(n for n in getattr(first, name) if n in kept)
    rows = [can.max_rows for can in cans]
    samples = [can.max_samples for can in cans if can.max_samples]
    return replace(
        first,
        amplitude_high=min(can.amplitude_high for can in cans),
        max_rows=sum(rows) if all(rows) else 0,
        max_samples=min(samples, default=0),
        autonomous=False,
        **found,
    )


def groups_of(can: Capabilities) -> list[tuple[Any, ...]]:
    """Shape, range, step and unit of every group of parameters."""
    return [tuple(getattr(group, name) for name in SAME) for group in can.groups]


def joint_identity(identities: Sequence[Identity]) -> Identity:
    """One name for all. Raises ValueError if two are the same chip."""
    serials = [who.serial for who in identities]
    for serial in serials:
        if serials.count(serial) > 1:
            raise ValueError(
                "devices of a team must be different chips, got the serial number "
                f"{serial!r} {serials.count(serial)} times"
            )
    first = identities[0]
    return replace(first, serial=" + ".join(serials))


@dataclass
class Sums(Accounts):
    """The accounts of all members together, made when they are asked for.

    `writes` are those of the busiest chip, cell by cell; all else is added up. What a
    checkpoint brings goes to the first chip's account.
    """

    members: Sequence[Any] = field(default_factory=tuple)

    @classmethod
    def over(cls, members: Sequence[Any]) -> "Sums":
        """The accounts of these members of a team, which are open."""
        nothing = Accounts.of(members[0].bench.can.parameters)
        return cls(nothing.writes, nothing.saturated, members=members)

    def refresh(self) -> "Sums":
        """Take what the members have counted by now."""
        every = [member.bench.accounts for member in self.members]
        self.writes = np.max([each.writes for each in every], axis=0)
        self.saturated = np.sum([each.saturated for each in every], axis=0)
        for each in fields(Accounts):
            if each.name not in ("writes", "saturated", "link", *OWN):
                total = sum(getattr(one, each.name) for one in every)
                setattr(self, each.name, total)
        # All at once: what took the longest is what it took.
        for name in ("updates", "load_s", "recover_s", "settle_s"):
            setattr(self, name, max(getattr(one, name) for one in every))
        links = [one.link for one in every]
        for name in (each.name for each in fields(LinkCounts)):
            setattr(self.link, name, sum(getattr(link, name) for link in links))
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        self.refresh()
        found = super().arrays()
        found.pop("members")
        return found

    def take(self, arrays: dict[str, np.ndarray], link: LinkCounts) -> None:
        first = self.members[0].bench.accounts
        first.take(arrays, first.link)
        for name in OWN:
            if name in arrays:
                setattr(self, name, arrays[name].item())

    def summary(self, training_s: float = 0.0) -> dict[str, Any]:
        self.refresh()
        chips = [
            {
                "serial": member.bench.identity.serial,
                "rows": member.bench.accounts.rows,
                "left": member.left,
                "came_back": member.joined,
                "retries": member.bench.accounts.link.retries,
            }
            for member in self.members
        ]
        return super().summary(training_s) | {"chips": chips}
