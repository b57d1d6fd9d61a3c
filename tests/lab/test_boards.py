"""Boards: their URLs, the shipped firmware, and what is said when a part is missing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plexgrad.lab.find import device_at
from plexgrad.lab.mcu.board import Board, board_of, firmware, segments
from plexgrad.lab.mcu.cortex import Cortex
from plexgrad.lab.mcu.qemu_mcu import QemuMCU

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mcu:4-x", "numbers joined by dashes, got '4-x'"),
        ("mcu:4", "sizes must be 2 to 8"),
        ("mcu:4-2000", "sizes must be 1 to 1024"),
        ("mcu:1000-1000", "parameters must be 131072 at most, got 1001000"),
        ("qemu:4-2?output=relu", "output must be one of"),
        ("qemu:4-2?link=usb", "link must be one of"),
        ("mcu:4-2?serial=" + "x" * 40, "serial must be 31 bytes at most"),
    ],
)
def test_boards_that_cannot_be_are_refused(url, said):
    with pytest.raises(ValueError, match=said):
        device_at(url)


def test_a_url_says_all_of_a_board():
    board, _ = board_of("mcu:9-3-1?output=tanh&serial=LAB-3")
    assert board == Board((9, 3, 1), "tanh", "LAB-3")
    with pytest.raises(ValueError, match="firmware must be an ELF of 32 bits"):
        segments(b"nothing")


def test_the_shipped_firmware_is_that_of_the_source(tmp_path):
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        pytest.skip("needs arm-none-eabi-gcc")
    made = tmp_path / "firmware.elf"
    subprocess.run([sys.executable, ROOT / "firmware" / "build.py", made], check=True)
    version = subprocess.check_output([compiler, "-dumpfullversion"], text=True)
    if version.strip() != "12.2.1":
        pytest.skip(f"shipped by gcc 12.2.1, this is {version.strip()}")
    assert segments(made.read_bytes()) == segments(firmware())


def test_a_missing_part_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "unicorn", None)
    with pytest.raises(ImportError, match="unicorn is missing: pip install"):
        Cortex(Board())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="apt install qemu-system-arm"):
        QemuMCU().open()
