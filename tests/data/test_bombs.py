"""Files that unpack to more than a data set: refused, and never unpacked.

Memory is measured in this process, against what the data set itself takes.
"""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc
import zlib

import numpy as np
import pytest

from plexgrad.data import batches, image_tar, load
from plexgrad.data.batches import FOLDER
from plexgrad.data.cifar10 import ARCHIVE
from plexgrad.data.members import members
from plexgrad.data.mnist import FILES

from .test_cifar10_images import picture, pictures, write_tar
from .test_cifar10_original import as_python_2

LIMITS = image_tar.Limits(count=30, side=32)


@pytest.fixture
def memory():
    """The most memory that a call takes, in bytes."""

    def of(call, *arguments):
        tracemalloc.start()
        try:
            result = call(*arguments)
            return tracemalloc.get_traced_memory()[1], result
        finally:
            tracemalloc.stop()

    return of


def refused(memory, message, call, *arguments):
    """The memory that a call takes until it refuses."""

    def refuse():
        with pytest.raises(ValueError, match=message):
            call(*arguments)

    return memory(refuse)[0]


def size_of(data):
    return sum(a.nbytes for a in (data.x_train, data.y_train, data.x_test, data.y_test))


def test_idx_takes_at_most_twice_the_data_set(
    memory, encode_idx, idx_contents, write_idx
):
    idx_contents[FILES[0]] = encode_idx(np.zeros((2000, 28, 28), np.uint8))
    idx_contents[FILES[1]] = encode_idx(np.zeros(2000, np.uint8))
    folder = write_idx(idx_contents)
    load("mnist", folder)
    most, data = memory(load, "mnist", folder)
    assert most < 2 * size_of(data)


@pytest.mark.parametrize("axes", [1, 3, 255])
@pytest.mark.parametrize("stated", [3, 2**31])
def test_an_idx_bomb_is_not_unpacked(memory, idx_contents, write_idx, axes, stated):
    header = bytes([0, 0, 8, axes]) + struct.pack(">I", stated) * axes
    idx_contents[FILES[0]] = header + bytes(2**24)
    folder = write_idx(idx_contents)
    assert refused(memory, f"{FILES[0]} must", load, "mnist", folder) < 2**20


def original(folder, count=200):
    place = folder / "cifar-10" / FOLDER
    place.mkdir(parents=True)
    rows = np.zeros((count, 3072), np.uint8)
    for name in (*batches.TRAIN, batches.TEST):
        content = {b"data": rows, b"labels": [1] * count}
        (place / name).write_bytes(as_python_2(content))
    names = [bytes([97 + n]) for n in range(10)]
    (place / batches.META).write_bytes(as_python_2({b"label_names": names}))
    return place


def test_cifar_10_takes_at_most_twice_the_data_set(memory, tmp_path):
    place = original(tmp_path)
    load("cifar-10", tmp_path)
    most, data = memory(load, "cifar-10", tmp_path)
    assert most < 2 * size_of(data)
    with tarfile.open(place.parent / ARCHIVE.file, "w:gz") as archive:
        archive.add(place, FOLDER)
    for path in place.iterdir():
        path.unlink()
    place.rmdir()
    most, again = memory(load, "cifar-10", tmp_path)
    assert np.array_equal(again.x_train, data.x_train)
    assert most < 2 * size_of(data) + 2**20


def test_images_take_at_most_twice_the_data_set(memory, tmp_path):
    write_tar(tmp_path / "cifar10.tar.gz", pictures())
    load("cifar-10", tmp_path)
    write_tar(tmp_path / "cifar10.tar.gz", {**pictures(), "train/a/x.png": picture(1)})
    most, data = memory(load, "cifar-10", tmp_path)
    assert most < 2 * size_of(data) + 2**20


def test_a_batch_that_is_too_large_is_not_read(memory, tmp_path):
    place = original(tmp_path, 2)
    with (place / batches.TEST).open("wb") as file:
        file.truncate(2**33)  # a hole takes no disk
    message = f"{batches.TEST} must have at most {batches.LARGEST} bytes, got {2**33}"
    assert refused(memory, message, load, "cifar-10", tmp_path) < 2**21


def png(width, height):
    """A picture of so many pixels, all of one colour, in few bytes."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(2**16))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )


@pytest.mark.parametrize("width", [33, 9000, 30_000, 2**31 - 1])
def test_a_picture_is_measured_before_it_is_unpacked(memory, tmp_path, width):
    write_tar(tmp_path / "cifar10.tar.gz", {"train/a/0.png": png(width, width)})
    most = refused(memory, "0.png must be an image", load, "cifar-10", tmp_path)
    assert most < 2**21


def tar_of(*parts):
    """An archive of headers and contents as they are given."""
    buffer = io.BytesIO()
    for info, content in parts:
        buffer.write(info.tobuf() if isinstance(info, tarfile.TarInfo) else info)
        buffer.write(content + bytes(-len(content) % 512))
    return buffer.getvalue() + bytes(1024)


def info(name, size, kind=tarfile.REGTYPE):
    made = tarfile.TarInfo(name)
    made.size, made.type = size, kind
    return made


LONG = 2**22


def of_one(name, kind=tarfile.REGTYPE):
    """An archive of one member, which is far too long."""
    return lambda: tar_of((info(name, LONG, kind), bytes(LONG)))


def many():
    return tar_of(*[(info("a", 0), b"")] * (LIMITS.members + 1))


def sparse(content):
    """An archive of one member that is kept without its holes."""
    said = b"".join(
        _pax(key, value)
        for key, value in (
            (b"GNU.sparse.major", b"1"),
            (b"GNU.sparse.minor", b"0"),
            (b"GNU.sparse.name", b"train/a/0.png"),
            (b"GNU.sparse.realsize", b"%d" % LONG),
        )
    )
    return tar_of(
        (info("pax", len(said), b"x"), said), (info("0.png", len(content)), content)
    )


ARCHIVES = {
    "a member": of_one("train/a/0.png"),
    "a member that is not read": of_one("README"),
    "a folder with content": of_one("a", b"5"),
    "a name": of_one("././@LongLink", b"L"),
    "a link's name": of_one("././@LongLink", b"K"),
    "what is said": of_one("pax", b"x"),
    "what is said of all": of_one("pax", b"g"),
    "members without end": many,
    "a hole": lambda: sparse(b"1\n0\n%d\n" % LONG),
    "holes without end": lambda: sparse(b"%d\n" % 2**19 + b"0\n" * 2**20),
}


def _pax(key, value):
    body = b" " + key + b"=" + value + b"\n"
    size = next(n for n in range(len(body), 99) if len(b"%d" % n) + len(body) == n)
    return b"%d" % size + body


PACK = {
    "tar": bytes,
    "tar.gz": lambda data: gzip.compress(data, 1, mtime=0),
    "tar.xz": lambda data: lzma.compress(data, preset=0),
    "tar.bz2": lambda data: bz2.compress(data, 1),
}


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_that_unpacks_to_more_is_not_unpacked(
    memory, tmp_path, kind, ending
):
    path = tmp_path / f"cifar10.{ending}"
    path.write_bytes(PACK[ending](ARCHIVES[kind]()))
    most = refused(memory, f"{path} must", image_tar.read, path, LIMITS)
    assert most < 2**21


def test_members_are_read_to_a_stated_total(tmp_path):
    path = tmp_path / "some.tar"
    path.write_bytes(tar_of(*[(info(f"{n}", 900), bytes(900)) for n in range(5)]))
    found = {name: len(read()) for name, read in members(path, 900, 99, 2**20)}
    assert found == {str(n): 900 for n in range(5)}
    with pytest.raises(ValueError, match="must unpack to at most 3000 bytes"):
        [read() for _, read in members(path, 900, 99, 3000)]
    with pytest.raises(ValueError, match="must have less than 5 members, got more"):
        list(members(path, 900, 5, 2**20))
