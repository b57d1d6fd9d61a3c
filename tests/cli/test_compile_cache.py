"""Programs kept between starts: used again, whole or not at all, never in the way."""

import os
import subprocess
import sys
import threading

import jax
import pytest

from plexgrad.cli import compile_cache
from plexgrad.cli.compile_cache import Entries, folder, swept
from tests.children import PATIENCE_S

OURS = "jaxlib-0.7.1-0123abcd"

CHILD = """
import jax, jax.numpy as jnp
from jax import monitoring
from plexgrad.cli import compile_cache
seen = []
monitoring.register_event_listener(lambda name, **_: seen.append(name))
compile_cache.use()
print(jax.jit(lambda x: jnp.sin(x).sum())(jnp.ones(8)))
for kind in ("hits", "misses"):
    print(sum(name.endswith(f"cache_{kind}") for name in seen))
"""


def child(root):
    """Result, hits and misses of a process that keeps its programs in a folder."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    own |= {compile_cache.VARIABLE: str(root), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-W", "error", "-c", CHILD]
    ended = subprocess.run(
        command, env=own, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    result, hits, misses = ended.stdout.split()
    return float(result), int(hits), int(misses)


def zeroed(file):
    """Write zeros where a power cut might leave them."""
    told = bytearray(file.read_bytes())
    told[len(told) // 2 : len(told) // 2 + 16] = bytes(16)
    file.write_bytes(told)


def test_the_second_start_compiles_nothing_unless_it_is_damaged(tmp_path):
    result, hits, misses = child(tmp_path / "kept")
    assert hits == 0
    assert misses > 0
    assert child(tmp_path / "kept") == (result, misses, 0)
    files = sorted((tmp_path / "kept").glob("*/*-cache"))
    assert len(files) == misses
    zeroed(files[0])
    files[-1].write_bytes(files[-1].read_bytes()[:-1])
    spoiled = len({files[0], files[-1]})
    assert child(tmp_path / "kept") == (result, misses - spoiled, spoiled)


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path):
    (tmp_path / "file").touch()
    result, hits, misses = child(tmp_path / "file")
    assert (hits, misses) == (0, 0)


def test_an_entry_is_whole_or_not_there(tmp_path):
    entries = Entries(tmp_path)
    assert entries.get("a") is None
    entries.put("a", b"program")
    file = tmp_path / "a-cache"
    assert entries.get("a") == b"program"
    whole = file.read_bytes()
    for damaged in (b"", whole[:20], whole[:-1], whole + b"x", b"\0" * len(whole)):
        file.write_bytes(damaged)
        assert entries.get("a") is None
        assert not file.exists()
    Entries(tmp_path / "none").put("a", b"program")
    assert Entries(tmp_path / "none").get("a") is None


def test_two_writers_and_a_reader_never_meet_half_a_program(tmp_path):
    entries, programs = Entries(tmp_path), [bytes([n]) * 10**6 for n in (1, 2)]

    def write(program):
        for _ in range(20):
            entries.put("a", program)

    writers = [threading.Thread(target=write, args=(each,)) for each in programs]
    entries.put("a", programs[0])
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert entries.get("a") in programs
    assert [file.name for file in tmp_path.iterdir()] == ["a-cache"]


def test_the_programs_that_were_used_last_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(compile_cache, "MOST_BYTES", 250)
    for number in range(4):
        file = tmp_path / OURS / f"{number}-cache"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes(100))
        os.utime(file, (number, number))
    swept(tmp_path)
    assert {file.name for file in tmp_path.glob("*/*")} == {"2-cache", "3-cache"}


def test_what_the_user_keeps_in_the_folder_stays(tmp_path):
    names = ("notes.txt", "data/old.bin", "jaxlib-mine/a-cache", f"{OURS}/old.bin")
    ours = [tmp_path / OURS / name for name in ("a-cache", f".{'0' * 16}.part")]
    for file in (*(tmp_path / name for name in names), *ours):
        file.parent.mkdir(exist_ok=True)
        file.touch()
        os.truncate(file, compile_cache.MOST_BYTES + 1)
        os.utime(file, (1, 1))
    swept(tmp_path)
    assert all((tmp_path / name).exists() for name in names)
    assert not any(file.exists() for file in ours)


def test_the_folder_is_the_users_and_says_for_what_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(compile_cache.VARIABLE, raising=False)
    place = folder()
    assert place.parent == tmp_path / "plexgrad" / "programs"
    assert jax.lib.__version__ in place.name
    assert place.name.endswith(compile_cache.processor())
    monkeypatch.setenv(compile_cache.VARIABLE, "off")
    assert folder() is None
    monkeypatch.setenv(compile_cache.VARIABLE, "here")
    assert folder().is_absolute()


def test_a_folder_that_jax_was_told_is_left_alone(plexgrad, somewhere):
    told = jax.config.jax_compilation_cache_dir
    assert told is not None  # by the tests' own settings
    assert f"kept by JAX in {told}" in plexgrad("doctor", "--no-speed")[1]
    assert jax.config.jax_compilation_cache_dir == told
    assert not (somewhere / "cache").exists()


@pytest.mark.parametrize("words", [["--no-cache"], []])
def test_the_cache_is_asked_for_unless_it_is_turned_off(plexgrad, monkeypatch, words):
    asked = []
    monkeypatch.setattr(compile_cache, "use", asked.append)
    assert plexgrad(*words, "data", "fetch", "xor")[0] == 0
    assert asked == [not words]
