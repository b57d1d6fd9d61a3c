"""A device as a time platform: from its calibration, or from a run on it."""

from pathlib import Path

from plexgrad.core.record import Record, write_atomically
from plexgrad.lab.calibrate import Calibration
from plexgrad.report.facts import part
from plexgrad.report.numbers import number
from plexgrad.timing import Platform

FILE = "platform.toml"


def platform_of(found: Calibration) -> Platform | None:
    """What a calibration measured, for `plexgrad time`; None if it has no rates."""
    if found.rates is None:
        return None
    ends = [group.endurance for group in found.capabilities.groups if group.endurance]
    rates, who = found.rates, found.identity
    shown = f"batches of {rates.batch}" if found.capabilities.inputs else "no samples"
    return Platform(
        name=f"{who.model} {who.serial}, calibrated",
        perturbation_s=0.0,
        evaluation_s=max(rates.evaluation_s, 1e-12),
        write_s=rates.write_s,
        sample_s=0.0,
        write_endurance=float(min(ends)) if ends else None,
        source=f"measured by plexgrad chip calibrate: {who}, costs of {shown} in "
        f"calls of {rates.rows}, perturbing and showing included; writes until settled",
    )


def write_platform(found: Calibration, folder: str | Path) -> Path | None:
    """Write `platform.toml`, if there is something to say; its path."""
    if (platform := platform_of(found)) is None:
        return None
    path = Path(folder) / FILE
    write_atomically(path, platform.to_toml().encode())
    return path


def platform_of_run(record: Record) -> Platform | None:
    """The device of a run as it was then; None for a run that was simulated.

    All that the run did is in the seconds of one evaluation.
    """
    chip, spent = part(record.spec, "chip"), number(record.throughput.get("seconds"))
    count = number(record.evaluations.get("total"))
    if chip.get("kind") != "Lab" or not (spent > 0 and count > 0):
        return None
    return Platform(
        name=f"{chip.get('model')} {chip.get('serial')}",
        perturbation_s=0.0,
        evaluation_s=spent / count,
        write_s=0.0,
        sample_s=0.0,
        source="measured in this run, everything in the seconds of an evaluation",
    )
