"""The array: every synapse has its multiplier, and a layer takes one cycle.

Each synapse is a weight register, a code bit, a multiplier and a gradient accumulator;
the only number that is told to all of them is the change of the cost.
"""

from typing import Any

from plexgrad.lab.rtl import hardware
from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.hardware import amaranth


class Array:
    """Builds the logic of a design into `module`, with the `ports` of `hardware`."""

    def __init__(self, design: Design) -> None:
        am = amaranth()
        self.design, self.module = design, am.Module()
        self.ports = hardware.ports(design)
        word, wide = am.signed(design.word), am.signed(design.accumulator)
        size = range(design.synapses)
        self.weights = [am.Signal(word, name=f"w{n}") for n in size]
        self.gradients = [am.Signal(wide, name=f"g{n}") for n in size]
        self.units = [
            [am.Signal(word, name=f"a{layer}_{n}") for n in range(count)]
            for layer, count in enumerate(design.sizes[1:], 1)
        ]
        self.layer = am.Signal(range(len(design.layers)), name="layer")
        self.half, self.probing = am.Signal(name="half"), am.Signal(name="probing")
        self.window, self.sample = (am.Signal(16, name=n) for n in ("window", "sample"))
        self.left, self.phase = (am.Signal(16, name=n) for n in ("left", "phase"))
        self.total = am.Signal(32, name="total")
        self.ahead = am.Signal(16, name="ahead")
        self.codes, self.later = hardware.leap(self.module, self.ports["lfsr"], design)
        self.forward, self.correlate, self.update = (
            am.Signal(name=name) for name in ("forward", "correlate", "update")
        )
        self._network(self._data())
        self._synapses()
        self._control()

    def _data(self) -> list[Any]:
        """The data memory; a row's columns: inputs, then targets."""
        am, m, p, design = amaranth(), self.module, self.ports, self.design
        columns, word = design.inputs + design.outputs, design.word
        rows = hardware.memory(am.unsigned(columns * word), design.samples)
        m.submodules.rows = rows
        write, read = rows.write_port(granularity=word), rows.read_port()
        here = p["addr"][: design.column_bits]
        lanes = [p["load"] & p["space"] & (here == n) for n in range(columns)]
        m.d.comb += [
            write.addr.eq(p["addr"] >> design.column_bits),
            write.data.eq(p["data"].as_unsigned().replicate(columns)),
            write.en.eq(am.Cat(*lanes)),
            read.addr.eq(self.ahead),
        ]
        return [read.data.word_select(n, word).as_signed() for n in range(columns)]

    def _network(self, row: list[Any]) -> None:
        """One layer per cycle, then the squared errors."""
        am, m, p, design = amaranth(), self.module, self.ports, self.design
        a, start = row[: design.inputs], 0
        # The offsets differ in sign only, so the amplitude is negated once.
        size, less = p["amplitude"], am.Signal(am.signed(design.word - 1), name="less")
        m.d.comb += less.eq(-size)
        self.offsets = [am.Mux(code ^ self.half, size, less) for code in self.codes]
        for layer, (inputs, _) in enumerate(design.layers):
            for unit in self.units[layer]:
                stop = start + inputs
                total = self._weight(stop) << design.fraction
                for n in range(inputs):
                    total = total + self._weight(start + n) * a[n]
                said = hardware.knee(m, design, total >> design.fraction, unit.name)
                with m.If(self.forward & (self.layer == layer)):
                    m.d.sync += unit.eq(said)
                start = stop + 1
            a = self.units[layer]
        self.error = am.Const(0, 1)
        for said, target in zip(a, row[design.inputs :], strict=True):
            name = f"gap_{said.name}"
            gap = hardware.saturated(m, said - target, design.word, name)
            gap = hardware.wire(m, gap, name)
            self.error = self.error + hardware.squared_error(design, gap * gap)
        read = am.Signal(design.word, name="read")
        for space, values in enumerate((self.weights, a)):
            with m.If(p["space"] == space), m.Switch(p["addr"]):
                for n, value in enumerate(values):
                    with m.Case(n):
                        m.d.comb += read.eq(value)
        m.d.sync += p["word"].eq(read)

    def _weight(self, n: int) -> Any:
        return hardware.perturbed(
            self.module, self.weights[n], self.offsets[n], f"moved{n}"
        )

    def _synapses(self) -> None:
        """Correlate, learn, and let the host write."""
        m, p, design = self.module, self.ports, self.design
        told = hardware.signal(m, design, p)
        due = self.update & (self.phase + 1 >= p["period"])
        written = p["load"] & ~p["space"]
        both = zip(self.weights, self.gradients, self.codes, strict=True)
        for n, (weight, gradient, code) in enumerate(both):
            moved, rest = hardware.learnt(m, design, weight, gradient, f"learnt{n}")
            summed = hardware.accumulated(m, design, gradient, code, told, f"sum{n}")
            with m.If(self.correlate):
                m.d.sync += gradient.eq(summed)
            with m.If(due):
                m.d.sync += [weight.eq(moved), gradient.eq(rest)]
            with m.If(written & (p["addr"] == n)):
                m.d.sync += [weight.eq(p["data"]), gradient.eq(0)]
        with m.If(self.update):
            m.d.sync += self.phase.eq(amaranth().Mux(due, 0, self.phase + 1))

    def _control(self) -> None:
        m, p = self.module, self.ports
        m.d.comb += [self.ahead.eq(self.sample), p["busy"].eq(1)]
        m.d.sync += self.sample.eq(self.ahead)
        with m.FSM(name="state"):
            with m.State("IDLE"):
                self._idle()
            with m.State("FORWARD"):
                last = len(self.design.layers) - 1
                m.d.comb += self.forward.eq(1)
                m.d.sync += self.layer.eq(self.layer + 1)
                with m.If(self.layer == last):
                    m.d.sync += self.layer.eq(0)
                    m.next = "ERROR"
            with m.State("ERROR"):
                self._next_sample()
            with m.State("LATCH"):
                self._latch()
            with m.State("CORRELATE"):
                m.d.comb += self.correlate.eq(1)
                m.next = "UPDATE"
            with m.State("UPDATE"):
                self._finish()

    def _idle(self) -> None:
        m, p = self.module, self.ports
        m.d.comb += [p["busy"].eq(0), self.ahead.eq(self.window)]
        m.d.sync += [
            self.total.eq(0),
            self.left.eq(p["count"] - 1),
            self.half.eq(p["probe"] & p["negative"]),
            self.probing.eq(p["probe"]),
        ]
        with m.If(p["reseed"]):
            m.d.sync += [
                p["lfsr"].eq(p["seed"]),
                self.window.eq(p["start"]),
                self.phase.eq(0),
            ]
        with m.Elif(p["run"] | p["probe"]):
            m.next = "FORWARD"

    def _next_sample(self) -> None:
        m = self.module
        m.d.sync += [self.total.eq(self.total + self.error)]
        with m.If(self.left == 0):
            m.d.comb += self.ahead.eq(self.window)
            m.next = "LATCH"
        with m.Else():
            m.d.comb += self.ahead.eq(self.sample + 1)
            m.d.sync += self.left.eq(self.left - 1)
            m.next = "FORWARD"

    def _latch(self) -> None:
        m, p = self.module, self.ports
        m.d.sync += [self.total.eq(0), self.left.eq(p["count"] - 1)]
        with m.If(self.half):
            m.d.sync += p["minus"].eq(self.total)
        with m.Else():
            m.d.sync += p["plus"].eq(self.total)
        with m.If(self.probing):
            m.next = "IDLE"
        with m.Elif(self.half):
            m.next = "CORRELATE"
        with m.Else():
            m.d.sync += self.half.eq(1)
            m.next = "FORWARD"

    def _finish(self) -> None:
        m, p, am = self.module, self.ports, amaranth()
        beyond = self.window + p["count"]
        following = am.Mux(beyond >= p["stop"], p["first"], beyond)
        m.d.comb += [self.update.eq(1), self.ahead.eq(following)]
        m.d.sync += [
            self.window.eq(following),
            self.half.eq(0),
            p["lfsr"].eq(self.later),
            p["steps"].eq(p["steps"] + 1),
        ]
        with m.If(p["run"]):
            m.next = "FORWARD"
        with m.Else():
            m.next = "IDLE"
