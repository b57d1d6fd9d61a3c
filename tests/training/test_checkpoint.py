"""One file from which a run goes on, and what is wrong with a file that cannot."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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


def test_a_new_checkpoint_replaces_the_old_and_leaves_nothing_else(file):
    checkpoint.save(file, STATE, PROGRESS | {"done": 13})
    assert int(checkpoint.load(file, STATE)[1]["done"]) == 13
    assert [path.name for path in file.parent.iterdir()] == [file.name]


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
