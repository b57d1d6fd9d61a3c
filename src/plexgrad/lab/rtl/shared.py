"""The shared form: one multiplier walks through all synapses, kept in memories.

Three memories hold weights, gradients and data, a fourth what the units say. The code
of a synapse is made again on every walk: the register shifts once per synapse, and
goes back to where the step began for the next sample.
"""

from typing import Any

from plexgrad.lab.rtl import hardware
from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.hardware import amaranth


class Shared:
    """Builds the logic of a design into `module`, with the `ports` of `hardware`."""

    def __init__(self, design: Design) -> None:
        am = amaranth()
        self.design, self.module = design, am.Module()
        self.ports = hardware.ports(design)
        word, most = am.signed(design.word), max(design.sizes) + 1
        self.synapse = am.Signal(range(design.synapses + 1), name="synapse")
        self.column, self.unit = (
            am.Signal(range(most), name=name) for name in ("column", "unit")
        )
        self.layer = am.Signal(range(len(design.layers)), name="layer")
        self.place = am.Signal(range(sum(design.sizes[1:]) + 1), name="place")
        self.window, self.sample, self.left, self.phase = (
            am.Signal(16, name=n) for n in ("window", "sample", "left", "phase")
        )
        self.half, self.probing, self.fetched, self.bias, self.added = (
            am.Signal(name=n) for n in ("half", "probing", "fetched", "bias", "added")
        )
        self.register = am.Signal(32, name="walked", init=1)
        self.sum = am.Signal(am.signed(2 * design.word + most.bit_length()), name="sum")
        self.gap, self.total = am.Signal(word, name="gap"), am.Signal(32, name="total")
        self.writing, self.squaring = am.Signal(name="writing"), am.Signal(name="sq")
        self.updating, self.saying = am.Signal(name="updating"), am.Signal(name="say")
        self._constants()
        self._memories()
        self._multiplier()
        self._learning()
        self._control()

    def _constants(self) -> None:
        """What the layer at work says: its inputs, its units, where its inputs are."""
        sizes = self.design.sizes
        self.inputs = self._of_layer("inputs", list(sizes[:-1]))
        self.last_unit = self._of_layer("last_unit", [size - 1 for size in sizes[1:]])
        bases = [sum(sizes[1:layer]) for layer in range(len(sizes) - 1)]
        self.base = self._of_layer("base", bases)
        self.at_end = self.layer == len(bases) - 1

    def _of_layer(self, name: str, numbers: list[int]) -> Any:
        """One of some constants, chosen by an expression.

        A `Switch` becomes a process, which Icarus does not start before its input
        changes for the first time.
        """
        am, found = amaranth(), numbers[-1]
        for layer, number in reversed(list(enumerate(numbers[:-1]))):
            found = am.Mux(self.layer == layer, number, found)
        return hardware.wire(self.module, am.Value.cast(found), name)

    def _memories(self) -> None:
        am, m, p, design = amaranth(), self.module, self.ports, self.design
        word, size = am.signed(design.word), design.synapses
        held = sum(design.sizes[1:])
        m.submodules.weights = weights = hardware.memory(word, size)
        m.submodules.gradients = gradients = hardware.memory(
            am.signed(design.accumulator), size
        )
        depth = design.samples << design.column_bits
        m.submodules.rows = rows = hardware.memory(word, depth)
        m.submodules.said = said = hardware.memory(word, held)
        self.weight, self.new_weight = weights.read_port(), weights.write_port()
        self.gradient, self.new_gradient = gradients.read_port(), gradients.write_port()
        self.row, self.new_row = rows.read_port(), rows.write_port()
        self.said, self.say = said.read_port(), said.write_port()
        host, idle = p["load"] & ~p["space"], ~p["busy"]
        column = am.Mux(self.writing, self.target, self.column)
        m.d.comb += [
            self.weight.addr.eq(am.Mux(idle, p["addr"], self.synapse)),
            self.gradient.addr.eq(self.synapse),
            self.new_row.addr.eq(p["addr"]),
            self.new_row.data.eq(p["data"]),
            self.new_row.en.eq(p["load"] & p["space"]),
            self.row.addr.eq(am.Cat(column[: design.column_bits], self.sample)),
            self.new_weight.en.eq(host),
            self.new_weight.addr.eq(p["addr"]),
            self.new_weight.data.eq(p["data"]),
            self.new_gradient.en.eq(host),
            self.new_gradient.addr.eq(p["addr"]),
            self.said.addr.eq(self.base + self.column),
        ]
        last = held - design.outputs
        with m.If(idle):
            m.d.comb += self.said.addr.eq(p["addr"] + last)
        space = am.Signal(name="space_before")
        m.d.sync += space.eq(p["space"])
        m.d.comb += p["word"].eq(am.Mux(space, self.said.data, self.weight.data))

    @property
    def target(self) -> Any:
        """The column of this unit's target."""
        return self.design.inputs + self.unit

    def _multiplier(self) -> None:
        """Products of weights and inputs, and squares of errors, one at a time."""
        am, m, p, design = amaranth(), self.module, self.ports, self.design
        offset = am.Mux(self.added, p["amplitude"], -p["amplitude"])
        weight = hardware.perturbed(m, self.weight.data, offset, "moved")
        a = am.Mux(self.layer == 0, self.row.data, self.said.data)
        one, other = (am.Signal(am.signed(design.word), name=n) for n in ("l", "r"))
        m.d.comb += [
            one.eq(am.Mux(self.squaring, self.gap, weight)),
            other.eq(am.Mux(self.squaring, self.gap, am.Mux(self.bias, design.one, a))),
        ]
        product = am.Signal(am.signed(2 * design.word), name="product")
        m.d.comb += product.eq(one * other)
        with m.If(self.fetched & ~self.updating):
            m.d.sync += self.sum.eq(self.sum + product)
        with m.If(self.squaring):
            error = hardware.squared_error(design, product)
            m.d.sync += self.total.eq(self.total + error)
        told = hardware.knee(m, design, self.sum >> design.fraction, "unit_said")
        m.d.comb += [
            self.say.addr.eq(self.place),
            self.say.data.eq(told),
            self.say.en.eq(self.saying),
        ]
        gap = self.say.data.as_signed() - self.row.data
        gap = hardware.saturated(m, gap, design.word, "gap")
        with m.If(self.saying):
            m.d.sync += self.gap.eq(gap)

    def _learning(self) -> None:
        """One synapse per cycle: correlate, and learn if it is time."""
        am, m, p, design = amaranth(), self.module, self.ports, self.design
        told = hardware.signal(m, design, p)
        self.due = self.phase + 1 >= p["period"]
        before = self.gradient.data
        summed = hardware.accumulated(m, design, before, self.added, told, "sum")
        summed = hardware.wire(m, summed, "summed")
        moved, rest = hardware.learnt(m, design, self.weight.data, summed, "learnt")
        with m.If(self.updating & self.fetched):
            m.d.comb += [
                self.new_weight.addr.eq(self.synapse - 1),
                self.new_weight.data.eq(moved),
                self.new_weight.en.eq(self.due),
                self.new_gradient.addr.eq(self.synapse - 1),
                self.new_gradient.data.eq(am.Mux(self.due, rest, summed)),
                self.new_gradient.en.eq(1),
            ]

    def _fetch(self) -> None:
        """Read a synapse; its code is the register's last bit."""
        m, register = self.module, self.register
        entering = register[31] ^ register[21] ^ register[1] ^ register[0]
        m.d.sync += [
            self.fetched.eq(1),
            self.added.eq(register[31] ^ (self.half & ~self.updating)),
            self.synapse.eq(self.synapse + 1),
            register.eq(amaranth().Cat(entering, register[:31])),
        ]

    def _restart(self) -> None:
        """Go back to the first synapse."""
        zeros = (self.synapse, self.column, self.unit, self.layer, self.place)
        self.module.d.sync += [each.eq(0) for each in zeros]
        self.module.d.sync += self.register.eq(self.ports["lfsr"])

    def _control(self) -> None:
        m, p = self.module, self.ports
        m.d.comb += p["busy"].eq(1)
        with m.FSM(name="state"):
            with m.State("IDLE"):
                self._idle()
            with m.State("FETCH"):
                self._fetch()
                m.d.sync += [
                    self.bias.eq(self.column == self.inputs),
                    self.column.eq(self.column + 1),
                ]
                with m.If(self.column == self.inputs):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.comb += self.writing.eq(1)
                m.d.sync += [self.fetched.eq(0), self.column.eq(0)]
                m.next = "SAY"
            with m.State("SAY"):
                self._say()
            with m.State("ERROR"):
                self._error()
            with m.State("LATCH"):
                self._latch()
            with m.State("UPDATE"):
                self._update()

    def _idle(self) -> None:
        m, p = self.module, self.ports
        m.d.comb += p["busy"].eq(0)
        m.d.sync += [
            self.total.eq(0),
            self.sum.eq(0),
            self.fetched.eq(0),
            self.sample.eq(self.window),
            self.left.eq(p["count"] - 1),
            self.half.eq(p["probe"] & p["negative"]),
            self.probing.eq(p["probe"]),
        ]
        self._restart()
        with m.If(p["reseed"]):
            m.d.sync += [
                p["lfsr"].eq(p["seed"]),
                self.window.eq(p["start"]),
                self.phase.eq(0),
            ]
        with m.Elif(p["run"] | p["probe"]):
            m.next = "FETCH"

    def _say(self) -> None:
        """A unit is ready: keep what it says, and go on with the next one."""
        m = self.module
        m.d.comb += self.saying.eq(1)
        m.d.sync += [self.sum.eq(0), self.place.eq(self.place + 1)]
        with m.If(self.at_end):
            m.next = "ERROR"
        with m.Else():
            self._next_unit()
            with m.If(self.unit == self.last_unit):
                m.d.sync += [self.unit.eq(0), self.layer.eq(self.layer + 1)]
            m.next = "FETCH"

    def _next_unit(self) -> None:
        self.module.d.sync += self.unit.eq(self.unit + 1)

    def _error(self) -> None:
        m = self.module
        m.d.comb += self.squaring.eq(1)
        self._next_unit()
        m.next = "FETCH"
        with m.If(self.unit == self.last_unit):
            self._restart()
            with m.If(self.left == 0):
                m.d.sync += self.sample.eq(self.window)
                m.next = "LATCH"
            with m.Else():
                m.d.sync += [
                    self.sample.eq(self.sample + 1),
                    self.left.eq(self.left - 1),
                ]

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
            m.next = "UPDATE"
        with m.Else():
            m.d.sync += self.half.eq(1)
            m.next = "FETCH"

    def _update(self) -> None:
        """Walk through the synapses once more; then the step is over."""
        m, p, am = self.module, self.ports, amaranth()
        beyond = self.window + p["count"]
        following = am.Mux(beyond >= p["stop"], p["first"], beyond)
        m.d.comb += self.updating.eq(1)
        with m.If(self.synapse != self.design.synapses):
            self._fetch()
        with m.Else():
            self._restart()
            m.d.sync += [
                self.fetched.eq(0),
                self.half.eq(0),
                self.window.eq(following),
                self.sample.eq(following),
                self.phase.eq(am.Mux(self.due, 0, self.phase + 1)),
                p["lfsr"].eq(self.register),
                self.register.eq(self.register),
                p["steps"].eq(p["steps"] + 1),
            ]
            m.next = "IDLE"
            with m.If(p["run"]):
                m.next = "FETCH"
