"""The on-chip trainer: XOR over seeds, speed, letters, and what it takes of an FPGA.

    python benchmarks/rtl.py [--only xor|speed|letters|cells] [--seeds 20]

XOR: seeds 0, 1, ... draw nine weights in [-1, 1) and a code; settings were chosen on
seeds 100 to 119. A seed is solved if the mean cost of a hundred steps came below 0.05
and the last hundred, of 20,000 steps, are below it too. Letters: 49-4-4 with one
multiplier learns NIST7x7 alone, a memory full of samples at a time, and is scored on
all images by the bit-true model. Cells: Yosys, word level and for iCE40. Prints
Markdown; results go to benchmarks/results/rtl.json.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import plexgrad as pg
from plexgrad.lab.rtl import synthesis
from plexgrad.lab.rtl.data import LEVELS, words
from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.engines import engine_of
from plexgrad.lab.rtl.model import Model, Settings
from plexgrad.lab.rtl.verilog import kept

RESULTS = Path(__file__).parent / "results" / "rtl.json"
XOR = Design()
LETTERS = Design((49, 4, 4), samples=128)
STEPS, SOLVED = 20_000, 0.05
XOR_SETTINGS = (Settings(400, 1), Settings(200, 0), Settings(400, 4))
LETTER_SETTINGS, LETTER_STEPS = Settings(100, 9, 1, 4, 0, 128), 2_000
LETTER_SHIFTS = (9,) * 64 + (10,) * 32 + (11,) * 16
"""Rates of the fillings of the memory, chosen on seed 0; the run is on seed 1."""

LAYERS = ((2, 2, 1), (4, 4, 3), (49, 4, 4), (64, 32, 10))
WORDS = ((12, 8), (16, 12), (20, 16))


def samples(design, x, y):
    """Samples as the chip's words, bipolar."""
    levels = LEVELS["bipolar"]
    return words(design, levels.shown(x)), words(design, levels.aimed(y))


def solved(engine, settings, seed):
    """Whether a seed was solved, and its cost at the end, on the chip's scale."""
    random, task = np.random.default_rng(seed), pg.data.load("xor")
    one = XOR.one
    engine.load(0, random.integers(-one, one, XOR.synapses))
    engine.load_samples(0, *samples(XOR, task.x_train, task.y_train))
    engine.configure(settings)
    engine.reseed(int(random.integers(1, 2**32)), 0)
    ran = engine.run(STEPS)
    cost = (ran.plus + ran.minus).reshape(-1, 100).mean(axis=1) / (2 * 4 * one)
    return bool((cost < SOLVED).any() and cost[-1] < SOLVED), float(cost[-1])


def xor(seeds):
    """Seeds solved by the logic, for every setting."""
    engine, rows = engine_of("verilator", XOR, None, ""), []
    print("| amplitude | shift | seeds solved | cost of the worst solved |")
    print("| --- | --- | --- | --- |")
    for settings in XOR_SETTINGS:
        found = [solved(engine, settings, seed) for seed in range(seeds)]
        count = sum(good for good, _ in found)
        worst = max((cost for good, cost in found if good), default=float("nan"))
        row = {"amplitude": settings.amplitude, "shift": settings.shift}
        rows.append(row | {"solved": count, "seeds": seeds, "worst": worst})
        print(
            f"| {settings.amplitude} / 4096 | {settings.shift} "
            f"| {count} of {seeds} | {worst:.4f} |"
        )
    return rows


def speed():
    """Steps per second and cycles per step, by the wall and by the processor."""
    print("| engine | net | cycles/step | steps/s | steps per CPU second |")
    print("| --- | --- | --- | --- | --- |")
    rows = []
    for design, batch in ((XOR, 4), (LETTERS, 4)):
        for kind in ("verilator", "python"):
            engine = engine_of(kind, design, None, "")
            engine.configure(Settings(100, 4, 1, batch, 0, 4))
            steps, best = max(1, int(3e6 / design.cycles(batch) / 25**2)), (0.0, 0.0)
            if kind == "verilator":
                steps *= 25
            for _ in range(9):
                wall, cpu = time.perf_counter(), time.process_time()
                ran = engine.run(steps)
                took = time.perf_counter() - wall, time.process_time() - cpu
                best = tuple(max(b, steps / t) for b, t in zip(best, took, strict=True))
            name, cycles = "-".join(map(str, design.sizes)), ran.cycles // steps
            rows.append({"engine": kind, "net": name, "cycles": cycles})
            rows[-1] |= {"steps_per_s": best[0], "steps_per_cpu_s": best[1]}
            print(f"| {kind} | {name} | {cycles} | {best[0]:,.0f} | {best[1]:,.0f} |")
    return rows


def accuracy(weights, task):
    """The share of all images that weights get right, by the bit-true model."""
    x, _ = samples(LETTERS, task.x_test.reshape(len(task.x_test), -1), task.y_test)
    told = Model(LETTERS).outputs(weights, x)
    return float((told.argmax(axis=1) == task.y_test.argmax(axis=1)).mean())


def letters():
    """49-4-4 trained alone: accuracy on all images as the rate is halved and halved."""
    task, random = pg.data.load("nist7x7"), np.random.default_rng(1)
    engine = engine_of("verilator", LETTERS, None, "")
    engine.load(0, random.integers(-LETTERS.one, LETTERS.one, LETTERS.synapses) // 4)
    x = task.x_train.reshape(len(task.x_train), -1)
    curve = [accuracy(engine.weights(), task)]
    for filling, shift in enumerate(LETTER_SHIFTS, 1):
        engine.configure(replace(LETTER_SETTINGS, shift=shift))
        drawn = random.choice(len(x), LETTERS.samples, replace=False)
        engine.load_samples(0, *samples(LETTERS, x[drawn], task.y_train[drawn]))
        engine.reseed(engine.register(), 0)
        engine.run(LETTER_STEPS)
        if filling % 16 == 0:
            curve.append(accuracy(engine.weights(), task))
            print(f"{100 * curve[-1]:.1f} %", end=" ", flush=True)
    print()
    steps, cycles = len(LETTER_SHIFTS) * LETTER_STEPS, engine.cycles
    print(
        f"49-4-4, {LETTERS.synapses} synapses, {LETTERS.samples} samples on the chip: "
        f"{100 * curve[0]:.1f} % -> {100 * curve[-1]:.1f} % of {len(x):,} images in "
        f"{steps:,} steps, {cycles:,} cycles"
    )
    return {"steps": steps, "cycles": cycles, "accuracy": curve}


def cells():
    """Cells of every net and word width."""
    names = "net word form synapses cells LUTs flip-flops multipliers memories UP5K"
    print(f"| {names.replace(' ', ' | ')} |")
    print("| --- " * len(names.split()) + "|")
    rows = []
    for sizes in LAYERS:
        for word, fraction in WORDS:
            if word != 16 and sizes not in ((2, 2, 1), (49, 4, 4)):
                continue
            design = Design(sizes, word, fraction, samples=16)
            verilog, top = kept(design), design.name
            row = {"net": "-".join(map(str, sizes)), "word": f"Q{word}.{fraction}"}
            row |= {"form": design.form, "synapses": design.synapses}
            row |= {"cells": synthesis.checked(verilog, top)["cells"]}
            found = synthesis.ice40(verilog, top)
            fits = all(found[name] <= most for name, most in synthesis.UP5K.items())
            names = ("luts", "flip_flops", "multipliers", "memories")
            row |= {name: found[name] for name in names} | {"up5k": fits}
            rows.append(row)
            print("| " + " | ".join(str(value) for value in row.values()) + " |")
    return rows


def main():
    """Run what was asked for, and keep it beside what was run before."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", choices=("xor", "speed", "letters", "cells"))
    options.add_argument("--seeds", type=int, default=20)
    given = options.parse_args()
    parts = {
        "xor": lambda: xor(given.seeds),
        "speed": speed,
        "letters": letters,
        "cells": cells,
    }
    kept_before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name, run in parts.items():
        if given.only in (None, name):
            kept_before[name] = run()
            print()
            RESULTS.write_text(json.dumps(kept_before, indent=1) + "\n")


if __name__ == "__main__":
    main()
