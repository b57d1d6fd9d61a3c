"""Ports and arithmetic that both forms of the trainer share, in Amaranth.

Amaranth is loaded when logic is first built, not before. Ports:

| port | bits | meaning |
| --- | --- | --- |
| `clk`, `rst` | 1 | clock, synchronous reset |
| `load`, `space`, `addr`, `data` | 1, 1, 16, word | write a weight in space 0; in 1, |
| | | column c of sample s, at s << column bits, plus c |
| `word` | word | one cycle later: weight addr, or in space 1 output addr |
| `reseed`, `seed`, `start` | 1, 32, 16 | set the code's register and the first sample |
| `run` | 1 | steps follow one another while it is high |
| `probe`, `negative` | 1, 1 | one cost, with codes added, or taken away |
| `amplitude`, `shift`, `period` | word - 2, 5, 16 | of codes, rate, per update |
| `first`, `stop`, `count` | 16 each | data window: `count` samples at a time |
| `busy` | 1 | a step or a probe is under way |
| `plus`, `minus` | 32 each | last costs: sums of squared errors |
| `steps`, `lfsr` | 32 each | steps since reset, the code's register |
"""

import importlib
from collections.abc import Sequence
from typing import Any

from plexgrad.core.extras import install
from plexgrad.lab import shifts
from plexgrad.lab.rtl.design import GUARD, Design


def amaranth() -> Any:
    """Amaranth's language. Raises ModuleNotFoundError that says what to install."""
    try:
        return importlib.import_module("amaranth.hdl")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"building logic needs Amaranth: {install('rtl')}"
        ) from None


def memory(shape: Any, depth: int) -> Any:
    """A memory of zeros, as Amaranth's standard library has it."""
    return importlib.import_module("amaranth.lib.memory").Memory(
        shape=shape, depth=depth, init=[]
    )


def ports(design: Design) -> dict[str, Any]:
    """The signals of the ports by name, in the order above, without clock and reset."""
    am, word = amaranth(), design.word
    widths: dict[str, Any] = {
        "load": 1,
        "space": 1,
        "addr": 16,
        "data": am.signed(word),
        "word": am.signed(word),
        "reseed": 1,
        "seed": 32,
        "start": 16,
        "run": 1,
        "probe": 1,
        "negative": 1,
        "amplitude": word - 2,
        "shift": 5,
        "period": 16,
        "first": 16,
        "stop": 16,
        "count": 16,
        "busy": 1,
        "plus": 32,
        "minus": 32,
        "steps": 32,
        "lfsr": 32,
    }
    starts = {"lfsr": 1}
    return {
        name: am.Signal(shape, name=name, init=starts.get(name, 0))
        for name, shape in widths.items()
    }


def wire(module: Any, value: Any, name: str) -> Any:
    """A value under a name: made once, however often it is read."""
    am = amaranth()
    signal = am.Signal(value.shape(), name=name)
    module.d.comb += signal.eq(value)
    return signal


def saturated(module: Any, value: Any, bits: int, name: str) -> Any:
    """A signed value in so many bits, the nearest that there is."""
    am, high = amaranth(), (1 << bits - 1) - 1
    value = wire(module, value, f"{name}_whole")
    # Within range if all bits above the sign are copies of it.
    spare = value[bits - 1 :]
    rail = am.Mux(value[-1], -high - 1, high)
    return am.Mux(spare.any() & ~spare.all(), rail, value[:bits].as_signed())


def clipped(value: Any, low: int, high: int) -> Any:
    """A signed value, which should be a wire, between two constants."""
    am = amaranth()
    return am.Mux(value > high, high, am.Mux(value < low, low, value))


def knee(module: Any, design: Design, total: Any, name: str) -> Any:
    """The neuron of `model.knee`."""
    am, bend = amaranth(), 3 << design.fraction - 2
    total = wire(module, total, f"{name}_total")
    above = bend + ((total - bend) >> 4)
    below = -bend + ((total + bend) >> 4)
    soft = am.Mux(total > bend, above, am.Mux(total < -bend, below, total))
    return clipped(wire(module, soft, f"{name}_soft"), -design.one, design.one)


def perturbed(module: Any, weight: Any, offset: Any, name: str) -> Any:
    """A weight with its offset, in as many bits as before."""
    return wire(module, (weight + offset)[: len(weight)].as_signed(), name)


def squared_error(design: Design, product: Any) -> Any:
    """A square on the scale of a word, without a sign."""
    return (product >> design.fraction).as_unsigned()


def signal(module: Any, design: Design, ports: dict[str, Any]) -> Any:
    """What is told to every synapse: the cost's change, times the learning rate."""
    am = amaranth()
    change = wire(module, ports["plus"] - ports["minus"], "change")
    cut = clipped(change, -design.largest, design.largest)[: design.word]
    told = am.Cat(am.Const(0, GUARD), cut).as_signed() >> ports["shift"]
    return wire(module, told, "told")


def accumulated(
    module: Any, design: Design, gradient: Any, added: Any, told: Any, name: str
) -> Any:
    """A gradient with the signal added or taken away."""
    am = amaranth()
    moved = am.Mux(added, gradient + told, gradient - told)
    return saturated(module, moved, design.accumulator, name)


def learnt(
    module: Any, design: Design, weight: Any, gradient: Any, name: str
) -> tuple[Any, Any]:
    """The weight without the whole part of its gradient, and what is left of that."""
    moved = wire(module, weight - (gradient >> GUARD), name)
    return clipped(moved, -design.limit, design.limit), gradient[:GUARD]


def leap(module: Any, register: Any, design: Design) -> tuple[Sequence[Any], Any]:
    """All codes of a step at once, and the register of the next step.

    Every output to come is an exclusive or of some bits of the register now.
    """
    am, size = amaranth(), design.synapses
    masks = [1 << bit for bit in range(shifts.BITS - 1, -1, -1)]
    stride = shifts.per_pattern(design.code, size)
    while len(masks) < max(stride + shifts.BITS, size):
        entering = 0
        for tap in shifts.TAPS:
            entering ^= masks[-tap - 1]
        masks.append(entering)
    codes = masks[:size]
    if design.code == "taps":
        codes = masks[shifts.BITS - 1 :: -1][:size]

    def bit(mask: int) -> Any:
        return am.Cat(*(register[n] for n in range(32) if mask >> n & 1)).xor()

    later = [bit(mask) for mask in masks[stride : stride + shifts.BITS]]
    named = [wire(module, bit(mask), f"code{n}") for n, mask in enumerate(codes)]
    return named, am.Cat(*reversed(later))
