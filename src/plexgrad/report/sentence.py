"""One sentence that says what was done, in the order in which one would tell it."""

from plexgrad.core.record import Record
from plexgrad.report.facts import (
    axis,
    chips,
    effects,
    method,
    part,
    seeds,
    words,
)
from plexgrad.report.numbers import count, number


def sentence(record: Record) -> str:
    """What was trained, on what, how, and for how long."""
    what = _device(record) or f"{_network(record)} {_chip(record)}"
    said = f"{what}, trained by {_estimator(record)}"
    slots, clock = record.spec.get("slots"), part(record.spec, "clock")
    if record.status == "stopped" and (done := axis(record, "slot")) is not None:
        slots = done[-1]
    if number(slots) > 0:
        said += f" for {count(slots)} slots"
    if number(updates := record.evaluations.get("updates")) > 0:
        said += f", in {count(updates)} updates{_rule(record)}"
        if analog := part(record.spec, "dynamics"):
            filters = f"tau_hp {number(analog.get('tau_hp')):g}"
            said += f", analog in every slot (filters: {filters}"
            said += f", tau_theta {clock.get('tau_theta')})"
        elif number(hold := clock.get("tau_theta")) > 1:
            said += f", one every {count(hold)} slots"
    return f"{said}. {_repeats(seeds(record))}"


def _device(record: Record) -> str:
    """A device of a lab, of which only its knobs are known; "" for a simulated chip."""
    chip = chips(record)[0]
    if chip.get("kind") != "Lab":
        return ""
    name = f"{chip.get('vendor', '')} {chip.get('model', '')}".strip()
    knobs = f"a device with {count(record.extra.get('parameters'))} knobs"
    said = f"{name}, {knobs}" if name else knobs
    return said[0].upper() + said[1:]


def _network(record: Record) -> str:
    net = chips(record)[0].get("net")
    kind, sizes = part(net).get("kind"), part(net).get("sizes")
    name = words(kind) if kind else "network"
    if isinstance(sizes, list | tuple):
        name = "\N{EN DASH}".join(str(size) for size in sizes) + f" {name}"
    size = record.extra.get("parameters")
    return f"A {name}" + (f" with {count(size)} parameters" if size else "")


def _chip(record: Record) -> str:
    kind, around = chips(record)[0].get("kind"), effects(record)
    name = f"{words(kind)} chip" if kind else "chip"
    return f"on a {name}" + (f" with {' and '.join(around)}" if around else "")


def _estimator(record: Record) -> str:
    estimator = part(record.spec, "estimator")
    code = part(estimator, "code")
    details = []
    if kind := code.get("kind"):
        # Codes carry the names of people, so they keep their capitals.
        details.append(f"{words(kind).capitalize()} code")
    if (amplitude := number(code.get("amplitude"))) > 0:
        details.append(f"amplitude {amplitude:g}")
    if reference := estimator.get("reference"):
        details.append(f"{reference} reference")
    return method(record) + (f" ({', '.join(details)})" if details else "")


def _rule(record: Record) -> str:
    rule = part(record.spec, "rule")
    name = rule.get("name") or (rule.get("kind") if rule.get("kind") != "Rule" else "")
    return f" by {name}" if name else ""


def _repeats(times: int) -> str:
    return "One seed." if times == 1 else f"Repeated with {times} seeds."
