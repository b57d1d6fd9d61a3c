#!/usr/bin/env python3
"""Build the firmware, from nothing but this folder, the same to the last bit.

    python firmware/build.py [OUT.elf]

Needs arm-none-eabi-gcc (Debian: gcc-arm-none-eabi). Without OUT it goes where the
package ships it from.
"""

import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parent / "src" / "plexgrad" / "lab" / "mcu" / "firmware.elf"
COMPILER = "arm-none-eabi-gcc"
FLAGS = (
    "-mcpu=cortex-m3",
    "-mthumb",
    "-std=c11",
    "-O2",
    "-ffreestanding",
    "-nostdlib",
    "-fno-common",
    "-fdata-sections",
    "-ffunction-sections",
    "-fno-tree-loop-distribute-patterns",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,--no-warn-rwx-segments",
    "-s",
)


def tanh_table() -> str:
    """The table of round(4096 tanh(i / 512)) for i from -2048 to 2047, in C."""
    values = [round(4096 * math.tanh(i / 512)) for i in range(-2048, 2048)]
    lines = [
        "    " + " ".join(f"{value}," for value in values[n : n + 16])
        for n in range(0, len(values), 16)
    ]
    head = "/* Made by build.py. */\nstatic const i16 tanh_table[4096] = {\n"
    return head + "\n".join(lines) + "\n};\n"


def build(out: Path) -> None:
    """Compile and link into `out`. Raises SystemExit without a compiler."""
    if shutil.which(COMPILER) is None:
        raise SystemExit(f"{COMPILER} is missing: apt install gcc-arm-none-eabi")
    sources = sorted(path.name for path in HERE.glob("*.c"))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tanh.h").write_text(tanh_table(), "ascii")
        command = [COMPILER, *FLAGS, f"-I{folder}", "-T", "mps2.ld", *sources]
        subprocess.run([*command, "-lgcc", "-o", out.resolve()], cwd=HERE, check=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
