"""One file from which a run goes on, and what is wrong with a file that cannot."""

import io
import os
import re
import tracemalloc
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plexgrad.core.record import Record
from plexgrad.training import checkpoint

STATE = {"w": jnp.arange(6.0).reshape(2, 3), "count": jnp.uint32(7)}
PROGRESS = {"done": 12, "slot": np.arange(3), "scores": np.zeros((3, 2, 4), np.float32)}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "checkpoint.npz"
    checkpoint.save(path, STATE, PROGRESS)
    return path


def test_what_was_saved_is_loaded_bit_for_bit(file):
    state, progress = checkpoint.load(file, STATE)
    assert jax.tree.structure(state) == jax.tree.structure(STATE)
    jax.tree.map(np.testing.assert_array_equal, state, STATE)
    assert progress.keys() == PROGRESS.keys()
    for name, value in PROGRESS.items():
        np.testing.assert_array_equal(progress[name], value)


def done(path):
    return int(checkpoint.load(path, STATE)[1]["done"])


def test_a_new_checkpoint_keeps_the_one_before_and_leaves_nothing_else(file):
    for number in (13, 14):
        checkpoint.save(file, STATE, PROGRESS | {"done": number})
    assert done(file) == 14
    assert done(checkpoint.previous(file)) == 13
    assert {path.name for path in file.parent.iterdir()} == {
        "checkpoint.npz",
        "checkpoint.previous.npz",
    }
    checkpoint.forget(file)
    assert not any(file.parent.iterdir())


def test_where_files_have_one_name_the_one_before_is_copied(file, monkeypatch):
    def refuse(*names):
        raise OSError("no links here")

    monkeypatch.setattr(checkpoint.os, "link", refuse)
    checkpoint.save(file, STATE, PROGRESS | {"done": 13})
    assert (done(file), done(checkpoint.previous(file))) == (13, 12)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_both_and_a_kill_one_file_of_two_names(
    file, monkeypatch, step
):
    checkpoint.save(file, STATE, PROGRESS | {"done": 13})
    plain = getattr(os, step)

    def fail(*names):
        # Of the two that take a place, the checkpoint's own is the last.
        if step != "replace" or names[-1] == file:
            raise OSError(28, "No space left on device")
        return plain(*names)

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(file, STATE, PROGRESS | {"done": 14})
    monkeypatch.undo()
    before = 13 if step == "replace" else 12
    assert (done(file), done(checkpoint.previous(file))) == (13, before)
    checkpoint.save(file, STATE, PROGRESS | {"done": 15})
    assert (done(file), done(checkpoint.previous(file))) == (15, 13)
    assert len(list(file.parent.iterdir())) == 2


@pytest.mark.parametrize("content", [None, b"", b"PK", "zeros", "short"])
def test_the_one_before_is_used_where_the_newest_is_damaged(file, content):
    checkpoint.save(file, STATE, PROGRESS | {"done": 13})
    whole = file.read_bytes()
    damaged = {"zeros": whole[:99] + bytes(16) + whole[115:], "short": whole[:-1]}
    if content is None:
        file.unlink()
        assert done(file) == 12
    else:
        file.write_bytes(damaged.get(content, content))
        with pytest.warns(UserWarning, match=r"the one before it is used, checkpoint"):
            assert done(file) == 12
        assert checkpoint.damaged(file).is_file()
    # The good one is kept until there is a newer good one.
    checkpoint.save(file, STATE, PROGRESS | {"done": 14})
    assert (done(file), done(checkpoint.previous(file))) == (14, 12)


def test_a_checkpoint_written_without_a_digest_is_loaded(file):
    names = {"state_0": STATE["count"], "state_1": STATE["w"], "progress_done": 12}
    with file.open("wb") as opened:
        np.savez(opened, names=np.array(sorted(names)), **names)
    assert done(file) == 12


def test_zeroed_bytes_are_found_wherever_they_are(file):
    whole = file.read_bytes()
    for place in range(0, len(whole) - 16, 7):
        zeroed = whole[:place] + bytes(16) + whole[place + 16 :]
        file.write_bytes(zeroed)
        if zeroed != whole:
            with pytest.raises(ValueError, match=re.escape(str(file))):
                checkpoint.load(file, STATE)


@pytest.mark.parametrize("text", [None, "{", "[" * 200_000])
def test_the_spec_is_that_of_the_record_or_else_of_the_checkpoint(tmp_path, text):
    file, spec = tmp_path / "checkpoint.npz", {"task": {"name": "xor"}, "slots": 5}
    with pytest.raises(FileNotFoundError, match="no record at"):
        checkpoint.spec_of(tmp_path)
    Record(spec | {"slots": 6}, {}, {}, {}, {}, {}).save(tmp_path)
    checkpoint.save(file, STATE, PROGRESS, spec)
    assert checkpoint.spec_of(tmp_path)["slots"] == 6
    record = tmp_path / "record.json"
    record.unlink() if text is None else record.write_text(text)
    with pytest.warns(UserWarning, match=r"record.*goes on by what .*npz says"):
        assert checkpoint.spec_of(tmp_path) == spec
    file.unlink()
    kind = FileNotFoundError if text is None else ValueError
    with pytest.raises(kind, match=r"record\.json"):
        checkpoint.spec_of(tmp_path)


def header(shape, descr="<f4"):
    buffer = io.BytesIO()
    said = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, said)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(header((2**40,)), id="a shape beyond its bytes"),
        pytest.param(header((-1, -6)) + bytes(24), id="a negative shape"),
        pytest.param(header((10**8,), "<U0"), id="texts of no bytes"),
        pytest.param(header((1,), "|O") + bytes(8), id="an object"),
        pytest.param(b"hello", id="no array"),
    ],
)
def test_an_array_is_as_large_as_its_bytes(file, content):
    buffer = io.BytesIO()
    np.save(buffer, np.array(["state_0"]))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("state_0.npy", content)
        archive.writestr("names.npy", buffer.getvalue())
    with pytest.raises(ValueError, match=f"{re.escape(str(file))} must be a check"):
        checkpoint.load(file, {"w": np.zeros(6, np.float32)})


def test_names_of_no_bytes_take_no_memory(file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("names.npy", header((10**8,), "<U0"))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"must be a checkpoint: .* must be of one"):
        checkpoint.read(file)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**21


def test_a_zip_bomb_is_not_unpacked(file):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("state_0.npy", header((2**23,)) + bytes(2**25))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"its arrays must have .* bytes, got"):
        checkpoint.load(file, {"w": np.zeros(6, np.float32)})
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**21


@pytest.mark.parametrize(
    "like",
    [
        {"w": jnp.zeros((3, 2)), "count": jnp.uint32(0)},
        {"w": jnp.zeros((2, 3)), "count": jnp.float32(0)},
        {"w": jnp.zeros((2, 3))},
        {"w": jnp.zeros((2, 3)), "count": jnp.uint32(0), "z": jnp.zeros(1)},
    ],
    ids=["shape", "dtype", "fewer", "more"],
)
def test_the_state_of_another_run_is_refused(file, like):
    with pytest.raises(ValueError, match=f"{re.escape(str(file))} must hold the state"):
        checkpoint.load(file, like)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a checkpoint", b"\x93NUMPY"])
def test_another_file_is_refused(file, content):
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"{re.escape(str(file))} must be a check"):
        checkpoint.load(file, STATE)


def test_a_bare_array_is_refused(file):
    with file.open("wb") as opened:
        np.save(opened, np.zeros(3))
    with pytest.raises(ValueError, match=f"{re.escape(str(file))} must be a check"):
        checkpoint.load(file, STATE)


def test_a_truncated_file_is_refused_wherever_it_ends(file):
    whole = file.read_bytes()
    for end in range(0, len(whole), 37):
        file.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=re.escape(str(file))):
            checkpoint.load(file, STATE)


@pytest.mark.parametrize("flip", [1, 255])
def test_a_file_damaged_anywhere_is_refused_or_unharmed(file, flip):
    whole, refused = file.read_bytes(), 0
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= flip
        file.write_bytes(bytes(damaged))
        try:
            state, progress = checkpoint.load(file, STATE)
        except ValueError:
            refused += 1
            continue
        jax.tree.map(np.testing.assert_array_equal, state, STATE)
        assert int(progress["done"]) == PROGRESS["done"]
    assert refused > len(whole) / 6
