"""One script for every simulator of an on-chip trainer, and what each makes of it."""

import re
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.model import Model, Settings

CONTROLS = {"amplitude": "amplitude", "shift": "shift", "period": "period"}
WINDOW = {"first": "first", "stop": "stop", "count": "batch"}


@dataclass
class Script:
    """Load random weights and samples, train some steps, probe both ways, read."""

    design: Design
    settings: Settings
    steps: int
    samples: int
    seed: int = 0xBEEF1234

    def __post_init__(self):
        design, random = self.design, np.random.default_rng(3)
        one = design.one
        self.weights = random.integers(-one, one, design.synapses)
        self.x = random.integers(-one, one + 1, (self.samples, design.inputs))
        self.y = random.integers(-one, one + 1, (self.samples, design.outputs))

    def controls(self):
        """The control words by their port."""
        ports = {**CONTROLS, **WINDOW}
        found = {port: getattr(self.settings, name) for port, name in ports.items()}
        return found | {"seed": self.seed, "start": self.settings.first}

    def writes(self):
        """(space, address, word) of everything that is loaded."""
        for number, word in enumerate(self.weights):
            yield 0, number, int(word)
        for number, row in enumerate(np.concatenate([self.x, self.y], axis=1)):
            for column, word in enumerate(row):
                yield 1, (number << self.design.column_bits) + column, int(word)


def modelled(script):
    """Both costs, register and cycles of every step; weights; two probes; outputs."""
    model = Model(script.design)
    model.load(0, script.weights)
    model.load_samples(0, script.x, script.y)
    model.reseed(script.seed, script.settings.first)
    steps = []
    for _ in range(script.steps):
        model.step(script.settings)
        steps.append((model.plus, model.minus, model.register, model.cycles))
    weights = model.weights.tolist()
    probes = [model.half(script.settings, sign) for sign in (1, -1)]
    return steps, weights, probes, model.told.tolist()


def in_amaranth(script):
    """The same in Amaranth's own simulator, clock by clock."""
    pytest.importorskip("amaranth", reason="needs pip install amaranth")
    from amaranth.sim import Simulator

    from plexgrad.lab.rtl.verilog import built

    logic, found = built(script.design), []

    async def bench(ctx):
        def put(**values):
            for name, value in values.items():
                ctx.set(logic.ports[name], value)

        def get(name):
            return ctx.get(logic.ports[name])

        async def read(space, count):
            words = []
            for number in range(count):
                put(space=space, addr=number)
                await ctx.tick()
                words.append(get("word"))
            return words

        for space, address, word in script.writes():
            put(load=1, space=space, addr=address, data=word)
            await ctx.tick()
        put(load=0, reseed=1, **script.controls())
        await ctx.tick()
        put(reseed=0, run=1)
        await ctx.tick()
        steps, cycles, done = [], 0, 0
        while get("busy"):
            put(run=int(done < script.steps - 1))
            await ctx.tick()
            cycles += 1
            if get("steps") != done:
                done = get("steps")
                steps.append((get("plus"), get("minus"), get("lfsr"), cycles))
        weights, probes = await read(0, script.design.synapses), []
        for negative in (0, 1):
            put(probe=1, negative=negative)
            await ctx.tick()
            put(probe=0)
            while get("busy"):
                await ctx.tick()
            probes.append(get("minus" if negative else "plus"))
        outputs = await read(1, script.design.outputs)
        found.extend([steps, weights, probes, outputs])

    simulator = Simulator(logic.module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return tuple(found)


BENCH = """
`timescale 1ns/1ps
module bench;
  reg clk = 0, rst = 1, load = 0, space = 0, reseed = 0, run = 0, probe = 0;
  reg negative = 0;
  reg [15:0] addr = 0; reg [%(word)d-1:0] data = 0;
  reg [31:0] seed = %(seed)d;
  reg [15:0] start = %(start)d, first = %(first)d, stop = %(stop)d, count = %(count)d;
  reg [%(word)d-3:0] amplitude = %(amplitude)d;
  reg [4:0] shift = %(shift)d; reg [15:0] period = %(period)d;
  wire signed [%(word)d-1:0] word;
  wire busy; wire [31:0] plus, minus, steps, lfsr;
  %(top)s dut (.*);
  integer n, cycles = 0; reg [31:0] done = 0;
  task tick; begin #1 clk = 1; #1 clk = 0; end endtask
  task put(input where, input [15:0] at, input integer value);
    begin load = 1; space = where; addr = at; data = value; tick; load = 0; end
  endtask
  initial begin
    tick; tick; rst = 0; tick;
    %(writes)s
    reseed = 1; tick; reseed = 0; run = 1; tick;
    while (busy) begin
      run = done + 1 < %(steps)d;
      tick; cycles = cycles + 1;
      if (cycles > 100000) $finish;
      if (steps != done) begin
        done = steps;
        $display("step %%0d %%0d %%0d %%0d", plus, minus, lfsr, cycles);
      end
    end
    space = 0;
    for (n = 0; n < %(synapses)d; n = n + 1)
      begin addr = n; tick; $display("weight %%0d", word); end
    probe = 1; tick; probe = 0; while (busy) tick; $display("probe %%0d", plus);
    probe = 1; negative = 1; tick; probe = 0; while (busy) tick;
    $display("probe %%0d", minus);
    space = 1;
    for (n = 0; n < %(outputs)d; n = n + 1)
      begin addr = n; tick; $display("said %%0d", word); end
    $finish;
  end
endmodule
"""


def in_icarus(script, verilog, folder):
    """The same in Icarus Verilog."""
    if not shutil.which("iverilog"):
        pytest.skip("needs Icarus Verilog: apt install iverilog")
    design = script.design
    bench = BENCH % {
        **script.controls(),
        "word": design.word,
        "top": design.name,
        "steps": script.steps,
        "synapses": design.synapses,
        "outputs": design.outputs,
        "writes": "\n    ".join(f"put({s}, {a}, {w});" for s, a, w in script.writes()),
    }
    (folder / "bench.v").write_text(bench)
    (folder / "chip.v").write_text(verilog)
    command = ["iverilog", "-g2012", "-s", "bench", "-o", "bench", "bench.v", "chip.v"]
    subprocess.run(command, cwd=folder, check=True)
    said = subprocess.check_output(["vvp", "bench"], cwd=folder, text=True)
    found = {name: [] for name in ("step", "weight", "probe", "said")}
    for name, numbers in re.findall(r"^(\w+) ([-\d ]+)$", said, re.MULTILINE):
        found[name].append(tuple(map(int, numbers.split())))
    flat = {name: [n for (n,) in found[name]] for name in ("weight", "probe", "said")}
    return found["step"], flat["weight"], flat["probe"], flat["said"]
