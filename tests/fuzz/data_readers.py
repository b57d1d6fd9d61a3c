"""Readers of data sets: samples, and what is done with what is accepted."""

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

from plexgrad.data import batches, idx, image_tar, pickled

from .reader import Reader, from_file


def _idx_samples(folder: Path) -> list[bytes]:
    plain = [b"\0\0\x08\1\0\0\0\5abcde", b"\0\0\x08\3\0\0\0\2\0\0\0\2\0\0\0\1abcd"]
    return [*plain, *(gzip.compress(data, mtime=0) for data in plain)]


def _idx(folder: Path, data: bytes, drawn: bool) -> Any:
    path = folder / ("images.gz" if data[:2] == b"\x1f\x8b" else "images")
    path.write_bytes(data)
    return idx.decode(str(path), idx.unpacked(path, 4096))


def _pickles(folder: Path) -> list[bytes]:
    from tests.data.test_cifar10_original import as_python_2, batch_of

    meta = {b"label_names": [b"a", b"b"], b"num_vis": 3072}
    return [as_python_2(batch_of(0, 2)), as_python_2(meta)]


def _pickle(folder: Path, data: bytes, drawn: bool) -> Any:
    as_what = batches._pair if b"data" in pickled.read("here", data) else batches._names
    as_what("here", data)


def _tars(folder: Path) -> list[bytes]:
    from tests.data.test_cifar10_images import pictures

    made = []
    for format, mode in (("PNG", "w"), ("JPEG", "w:gz")):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as archive:
            for name, content in pictures("ab", format).items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        made.append(buffer.getvalue())
    return made


@from_file("cifar10.tar")
def _tar(path: Path, drawn: bool) -> Any:
    return image_tar.read(path, image_tar.Limits(9, 32))


def _pictures(folder: Path) -> list[bytes]:
    from tests.data.test_cifar10_images import picture

    return [picture(9, "PNG", 8), picture(9, "JPEG", 8)]


def _picture(folder: Path, data: bytes, drawn: bool) -> Any:
    return image_tar._pixels("here", data, 32)


READERS = (
    Reader("IDX", _idx_samples, _idx),
    Reader("CIFAR pickle", _pickles, _pickle),
    Reader("archive of images", _tars, _tar),
    Reader("PNG and JPEG", _pictures, _picture),
)
