"""What `plexgrad time` prints: times to accuracy, what governs them, Table 3."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from plexgrad.core.record import Record
from plexgrad.report.durations import counted, duration, energy
from plexgrad.timing import Platform, Prediction, Timed, slot_s
from plexgrad.timing.platform import JOULES, SECONDS
from plexgrad.timing.reach import over_seeds
from plexgrad.timing.table3 import (
    BACKPROPAGATION_S,
    BATCH,
    PARAMETERS,
    PRINTED,
    Table3,
)

NOT_KNOWN = "not known"


def show_platforms(console: Console, found: Sequence[Platform]) -> None:
    """The constants of platforms, and where they are from."""
    table = _table("", *(platform.name for platform in found))
    rows = [*SECONDS, *JOULES, "power_w", "write_endurance"]
    for name in rows:
        values = [getattr(platform, name) for platform in found]
        if any(value is not None for value in values):
            table.add_row(name, *(_constant(name, value) for value in values))
    for name in ("parallel_writes", "parallel_samples"):
        values = [getattr(platform, name) for platform in found]
        table.add_row(name, *("all" if v is None else f"{v:,}" for v in values))
    console.print(table)
    for platform in found:
        source = platform.source.strip() or "no source given"
        console.print(f"{platform.name}: {source}", markup=False, highlight=False)


def show_times(console: Console, found: Timed) -> None:
    """A run on its platforms: to each accuracy, and what governs the time."""
    clock = found.clock
    console.print(
        f"{found.task}: {found.parameters:,} parameters, "
        f"{found.first.shape[1]} seeds, batch {found.batch}, "
        f"tau_p {clock.tau_p}, tau_x {clock.tau_x}, "
        + ("analog time" if found.analog else f"tau_theta {clock.tau_theta}")
    )
    console.print(_to_accuracy(found))
    console.print(
        "Upper bounds, median over seeds (10 % to 90 %); a seed that never gets there "
        "counts as infinite. Seeds are scored at points, so a time may be too long, in "
        f"these rows by up to {100 * found.coarseness.max():.0f} %."
    )
    if found.backpropagation is not None:
        console.print(f"Backpropagation: {found.backpropagation.source}.")
    if found.batch > 1 and any(p.parallel_samples is None for p in found.platforms):
        console.print(
            f"A batch of {found.batch} counts as one load and one evaluation; "
            "--one-by-one shows its samples one after another."
        )
    console.print()
    _show_governing(console, found)
    for warning in found.warnings:
        console.print(f"Warning: {warning}", style="bold red")


def as_run(record: Record, own: Platform) -> str:
    """What a run on a device took of time and wear, in a line."""
    count, seconds = record.evaluations["total"], record.throughput["seconds"]
    writes = record.extra.get("lab", {}).get("writes_max", 0)
    return (
        f"{own.name}: {count:,} evaluations in {duration(seconds)}, "
        f"{duration(own.evaluation_s)} each; {writes:,} writes of the busiest cell"
    )


def _to_accuracy(found: Timed) -> Table:
    beside = found.backpropagation
    names = [platform.name for platform in found.platforms]
    head = ["test accuracy", "seeds", "slots", "writes of a cell", *names]
    table = _table(*head, *([] if beside is None else ["backprop"]))
    cells = [_column(counted, found.first), _column(counted, found.writes)]
    cells += [_column(duration, found.each(p, "bound_s")) for p in found.platforms]
    if beside is not None:
        cells.append(_column(duration, beside.seconds(found.targets)))
    for number, target in enumerate(found.targets):
        share = f"{100 * found.share[number]:.0f} %"
        row = [f"{100 * target:.3g} %", share, *(cell[number] for cell in cells)]
        table.add_row(*row)
    return table


def _show_governing(console: Console, found: Timed) -> None:
    target, slots = found.judged
    to = "the whole run" if target is None else f"{100 * target:.3g} %"
    table = _table(f"to {to}", *(platform.name for platform in found.platforms))
    at = [found.at(platform, slots) for platform in found.platforms]
    table.add_row("slots", *[f"{slots:,}"] * len(at))
    table.add_row("evaluations", *(f"{each.counts.evaluations:,}" for each in at))
    table.add_row("rule 2 n tau_p", *(duration(each.rule_s) for each in at))
    table.add_row("upper bound", *(duration(each.bound_s) for each in at))
    if any(each.held_s < 0.995 * each.bound_s for each in at):
        table.add_row("if held patterns rest", *(duration(each.held_s) for each in at))
    for term in at[0].shares:
        shares = (_share(each, term) for each in at)
        table.add_row(f"  {term}", *shares)
    table.add_row("energy", *map(_energy, at))
    table.add_row("writes per cell", *(f"{each.counts.writes:,}" for each in at))
    table.add_row("of its endurance", *map(_wear, at))
    table.add_section()
    each_slot = (slot_s(platform, *found.setup) for platform in found.platforms)
    table.add_row("a slot", *map(duration, each_slot))
    every = [found.changes(platform) for platform in found.platforms]
    for number, change in enumerate(every[0]):
        label = f"  {change.tau} {change.slots:,}"
        table.add_row(label, *(_relative(row[number].relative) for row in every))
    console.print(table)
    console.print(
        "The last lines say what another tau does to the time of a slot. How many "
        "slots training needs changes as well: measure that with plexgrad train."
    )


def show_table3(console: Console, found: Table3) -> None:
    """Table 3 of paper A, by its rule and by the upper bound."""
    console.print(
        "Table 3 of McCaughan et al. 2023 from plexgrad's model: CIFAR-10, "
        f"{PARAMETERS:,} parameters"
    )
    table = _table("", *PRINTED)
    for row in found.rule:
        times = (duration(p.rule_s, 2) for p in row.predictions.values())
        table.add_row(f"2 n tau_p, {_steps(row.steps)}", *times)
    most = _steps(found.rule[-1].steps)
    table.add_row(f"the paper, {most}", *PRINTED.values())
    table.add_section()
    table.add_row(f"upper bound, {most}")
    for row in found.bound:
        every = row.predictions.values()
        label = f"tau_theta {row.clock.tau_theta}, tau_x {row.clock.tau_x}"
        shown = "samples one by one" if row.one_by_one else "batch at once"
        cells = (f"{duration(p.bound_s)}\n{_dominant(p)}" for p in every)
        table.add_row(f"{label}\n{shown}", *cells)
    table.add_section()
    beside = f"{BACKPROPAGATION_S:.0f} s"
    table.add_row("backprop, the paper", *[beside] * len(PRINTED))
    least = found.break_even_s
    last = found.rule[-1].predictions.values()
    ratios = (p.platform.tau_p_s / least for p in last)
    shown = (f"{r:.3g} x" if r > 1 else f"1 / {1 / r:,.0f}" for r in ratios)
    table.add_row(f"tau_p / break-even {duration(least)}", *shown)
    console.print(table)
    console.print(
        "The upper bound adds every write and load, lets nothing overlap, and names "
        "what takes the most time. The paper's tau_theta and tau_x for CIFAR-10 are "
        f"not known, nor whether its batch of {BATCH:,} is shown at once."
    )


def _steps(count: int) -> str:
    return f"10^{round(math.log10(count))} steps"


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold")
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number else "left")
    return table


def _column(shown: Any, values: np.ndarray) -> list[str]:
    """A cell for each target: the median, and below it the spread."""
    cells = (shown(tuple(row)) for row in over_seeds(values))
    return [cell.replace(" (", "\n").removesuffix(")") for cell in cells]


def _constant(name: str, value: float | None) -> str:
    if value is None:
        return NOT_KNOWN
    if name.endswith("_s"):
        return duration(value)
    if name.endswith("_j"):
        return energy(value)
    return f"{value:,.3g} W" if name.endswith("_w") else f"{value:,.0f}"


def _share(each: Prediction, term: str) -> str:
    share = f"{100 * each.shares[term]:.3g} %"
    return f"dominates {share}" if term == each.dominant else share


def _dominant(each: Prediction) -> str:
    return f"{each.dominant} {100 * each.shares[each.dominant]:.0f} %"


def _energy(each: Prediction) -> str:
    if each.energy_j is None:
        return NOT_KNOWN
    missing = each.platform.energy_missing
    without = f", without {', '.join(missing)}" if missing else ""
    return f"{energy(each.energy_j)}{without}"


def _wear(each: Prediction) -> str:
    return NOT_KNOWN if each.wear is None else f"{100 * each.wear:.3g} %"


def _relative(change: float) -> str:
    return "no change" if abs(change) < 5e-4 else f"{100 * change:+.3g} %"
