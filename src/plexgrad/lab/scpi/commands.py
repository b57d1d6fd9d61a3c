"""The commands of the SCPI instrument: what each header does to the device.

The table in docs/lab-scpi.md describes them. Numbers travel as little-endian blocks:
float32 for parameters, samples, costs and outputs, int8 for codes, uint32 for sample
numbers.
"""

import json
from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np

from plexgrad.core.validate import int_at_least
from plexgrad.lab.device import Measurement, Shown
from plexgrad.lab.perturbations import Codes, Perturbations, Update
from plexgrad.lab.scpi.session import Session
from plexgrad.lab.scpi.syntax import Item, ScpiError, block, spellings
from plexgrad.lab.serving_limits import (
    NUMBERS,
    READINGS,
    SHOWN,
    check_measure,
    check_update,
    check_write,
    most,
)

Command = Callable[..., bytes | None]
ECHO = "SYST:ECHO?"
COMMANDS: dict[str, tuple[Command, int]] = {}
"""Every spelling of every header: what it does, and how many parameters it takes."""


def at(pattern: str) -> Callable[[Command], Command]:
    """Enter a function under a header; its parameters are those of the command."""

    def enter(command: Command) -> Command:
        count = len(signature(command).parameters) - 1
        COMMANDS.update(dict.fromkeys(spellings(pattern), (command, count)))
        return command

    return enter


@at("*IDN?")
def identity(it: Session) -> bytes:
    """Vendor, model, serial number and firmware."""
    who = it.device.identify()
    told = who.vendor, who.model, who.serial, who.firmware or "0"
    return ",".join(each.replace(",", " ") for each in told).encode()


@at("*OPC?")
def complete(it: Session) -> bytes:
    """1, once everything before it is done."""
    return b"1"


@at("*CLS")
def clear(it: Session) -> None:
    """Forget all errors and events."""
    it.errors.clear()
    it.status.events = 0


@at("*RST")
def reset(it: Session) -> None:
    """Show nothing, repeat nothing; parameters and data stay."""
    it.shown, it.repeats, it.last = Shown(), 1, None


@at("*ESR?")
def events(it: Session) -> bytes:
    """The event status register, which reading clears."""
    found, it.status.events = it.status.events, 0
    return b"%d" % found


@at("*ESE")
def enable(it: Session, mask: Item) -> None:
    """Which events the status byte shall sum up; kept, and nothing else."""
    it.enabled = int_at_least("mask", integer(mask), 0, 255)


@at("*ESE?")
def enabled(it: Session) -> bytes:
    """The number that *ESE set."""
    return b"%d" % it.enabled


@at("SYSTem:ERRor[:NEXT]?")
def error(it: Session) -> bytes:
    """The oldest error, which leaves the queue."""
    said = it.errors.popleft() if it.errors else '0,"No error"'
    return str(said).encode("latin-1", "replace")


@at("SYSTem:VERSion?")
def version(it: Session) -> bytes:
    """The SCPI version that the syntax follows."""
    return b"1999.0"


@at("SYSTem:CAPabilities?")
def capabilities(it: Session) -> bytes:
    """What the device declares, as a block of JSON."""
    told = {**it.device.capabilities.to_json(), "echo": ECHO}
    return block(json.dumps(told).encode())


@at("SYSTem:ECHO?")
def echo(it: Session, number: Item) -> bytes:
    """The number, so that a host knows to which question this is the answer."""
    return b"%d" % int_at_least("number", integer(number), 0, 2**32 - 1)


@at("W:DATA")
def write(it: Session, theta: Item) -> None:
    """Set all parameters."""
    values = array(theta, "<f4", it.device.capabilities.parameters)
    check_write(it.device.capabilities, values)
    it.device.write_parameters(values)


@at("W:DATA?")
def read(it: Session) -> bytes:
    """The parameters."""
    return block(it.device.read_parameters().astype("<f4"))


@at("W:PART")
def write_part(it: Session, index: Item, theta: Item) -> None:
    """Set the parameters with these numbers."""
    where = array(index, "<u4")
    values = array(theta, "<f4", len(where))
    check_write(it.device.capabilities, values, where)
    it.device.write_parameters(values, where)


@at("W:ADD")
def add(
    it: Session,
    one: Item,
    other: Item,
    start: Item,
    count: Item,
    hold: Item,
    amplitude: Item,
    coefficients: Item,
) -> None:
    """Add a sum of the device's own codes."""
    if not it.device.capabilities.applies_updates:
        raise ScpiError(-221, "Settings conflict;this device applies no updates")
    made = codes(one, other, start, count, hold, amplitude, "direct")
    update = Update(made, array(coefficients, "<f4", made.count))
    check_update(it.device.capabilities, update)
    it.device.update(update)


@at("DATA:LOAD")
def load(it: Session, key: Item, x: Item, y: Item) -> None:
    """Keep samples and targets under a key."""
    can = it.device.capabilities
    if not can.holds_data:
        raise ScpiError(-221, "Settings conflict;this device holds no data")
    samples = array(x, "<f4").reshape(-1, can.inputs)
    targets = array(y, "<f4", len(samples) * can.outputs)
    name = text(key)
    it.status.keeps.check(can, name, len(samples))
    it.device.load_samples(samples, targets.reshape(len(samples), -1), name)
    it.status.keeps.note(can, name, len(samples))


@at("DATA:SHOW")
def show(it: Session, key: Item, index: Item, groups: Item) -> None:
    """Show held samples in the next measurements."""
    numbers = array(index, "<u4").reshape(some(groups), -1)
    it.shown = Shown(handle=text(key), index=numbers)


@at("DATA:SEND")
def send(it: Session, x: Item, y: Item, groups: Item) -> None:
    """Show these samples in the next measurements."""
    can, many = it.device.capabilities, some(groups)
    samples = array(x, "<f4").reshape(many, -1, can.inputs)
    targets = array(y, "<f4").reshape(*samples.shape[:2], can.outputs)
    it.shown = Shown(samples, targets)


@at("DATA:NONE")
def hide(it: Session) -> None:
    """Show no samples."""
    it.shown = Shown()


@at("COST?")
def cost(it: Session) -> bytes:
    """The cost at rest, of every group of samples."""
    can, groups = it.device.capabilities, it.shown.groups
    most("groups x parameters", groups * can.parameters, NUMBERS)
    rest = np.zeros((groups, can.parameters), np.float32)
    return b",".join(b"%.9g" % float(each) for each in costs(measured(it, rest)))


@at("PERTurb:REPeat")
def repeat(it: Session, times: Item) -> None:
    """How often every row is measured, for the mean."""
    it.repeats = int_at_least("repeats", integer(times), 1, READINGS)


@at("PERTurb:BATCH?")
def batch(it: Session, amplitude: Item, signs: Item) -> bytes:
    """A cost per row of codes, which are multiplied by the amplitude."""
    told = array(signs, "|i1").reshape(-1, it.device.capabilities.parameters)
    rows = told.astype(np.float32) * np.float32(number(amplitude))
    return block(costs(measured(it, rows)))


@at("PERTurb:ROWS?")
def rows(it: Session, offsets: Item) -> bytes:
    """A cost per row of offsets."""
    told = array(offsets, "<f4").reshape(-1, it.device.capabilities.parameters)
    return block(costs(measured(it, told)))


@at("PERTurb:CODE?")
def coded(
    it: Session,
    one: Item,
    other: Item,
    start: Item,
    count: Item,
    hold: Item,
    amplitude: Item,
    reference: Item,
) -> bytes:
    """A cost per row of the device's own codes."""
    made = codes(one, other, start, count, hold, amplitude, text(reference).lower())
    return block(costs(measured(it, made)))


@at("PERTurb:OUTPut?")
def outputs(it: Session, offsets: Item) -> bytes:
    """The outputs for every row of offsets and sample."""
    told = array(offsets, "<f4").reshape(-1, it.device.capabilities.parameters)
    found = measured(it, told, "outputs").outputs
    if found is None:
        raise ScpiError(-221, "Settings conflict;this device gives no outputs")
    return block(np.asarray(found, "<f4"))


@at("PERTurb:HITS?")
def hits(it: Session) -> bytes:
    """How many samples were right in each row of the last measurement."""
    found = None if it.last is None else it.last.hits
    return block(np.zeros(0, "<f4") if found is None else np.asarray(found, "<f4"))


def measured(it: Session, what: Perturbations, want: str = "cost") -> Measurement:
    """A measurement with what is shown."""
    check_measure(it.device.capabilities, what, it.shown, want, it.repeats)
    found = it.device.measure(what, it.shown, want, it.repeats)
    it.last = found
    return found


def costs(found: Measurement) -> np.ndarray:
    """Its costs. Raises ScpiError if the device gives outputs only."""
    if found.cost is None:
        raise ScpiError(-221, "Settings conflict;this device gives no costs")
    return np.asarray(found.cost, "<f4")


def codes(
    one: Item,
    other: Item,
    start: Item,
    count: Item,
    hold: Item,
    amplitude: Item,
    reference: str,
) -> Codes:
    """The codes that six numbers and a word name."""
    key = integer(one), integer(other)
    span = integer(start), integer(count)
    return Codes(key, *span, number(amplitude), reference, integer(hold))


def array(item: Item, kind: str, size: int | None = None) -> np.ndarray:
    """The array in a block, of `size` numbers if that is given."""
    if not isinstance(item, bytes):
        raise ScpiError(-104, f"Data type error;a block must come here, got {item}")
    each = np.dtype(kind).itemsize
    if len(item) % each or size not in (None, len(item) // each):
        wanted = "whole" if size is None else size
        said = f"Invalid block data;{wanted} numbers of {each} bytes, got {len(item)}"
        raise ScpiError(-161, f"{said} bytes")
    return np.frombuffer(item, kind)


def number(item: Item) -> float:
    """A number. Raises ScpiError -104 for anything else."""
    try:
        return float(item)
    except ValueError:
        said = f"Data type error;a number must come here, got {item!r:.40}"
        raise ScpiError(-104, said) from None


def integer(item: Item) -> int:
    """A whole number."""
    found: Any = number(item)
    if not found.is_integer():
        raise ScpiError(-104, f"Data type error;a whole number must come, got {found}")
    return int(found)


def some(groups: Item) -> int:
    """A number of groups."""
    return int_at_least("groups", integer(groups), 1, SHOWN)


def text(item: Item) -> str:
    """A word or a quoted text."""
    if not isinstance(item, str):
        raise ScpiError(-104, "Data type error;a text must come here, got a block")
    return item
