"""A private cache for every test, fake files, and the folder of real ones."""

import gzip
import os
from pathlib import Path

import jaxtyping
import numpy as np
import pytest

from plexgrad.data.mnist import FILES

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def real_folder():
    """The folder with mnist/, fashion-mnist/ and cifar-10/, if this machine has it."""
    folder = Path(os.environ.get("PLEXGRAD_DATA", BESIDE))
    if not folder.is_dir():
        pytest.skip(f"PLEXGRAD_DATA is not set and there is no {BESIDE}")
    return folder


@pytest.fixture(autouse=True)
def cache_home(tmp_path_factory, monkeypatch):
    """Every test has its own empty user cache and no PLEXGRAD_DATA."""
    home = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.delenv("PLEXGRAD_DATA", raising=False)
    return home / "plexgrad"


@pytest.fixture
def unchecked():
    """No type checks: a bad value meets the validators, as it does for a user."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def encode_idx():
    """An array as the bytes of an IDX file."""
    codes = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}

    def encode(array):
        header = bytes([0, 0, codes[array.dtype.str[1:]], array.ndim])
        sizes = np.array(array.shape, ">u4").tobytes()
        return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()

    return encode


@pytest.fixture
def idx_contents(encode_idx):
    """What four small files of the MNIST family hold: 5 training images, 3 for test."""
    draw = np.random.default_rng(0)
    contents = {}
    for images, labels, n in (FILES[:2] + (5,), FILES[2:] + (3,)):
        contents[images] = encode_idx(draw.integers(0, 256, (n, 28, 28), np.uint8))
        contents[labels] = encode_idx(draw.integers(0, 10, n, np.uint8))
    return contents


@pytest.fixture
def write_idx(tmp_path):
    """Write such contents, packed, into a folder's mnist/; the folder."""

    def write(contents, name="mnist"):
        place = tmp_path / name
        place.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            (place / file).write_bytes(gzip.compress(content, mtime=0))
        return tmp_path

    return write
